"""The counts behind /omi-webhook/queue-status: the job queue and sessions in memory, with the keys Omi's tools know.

Not here: counting (store/queue_state.py, actors/session/router.py), access (web/). Threads: the event loop's.
"""

from typing import Any

from config.settings import Settings
from omi_actors.actors.queue.dispatcher import TICK_S
from omi_actors.actors.session.router import LiveSessions
from omi_actors.domain.work.jobs import KindCounts, QueueCounts
from omi_actors.instruments.readings import Readings

_ATTEMPTS = "omi_job_attempts_total"
# The meaning here of keys that other servers of this kind have, too.
_NOTES = {
    "queueLength": "jobs that wait for their first attempt; retryQueueSize counts those that wait for another",
    "batchSize": "the most jobs that one claim takes",
    "processingInterval": "ms between two claims without a hint; a job that this server enqueues is claimed at once",
    "processed": "done jobs that the table still holds; sinceStart counts those of this process",
    "failed": "attempts that failed since the process began; retried are those of them with another attempt",
    "paused": "seconds for which each kind has been paused, * for all; `omi-actors queue resume` ends a pause",
    "lastProcessedQuestion": "null: each session remembers its own questions, and no one place has them all",
    "sessionCache": "sessions in memory; hits and misses since the process began",
    "ENABLE_CONTEXT_ACTIVATION": "sessions detect wake phrases across webhooks and pauses",
    "ENABLE_PROMPT_WORKERS": "jobs other than answers are enqueued",
}


def build_queue_status(
    counts: QueueCounts, live_sessions: LiveSessions, settings: Settings, *, now_s: float, readings: Readings
) -> dict[str, Any]:
    """Return the queue, caches, feature flags, and notes that explain the keys.

    `readings` are all metrics at this moment, counted since this process started. All else is counted in the job table.
    """
    return {
        "ok": True,
        "queue": _show_queue(counts, settings, readings, now_s),
        "caches": {
            "sessionCache": live_sessions.count(),
            "sessionCacheHits": live_sessions.hits,
            "sessionCacheMisses": live_sessions.misses,
            "lastProcessedQuestion": None,
        },
        "featureFlags": {
            "ENABLE_USER_SYSTEM": settings.enable_user_system,
            "ENABLE_CONTEXT_ACTIVATION": settings.enable_context_activation,
            "ENABLE_PROMPT_WORKERS": settings.enable_background_queue,
        },
        "notes": _NOTES,
    }


def _show_queue(counts: QueueCounts, settings: Settings, readings: Readings, now_s: float) -> dict[str, Any]:
    by_state, since_start = counts.by_state, _since_start(readings)
    return {
        "queueLength": by_state["ready"] - counts.retrying,
        "processing": by_state["running"] > 0,
        "batchSize": settings.queue_batch_size,
        "processingInterval": round(TICK_S * 1e3),
        "maxConcurrentJobs": settings.openai_max_concurrency + settings.queue_max_concurrent_jobs,
        "retryQueueSize": counts.retrying,
        "jobTypeCounts": dict(counts.ready_by_kind),
        "running": by_state["running"],
        "processed": by_state["done"],
        "dead": by_state["dead"],
        "cancelled": by_state["cancelled"],
        "oldestWaitsSeconds": _age(counts.oldest_ready_at, now_s),
        "failed": since_start["failed"],
        "retried": since_start["retried"],
        "sinceStart": since_start,
        "byKind": _by_kind(counts, readings, now_s),
        "paused": {kind: _age(since, now_s) for kind, since in counts.paused.items()},
    }


def _since_start(readings: Readings, **kind: str) -> dict[str, int]:
    """Return this process's counts of attempts for one kind of jobs, or for all kinds."""
    by_outcome = readings.by("outcome", _ATTEMPTS, **kind)
    done, retried, buried = (int(by_outcome.get(outcome, 0)) for outcome in ("done", "retried", "buried"))
    return {"processed": done, "failed": retried + buried, "retried": retried, "dead": buried}


def _by_kind(counts: QueueCounts, readings: Readings, now_s: float) -> dict[str, Any]:
    """Return the figures of each kind that has a job now, or had an attempt since the start."""
    kinds = sorted({*counts.kinds, *readings.by("kind", _ATTEMPTS)})
    return {
        kind: _show_kind(counts.kinds.get(kind, KindCounts()), _since_start(readings, kind=kind), now_s)
        for kind in kinds
    }


def _show_kind(counts: KindCounts, since_start: dict[str, int], now_s: float) -> dict[str, Any]:
    return {
        "waiting": counts.ready - counts.retrying,
        "retrying": counts.retrying,
        "running": counts.running,
        "dead": counts.dead,
        "oldestWaitsSeconds": _age(counts.oldest_ready_at, now_s),
        "sinceStart": since_start,
    }


def _age(since: float | None, now_s: float) -> float | None:
    return None if since is None else round(max(0.0, now_s - since), 3)
