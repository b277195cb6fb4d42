"""Troubles: none when all is well, otherwise a sentence and a remedy for each."""

import pytest

from omi_actors.instruments.readings import Readings
from omi_actors.status.troubles import find_troubles

NOTHING = Readings({})
WELL = {"store": {"status": "pass"}, "model": {"status": "pass"}}


def counted(name, count=2.0, **labels):
    return Readings({name: {tuple(sorted(labels.items())): count}})


def test_there_is_no_trouble_when_all_is_well():
    assert find_troubles(WELL, NOTHING, counted("omi_deliveries_total", channel="inline", state="sent")) == []


def test_failing_check_comes_before_a_warning_with_its_note():
    checks = {"model": {"status": "warn", "note": "it is slow", "hint": "Wait."}, "store": {"status": "fail"}}

    store, model = find_troubles(checks, NOTHING, NOTHING)

    assert store.what == "Store fails."
    assert (model.what, model.do) == ("Model is not well: it is slow.", "Wait.")


@pytest.mark.parametrize(
    ("recent", "what", "do"),
    [
        (counted("omi_webhooks_dropped_total", reason="store_unavailable"), "not stored: 2", "disk has space"),
        (counted("omi_webhooks_dropped_total", reason="odd"), "(odd)", "reason odd"),
        (counted("omi_webhooks_unauthorized_total", reply="told"), "signature: 2", "address at Omi"),
        (counted("omi_http_requests_total", route="/x", status="5xx", method="GET"), "2 to /x", "log"),
        (counted("omi_actor_crashes_total", kind="session"), "2 of session", "actor crashed"),
        (counted("omi_notifications_total", outcome="unauthorized"), "(unauthorized)", "OMI_APP_SECRET"),
        (counted("omi_job_attempts_total", kind="answer", outcome="buried"), "2 (answer)", "job_attempt_failed"),
        (counted("omi_log_lines_lost_total", reason="full"), "log file: 2", "LOG_DIR"),
    ],
)
def test_trouble_of_the_last_5_minutes_has_a_remedy(recent, what, do):
    (trouble,) = find_troubles(WELL, NOTHING, recent)

    assert what in trouble.what
    assert do in trouble.do


@pytest.mark.parametrize(
    "recent",
    [
        counted("omi_notifications_total", outcome="sent"),
        counted("omi_http_requests_total", route="/x", status="4xx", method="GET"),
        counted("omi_webhooks_dropped_total", count=0.0, reason="store_unavailable"),
    ],
)
def test_what_is_as_it_should_be_is_no_trouble(recent):
    assert find_troubles(WELL, NOTHING, recent) == []


@pytest.mark.parametrize("gauge", ["omi_actors_quarantined", "omi_zombie_actors"])
def test_what_lasts_is_told_as_long_as_it_does(gauge):
    assert len(find_troubles(WELL, counted(gauge), NOTHING)) == 1
    assert find_troubles(WELL, counted(gauge, count=0.0), NOTHING) == []
