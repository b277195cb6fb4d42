"""Causes: each fault has a sentence and a remedy; a consequence stands below its cause; the worst names the state."""

from typing import Any

import pytest

from omi_actors.instruments import metrics
from omi_actors.instruments.spells import Spells
from omi_actors.status.causes import describe_state, find_causes
from omi_actors.status.fault import Facts

WELL = {"store": {"status": "pass"}, "model": {"status": "pass", "provider": "openai", "model": "m"}}
KEY_REFUSED: dict[str, Any] = {
    "status": "warn",
    "provider": "openai",
    "model": "m",
    "last_error": {
        "error": "UpstreamRejectedError",
        "cause": "invalid_api_key",
        "fix": "set OPENAI_API_KEY",
        "is_current": True,
        "count": 1,
        "since_seconds": 30.0,
    },
}


@pytest.fixture
def spells():
    return Spells()


def happen(spells, counter, *labels, times=1, at=100.0):
    counter.labels(*labels).inc(times)
    spells.watch(at)


def causes(spells, checks=None, *, mono_s=100.0, **more):
    return find_causes(Facts(checks={**WELL, **(checks or {})}, spells=spells, mono_s=mono_s, now_s=5_000.0, **more))


def only(found):
    (cause,) = found
    return cause


def test_there_is_no_cause_when_all_is_well(spells):
    happen(spells, metrics.ANSWERS, "answered", "")
    happen(spells, metrics.WEBHOOKS, "transcript", "accepted")

    assert causes(spells) == []
    assert describe_state([]) == ("pass", "All is well.")


def test_what_a_refused_key_causes_stands_below_it_and_nowhere_else(spells):
    happen(spells, metrics.ANSWERS, "failed", "invalid_api_key", times=3)
    happen(spells, metrics.JOB_ATTEMPTS, "answer", "buried", times=3)
    happen(spells, metrics.HTTP_REQUESTS, "/chat", "POST", "5xx")
    waiting = {"status": "warn", "oldest_waits_seconds": 70.0, "note": "it waits"}

    found = causes(spells, {"model": {**KEY_REFUSED, "breaker_pause_seconds": 12.0}, "queue": waiting})

    cause = only(found)
    assert cause.what == "The model's server refuses our key."
    assert cause.do == "Set OPENAI_API_KEY."
    assert cause.consequences == [
        "Questions ended without an answer: the model's server refuses our key. 3 times.",
        "Jobs wait. The oldest for 1 min.",
        "Requests to /chat failed. Once.",
        "The model is not asked for now: it failed several times in a row. For 12.0 s more.",
    ]
    assert cause.since == 4_970.0
    assert describe_state(found) == (
        "fail",
        "No questions are answered: the model's server refuses our key.",
    )


def test_broken_model_beside_one_that_answers_stops_nothing(spells):
    model = {**KEY_REFUSED, "fallbacks": [{"status": "pass", "model": "other"}]}

    found = causes(spells, {"model": model})

    assert only(found).status == "warn"
    assert only(found).what.endswith("other answers instead.")


@pytest.mark.parametrize(("count", "status"), [(1, "warn"), (3, "fail")])
def test_slow_model_stops_answers_from_the_third_failure_in_a_row(count, status, spells):
    error = {**KEY_REFUSED["last_error"], "cause": "timeout", "count": count}

    assert only(causes(spells, {"model": {**KEY_REFUSED, "last_error": error}})).status == status


def test_refused_webhooks_are_never_called_kept(spells):
    happen(spells, metrics.WEBHOOKS_REFUSED, "unauthorized", times=50)

    found = causes(spells)

    assert "the token is wrong" in only(found).what
    assert only(found).detail == "50 times."
    assert "WEBHOOK_TOKEN" in only(found).do
    assert describe_state(found)[1].startswith("No webhooks are stored: Omi's webhooks are refused")


