"""Headlines of the operator's page."""

from omi_actors.instruments.readings import Readings
from omi_actors.status.snapshot import build_headlines

HEALTH = {
    "checks": {"queue": {"oldest_waits_seconds": 3.0}},
    "cache": {"hits": 3, "misses": 1},
    "sessions": 12,
    "uptime": 7200,
    "memory": {"rss": 64 * 1024**2},
}


def readings(**counts):
    return Readings({name: {(): count} for name, count in counts.items()})


def values(now, recent):
    return {headline.label: (headline.value, headline.note) for headline in build_headlines(HEALTH, now, recent)}


def test_quiet_server_has_dashes_and_zeros():
    seen = values(readings(), readings())

    assert seen["Questions"] == ("0", "in the last 5 min; 0 in all")
    assert seen["Question to reply"] == ("–", "p95 in the last 5 min; p50 –")
    assert seen["Webhooks"] == ("0", "in the last 5 min, all stored")
    assert seen["Jobs waiting"] == ("0", "nothing waits")
    assert seen["Sessions"] == ("12", "in memory; hit rate 75.00%")
    assert seen["Up for"] == ("2 h 0 min", "memory 64.0 MiB")


def test_headlines_count_lost_webhooks_and_waiting_jobs():
    jobs = Readings({"omi_jobs": {(("state", "ready"),): 4.0}, "omi_questions_total": {(): 9.0}})
    recent = readings(omi_webhooks_total=50.0, omi_webhooks_dropped_total=2.0, omi_questions_total=5.0)

    seen = values(jobs, recent)

    assert seen["Questions"] == ("5", "in the last 5 min; 9 in all")
    assert seen["Webhooks"] == ("50", "in the last 5 min; 2 not stored, or in part")
    assert seen["Jobs waiting"] == ("4", "the oldest for 3.0 s")


def test_errors_of_the_server_are_counted_apart_from_those_of_its_senders():
    recent = Readings({"omi_http_requests_total": {(("status", "5xx"),): 1.0, (("status", "4xx"),): 8.0}})

    assert values(readings(), recent)["Server errors"] == ("1", "in the last 5 min, of 9 requests")
