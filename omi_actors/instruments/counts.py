"""Counts: what the operator's page counts, by name, out of the readings of all metrics.

The same names serve the counts since the start, the growth of a window, and that of a minute.
Not here: latencies (latencies.py), minutes (minutes.py), words (status/). Threads: any; pure.
"""

from collections.abc import Mapping

from omi_actors.instruments.latencies import PAGES, group_of
from omi_actors.instruments.readings import Readings

# Notifications that reached Omi, or that were not meant to go.
_NOT_FAILED = frozenset(("sent", "taken", "expired", "unwanted"))
# Classes of a request's end: answered, an error of its caller, an error of ours, or the caller left before the reply.
_CLASSES = {"1xx": "ok", "2xx": "ok", "3xx": "ok", "4xx": "client_errors", "5xx": "failed", "closed": "closed"}
# The reason of a drop that leaves the rest of the webhook stored.
IN_PART = "invalid_segments"


def count(readings: Readings) -> dict[str, float]:
    """Return the counts by name."""
    return {
        **_requests(readings),
        **_webhooks(readings),
        **_answers(readings),
        **_insides(readings),
    }


def growth(now: Mapping[str, float], before: Mapping[str, float]) -> dict[str, float]:
    """Return by how much the counts grew."""
    return {name: value - before.get(name, 0.0) for name, value in now.items()}


def _requests(readings: Readings) -> dict[str, float]:
    """Count requests by class; those of pages, assets and probes are apart, or looking would raise the success rate."""
    found = dict.fromkeys(("requests", "ok", "client_errors", "failed", "closed", "pages"), 0.0)
    for labels, value in readings.samples.get("omi_http_requests_total", {}).items():
        pairs = dict(labels)
        if group_of(pairs.get("route", "")) == PAGES:
            found["pages"] += value
        else:
            found["requests"] += value
            found[_CLASSES.get(pairs.get("status", ""), "closed")] += value
    return found


def _webhooks(readings: Readings) -> dict[str, float]:
    by_outcome = readings.by("outcome", "omi_webhooks_total")
    in_part = readings.total("omi_webhooks_dropped_total", reason=IN_PART)
    return {
        "webhooks": sum(by_outcome.values()),
        "accepted": by_outcome.get("accepted", 0.0),
        "repeated": by_outcome.get("repeated", 0.0),
        "dropped_in_part": in_part,
        "dropped": by_outcome.get("dropped", 0.0) - in_part,
        "refused": by_outcome.get("refused", 0.0),
        "cut": by_outcome.get("cut", 0.0),
    }


def _answers(readings: Readings) -> dict[str, float]:
    answers = readings.by("outcome", "omi_answers_total")
    calls = readings.by("outcome", "omi_model_seconds_count")
    notifications = readings.by("outcome", "omi_notifications_total")
    return {
        "questions": readings.total("omi_questions_total"),
        "not_meant": readings.total("omi_questions_not_meant_total"),
        "answered": answers.get("answered", 0.0),
        "unanswered": answers.get("failed", 0.0),
        "model_calls": sum(calls.values()),
        "model_failed": sum(calls.values()) - calls.get("done", 0.0) - calls.get("cancelled", 0.0),
        "notified": notifications.get("sent", 0.0),
        "not_notified": sum(value for word, value in notifications.items() if word not in _NOT_FAILED),
    }


def _insides(readings: Readings) -> dict[str, float]:
    attempts = readings.by("outcome", "omi_job_attempts_total")
    return {
        "commits": readings.total("omi_store_commit_seconds_count"),
        "store_reads": readings.total("omi_store_read_seconds_count"),
        "store_errors": readings.total("omi_store_errors_total"),
        "jobs_done": attempts.get("done", 0.0),
        "jobs_dead": attempts.get("buried", 0.0),
        "cache_hits": readings.total("omi_session_lookups_total", outcome="hit"),
        "cache_misses": readings.total("omi_session_lookups_total", outcome="miss"),
        "crashes": readings.total("omi_actor_crashes_total"),
        "restarts": readings.total("omi_actor_restarts_total"),
    }


def success_share(counts: Mapping[str, float]) -> float | None:
    """Return the share of requests that were answered; wrong ones (4xx), and those whose callers left, are not counted.

    None without any.
    """
    right = counts.get("ok", 0.0) + counts.get("failed", 0.0)
    return counts.get("ok", 0.0) / right if right else None


def gauge(readings: Readings) -> dict[str, float]:
    """Return the present values by name."""
    return {
        "active": max(0.0, readings.total("omi_http_requests_active")),
        "jobs_waiting": readings.total("omi_jobs", state="ready"),
        "dead_jobs": readings.total("omi_jobs", state="dead"),
        "oldest_job_s": readings.total("omi_oldest_ready_job_seconds"),
        "sessions": readings.total("omi_sessions_live"),
        "memory_bytes": readings.total("omi_process_resident_bytes"),
        "loop_lag_s": readings.total("omi_loop_lag_max_seconds"),
        "quarantined": readings.total("omi_actors_quarantined"),
        "zombies": readings.total("omi_zombie_actors"),
    }