def test_stranger_that_guesses_is_no_failure_while_others_are_accepted(spells):
    happen(spells, metrics.WEBHOOKS_REFUSED, "unauthorized", times=9)
    happen(spells, metrics.WEBHOOKS, "transcript", "accepted", at=101.0)

    assert only(causes(spells, mono_s=101.0)).status == "warn"


@pytest.mark.parametrize(("times", "status"), [(2, "warn"), (3, "fail")])
@pytest.mark.parametrize(
    ("well", "failing"),
    [
        ((metrics.WEBHOOKS, "transcript", "accepted"), (metrics.WEBHOOKS_REFUSED, "unauthorized")),
        ((metrics.ANSWERS, "answered", ""), (metrics.ANSWERS, "failed", "internal")),
    ],
)
def test_server_that_was_well_is_red_from_the_third_failure_in_a_row(well, failing, times, status, spells):
    happen(spells, *well)
    happen(spells, *failing, times=times)

    assert only(causes(spells)).status == status


def test_failures_that_have_stopped_say_how_long_ago_the_latest_was(spells):
    happen(spells, metrics.WEBHOOKS_REFUSED, "unauthorized", times=50)

    assert only(causes(spells, mono_s=104.0)).detail == "50 times."
    assert only(causes(spells, mono_s=122.0)).detail == "50 times. The latest 22 s ago."


def test_refusal_of_webhooks_is_told_until_one_is_accepted_and_none_was_refused_for_some_seconds(spells):
    happen(spells, metrics.WEBHOOKS_REFUSED, "unauthorized", times=5)
    happen(spells, metrics.WEBHOOKS, "transcript", "accepted", at=102.0)

    assert [len(causes(spells, mono_s=at)) for at in (102.0, 103.0, 104.0)] == [1, 1, 0]


def test_refusal_that_comes_again_and_again_is_told_between_its_times_too(spells):
    for at in (100.0, 110.0, 120.0):
        happen(spells, metrics.WEBHOOKS_REFUSED, "unauthorized", at=at)
    happen(spells, metrics.WEBHOOKS, "transcript", "accepted", at=121.0)

    assert [len(causes(spells, mono_s=at)) for at in (129.0, 140.0)] == [1, 0]


def test_headline_of_a_database_that_is_away_has_no_path(spells):
    reason = 'the store is unavailable: connection to server on socket "/run/.s.PGSQL.5432" failed: No such file'
    found = only(causes(spells, {"store": {"status": "fail", "reason": reason}}))

    assert found.what == "The store takes no writes: its database cannot be reached."
    assert found.detail.startswith("connection to server on socket")


def test_questions_that_are_answered_again_are_told_as_such_and_not_by_the_mended_cause(spells):
    happen(spells, metrics.ANSWERS, "failed", "invalid_api_key", times=3)
    happen(spells, metrics.ANSWERS, "answered", "", at=110.0)
    happen(spells, metrics.WEBHOOKS_DROPPED, "invalid", at=110.0)
    happen(spells, metrics.WEBHOOKS, "transcript", "accepted", at=120.0)

    answers, webhooks = causes(spells, mono_s=120.0)

    assert answers.what == "Questions are answered again; some had no answer."
    assert answers.detail == "The cause was: the model's server refuses our key. 3 times. The latest 20 s ago."
    assert webhooks.detail == "Once. The latest 10 s ago. Webhooks are stored again."


def test_spent_budget_is_no_failure_any_more_when_questions_are_answered_again(spells):
    happen(spells, metrics.BUDGET_REFUSALS, "all", "minute", times=9)
    assert only(causes(spells)).status == "fail"
    happen(spells, metrics.ANSWERS, "answered", "", at=110.0)

    cause = only(causes(spells, mono_s=110.0))

    assert (cause.what, cause.status) == ("The budget of the model was spent: questions were refused.", "warn")


def test_reason_that_only_repeats_the_sentence_is_left_out(spells):
    error = {**KEY_REFUSED["last_error"], "reason": "the model's server refuses our key; set another"}

    assert only(causes(spells, {"model": {**KEY_REFUSED, "last_error": error}})).detail == ""


