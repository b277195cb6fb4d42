"""The metrics as JSON, with the keys and units that dashboards of this kind of server know.

Times are milliseconds; None means that nothing was measured. A cache hit is a message to a session that is in memory.
Requests are those that are the server's work: pages, assets and probes are counted apart.
Not here: counting (instruments/). Threads: any; pure.
"""

from typing import Any

from omi_actors.instruments.counts import count
from omi_actors.instruments.latencies import TRAFFIC
from omi_actors.instruments.metrics import Extremes
from omi_actors.instruments.minutes import Minutes
from omi_actors.instruments.readings import Readings
from omi_actors.status.units import format_share


def build_figures(
    readings: Readings, extremes: Extremes, minutes: Minutes, *, hits: int, misses: int
) -> dict[str, Any]:
    """Return the figures: counts since the start, average and quantiles of requests in the last hour.

    `hits` and `misses` count look-ups of sessions in memory.
    """
    counts, times = count(readings), minutes.summary(TRAFFIC, minutes=60)
    return {
        "requests": {
            "total": round(counts["requests"]),
            "success": round(counts["ok"]),
            "failed": round(counts["requests"] - counts["ok"]),
            "clientErrors": round(counts["client_errors"]),
            "serverErrors": round(counts["failed"]),
            "closed": round(counts["closed"]),
            "pages": round(counts["pages"]),
        },
        "performance": {
            "avgResponseTime": _ms(times.mean),
            "maxResponseTime": _ms(extremes.highest),
            "minResponseTime": _ms(extremes.lowest),
            "p50": _ms(times.p50),
            "p95": _ms(times.p95),
            "p99": _ms(times.p99),
        },
        "errors": _errors(readings),
        "webhooks": _webhooks(readings),
        "database": _database(readings),
        "cache": {"hits": hits, "misses": misses, "hitRate": format_share(hits, hits + misses) if hits + misses else 0},
        "queue": _queue(readings),
        "activeRequests": round(readings.total("omi_http_requests_active")),
    }


def _errors(readings: Readings) -> dict[str, Any]:
    by_type = {f"http_{status}": readings.total("omi_http_requests_total", status=status) for status in ("4xx", "5xx")}
    by_type |= {f"store_{kind}": count for kind, count in readings.by("kind", "omi_store_errors_total").items()}
    by_type |= {f"crash_{kind}": count for kind, count in readings.by("kind", "omi_actor_crashes_total").items()}
    seen = {name: round(count) for name, count in by_type.items() if count}
    return {"total": sum(seen.values()), "byType": seen}


def _webhooks(readings: Readings) -> dict[str, Any]:
    counts = count(readings)
    fates = ("accepted", "repeated", "dropped_in_part", "dropped", "refused", "cut")
    return {
        "processed": round(counts["accepted"]),
        "failed": round(counts["dropped_in_part"] + counts["dropped"] + counts["refused"]),
        "byFate": {name: round(counts[name]) for name in fates},
        "avgProcessingTime": _ms(readings.mean("omi_http_request_seconds", route="/omi-webhook")),
    }


def _database(readings: Readings) -> dict[str, Any]:
    histograms = ("omi_store_commit_seconds", "omi_store_read_seconds")
    queries = sum(readings.total(f"{name}_count") for name in histograms)
    seconds = sum(readings.total(f"{name}_sum") for name in histograms)
    return {
        "queries": round(queries),
        "errors": round(readings.total("omi_store_errors_total")),
        "avgQueryTime": _ms(seconds / queries if queries else None),
    }


def _queue(readings: Readings) -> dict[str, Any]:
    by_outcome = readings.by("outcome", "omi_job_attempts_total")
    return {
        "enqueued": round(readings.total("omi_jobs_enqueued_total")),
        "processed": round(by_outcome.get("done", 0)),
        "failed": round(by_outcome.get("buried", 0)),
        "avgProcessingTime": _ms(readings.mean("omi_job_seconds")),
    }


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1e3, 2)
