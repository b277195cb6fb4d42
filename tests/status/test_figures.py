"""The metrics as JSON: the known keys, each request counted once."""

from omi_actors.instruments.metrics import Extremes
from omi_actors.instruments.minutes import Minutes
from omi_actors.instruments.readings import Readings
from omi_actors.status.figures import build_figures


def labels(**pairs):
    return tuple(sorted(pairs.items()))


NOTHING = build_figures(Readings({}), Extremes(), Minutes(0.0), hits=0, misses=0)


def test_keys_are_those_of_the_document():
    assert {name: set(value) for name, value in NOTHING.items() if isinstance(value, dict)} == {
        "requests": {"total", "success", "failed", "clientErrors", "serverErrors", "closed", "pages"},
        "performance": {"avgResponseTime", "maxResponseTime", "minResponseTime", "p50", "p95", "p99"},
        "errors": {"total", "byType"},
        "webhooks": {"processed", "failed", "byFate", "avgProcessingTime"},
        "database": {"queries", "errors", "avgQueryTime"},
        "cache": {"hits", "misses", "hitRate"},
        "queue": {"enqueued", "processed", "failed", "avgProcessingTime"},
    }
    assert set(NOTHING) == {
        *("requests", "performance", "errors", "webhooks", "database", "cache", "queue", "activeRequests")
    }


def test_nothing_measured_is_none_and_nothing_counted_is_0():
    assert NOTHING["performance"] == dict.fromkeys(NOTHING["performance"])
    assert set(NOTHING["requests"].values()) == {0}
    assert NOTHING["errors"] == {"total": 0, "byType": {}}
    assert NOTHING["cache"] == {"hits": 0, "misses": 0, "hitRate": 0}


def test_only_2xx_and_3xx_are_successes():
    counts = {"2xx": 6, "3xx": 1, "4xx": 2, "5xx": 3, "closed": 1}
    requests = {labels(route="r", method="GET", status=status): count for status, count in counts.items()}

    figures = build_figures(Readings({"omi_http_requests_total": requests}), Extremes(), Minutes(0.0), hits=0, misses=0)

    kinds = {"clientErrors": 2, "serverErrors": 3, "closed": 1, "pages": 0}
    assert figures["requests"] == {"total": 13, "success": 7, "failed": 6, **kinds}
    assert figures["errors"] == {"total": 5, "byType": {"http_4xx": 2, "http_5xx": 3}}


def test_times_are_milliseconds():
    extremes = Extremes()
    for seconds in (0.5, 0.25, 2.0):
        extremes.note(seconds)
    sums = {"omi_store_commit_seconds": (3.0, 2), "omi_store_read_seconds": (1.0, 2)}
    samples: dict[str, dict[tuple[tuple[str, str], ...], float]] = {
        f"{name}_sum": {(): total} for name, (total, _) in sums.items()
    }
    samples |= {f"{name}_count": {(): count} for name, (_, count) in sums.items()}

    figures = build_figures(Readings(samples), extremes, Minutes(0.0), hits=0, misses=0)

    assert (figures["performance"]["minResponseTime"], figures["performance"]["maxResponseTime"]) == (250, 2000)
    assert figures["database"] == {"queries": 4, "errors": 0, "avgQueryTime": 1000}


def test_hit_rate_is_the_share_of_sessions_that_were_in_memory():
    figures = build_figures(Readings({}), Extremes(), Minutes(0.0), hits=6, misses=4)

    assert figures["cache"] == {"hits": 6, "misses": 4, "hitRate": "60.00%"}


def test_webhook_that_was_not_stored_has_failed():
    outcomes = {"accepted": 10, "dropped": 3, "refused": 2}
    webhooks = {labels(kind="k", outcome=outcome): count for outcome, count in outcomes.items()}

    figures = build_figures(Readings({"omi_webhooks_total": webhooks}), Extremes(), Minutes(0.0), hits=0, misses=0)

    assert (figures["webhooks"]["processed"], figures["webhooks"]["failed"]) == (10, 5)