def test_cause_that_stops_people_through_a_consequence_stands_above_warnings(spells):
    happen(spells, metrics.WEBHOOKS_DROPPED, "invalid")
    happen(spells, metrics.ACTOR_CRASHES, "session")
    happen(spells, metrics.ANSWERS, "failed", "internal", times=3)

    found = causes(spells)

    assert [cause.status for cause in found] == ["fail", "warn"]
    assert describe_state(found)[1].startswith("No questions are answered: an actor crashed")


def test_full_disk_is_the_cause_of_dropped_webhooks_and_failed_requests(spells):
    happen(spells, metrics.WEBHOOKS_DROPPED, "store_unavailable", times=9)
    happen(spells, metrics.HTTP_REQUESTS, "/memories", "POST", "5xx")
    happen(spells, metrics.STORE_ERRORS, "unavailable")
    reason = "the store is unavailable: omi.sqlite3 cannot be written (database or disk is full). Make room."

    cause = only(causes(spells, {"store": {"status": "fail", "reason": reason, "since_seconds": 7.0}}))

    assert cause.what == "The store takes no writes: database or disk is full."
    assert cause.detail == "omi.sqlite3 cannot be written (database or disk is full). Make room."
    assert len(cause.consequences) == 3
    assert (cause.status, cause.since) == ("fail", 4_993.0)


def test_webhooks_lost_to_a_store_that_works_again_are_a_warning_below_its_errors(spells):
    happen(spells, metrics.WEBHOOKS_DROPPED, "store_unavailable")
    happen(spells, metrics.STORE_ERRORS, "unavailable")

    cause = only(causes(spells))

    assert (cause.what, cause.status) == ("The store failed: unavailable.", "warn")
    assert cause.consequences == ["Webhooks are not stored: store unavailable. Once."]


def test_store_that_is_silent_has_a_sentence_without_seconds(spells):
    silent = {"status": "fail", "note": "the store has not answered for 9.8 s", "since_seconds": 9.8}

    assert only(causes(spells, {"store": silent})).what == "The store does not answer."


def test_paused_queue_is_the_cause_of_jobs_that_wait(spells):
    waiting = {"status": "warn", "oldest_waits_seconds": 70.0}

    cause = only(causes(spells, {"queue": waiting}, paused={"*": 4_900.0}))

    assert (cause.what, cause.since, cause.status) == ("The queue is paused.", 4_900.0, "fail")
    assert cause.consequences == ["Jobs wait. The oldest for 1 min."]


def test_blocked_loop_does_not_stand_above_a_dead_model(spells):
    loop = {"status": "warn", "note": "it ran 800 ms late within the last minute", "lag_max_seconds": 1.8}

    found = causes(spells, {"loop": loop, "model": KEY_REFUSED})

    assert [cause.what[:15] for cause in found] == ["The model's ser", "The event loop "]


def test_sentences_do_not_change_while_a_fault_goes_on(spells):
    happen(spells, metrics.WEBHOOKS_REFUSED, "unauthorized")
    before = describe_state(causes(spells))
    happen(spells, metrics.WEBHOOKS_REFUSED, "unauthorized", at=101.0)

    assert describe_state(causes(spells, mono_s=105.0)) == before


def test_name_keeps_its_capital_within_the_state(spells):
    lost = causes(spells, {"backplane": {"status": "warn"}})

    assert describe_state(lost)[1] == "It works, but: Redis is lost."


def test_single_blip_of_the_loop_is_no_fault_and_many_are(spells):
    blip = {"status": "warn", "note": "it ran 80 ms late", "lag_max_seconds": 0.08, "late_share": 0.001}

    assert causes(spells, {"loop": blip}) == []
    assert only(causes(spells, {"loop": {**blip, "late_share": 0.06}})).what.startswith("The event loop")


@pytest.mark.parametrize(
    ("counter", "labels", "what", "do"),
    [
        (metrics.WEBHOOKS_REFUSED, ("malformed_json",), "not JSON", "proxy"),
        (metrics.WEBHOOKS_REFUSED, ("odd",), "odd", "inspector"),
        (metrics.WEBHOOKS_DROPPED, ("invalid_segments",), "Parts of webhooks", "is stored"),
        (
            metrics.HTTP_REQUESTS,
            ("/x", "GET", "5xx"),
            "Requests to /x failed (the latest error: ValueError)",
            "timeline",
        ),
        (metrics.ACTOR_CRASHES, ("session",), "An actor crashed: session", "mistake"),
        (metrics.NOTIFICATIONS, ("unauthorized",), "Notifications do not go out: unauthorized", "OMI_APP_SECRET"),
        (metrics.JOB_ATTEMPTS, ("notify", "buried"), "Jobs failed for good: notify", "Retry"),
        (metrics.LOG_LINES_LOST, ("full",), "log file", "LOG_DIR"),
        (metrics.BUDGET_REFUSALS, ("all", "day"), "budget of the model is spent", "MODEL_TOKENS_PER_DAY"),
        (metrics.ANSWERS, ("failed", "internal"), "Questions ended without an answer: internal error", "mistake"),
    ],
)
def test_fault_has_a_remedy_and_goes_a_minute_after_its_last_event(counter, labels, what, do, spells):
    happen(spells, counter, *labels)

    cause = only(causes(spells, last_errors={"/x": "ValueError"}))

    assert what in cause.what
    assert do in cause.do
    assert cause.link.startswith("#")
    spells.watch(161.0)
    assert causes(spells, mono_s=161.0) == []


@pytest.mark.parametrize(
    ("counter", "labels"),
    [
        (metrics.NOTIFICATIONS, ("sent",)),
        (metrics.HTTP_REQUESTS, ("/x", "GET", "4xx")),
        (metrics.HTTP_REQUESTS, ("/readyz", "GET", "5xx")),
        (metrics.HTTP_REQUESTS, ("/omi-webhook", "POST", "5xx")),
        (metrics.STORE_ERRORS, ("fenced",)),
    ],
)
def test_what_is_as_it_should_be_is_no_fault(counter, labels, spells):
    happen(spells, counter, *labels)

    assert causes(spells) == []


@pytest.mark.parametrize("gauge", ["quarantined", "zombies"])
def test_what_lasts_is_told_as_long_as_it_does(gauge, spells):
    assert len(causes(spells, gauges={gauge: 1.0})) == 1
    assert causes(spells, gauges={gauge: 0.0}) == []


@pytest.mark.parametrize(
    ("name", "note", "what"),
    [
        ("backplane", "Redis: timeout for 3 s", "Redis is lost."),
        ("clock", "it is 4.0 s behind the database's", "This machine's clock is wrong."),
        ("retention", "the clock leapt", "Nothing old is deleted."),
        ("nodes", "sessions went to and fro", "Sessions go to and fro between nodes."),
    ],
)
def test_check_that_warns_is_told_with_its_note(name, note, what, spells):
    check = {"status": "warn", "note": note, "hint": "do this"}

    found = causes(spells, {name: check})

    assert only(found).what == what
    assert only(found).detail == f"{note[:1].upper()}{note[1:]}."
    assert only(found).do == "Do this."


def test_server_that_stops_says_so_before_all_else(spells):
    found = causes(spells, {"model": KEY_REFUSED}, is_draining=True)

    assert describe_state(found) == (
        "fail",
        "Nothing is stored or answered: the server is stopping: it takes no new work.",
    )


def test_demo_is_named_last_and_is_no_failure(spells):
    found = causes(spells, {"model": {"status": "warn", "provider": "demo", "model": "demo-echo"}})

    assert describe_state(found) == ("warn", "It works, but: the demo model answers: it repeats the question.")
