"""What /omi-webhook/queue-status says: the job queue and the sessions in memory, under the names that Omi's tools know.

Not here: counting (store/jobs.py, actors/session/router.py), who may see it (web/). Threads: the event loop's.
"""

from typing import Any

from config.settings import Settings
from omi_actors.actors.queue.dispatcher import TICK_S
from omi_actors.actors.session.router import LiveSessions
from omi_actors.domain.work.jobs import KindCounts, QueueCounts
from omi_actors.instruments.readings import Readings

_ATTEMPTS = "omi_job_attempts_total"
# Keys that other servers of this kind fill, and what stands behind them here.
_NOTES = {
    "queueLength": "jobs that wait for their first attempt; those that wait for another are in retryQueueSize",
    "batchSize": "the most jobs that are claimed at a time: as many as there are places for answers",
    "processingInterval": "ms between two looks at the table; a job that is enqueued here is looked for at once",
    "processed": "done jobs that the table still holds; sinceStart counts what this process has done",
    "failed": "attempts that failed since the process began, as retried: those of them that were put off",
    "paused": "kinds that are not begun, * for all, and for how many seconds; `omi-actors queue resume` ends it",
    "lastProcessedQuestion": "null: each session remembers its own questions, and nobody counts them",
    "sessionCache": "sessions in memory; hits and misses since the process began",
    "ENABLE_USER_SYSTEM": "accounts do not exist here yet",
    "ENABLE_CONTEXT_ACTIVATION": "sessions hear wake phrases over webhooks and pauses",
    "ENABLE_PROMPT_WORKERS": "background jobs always run",
}


def build_queue_status(
    counts: QueueCounts, live_sessions: LiveSessions, settings: Settings, *, now_s: float, readings: Readings
) -> dict[str, Any]:
    """Return queue, caches, feature flags, and notes on what a key means here. Nothing of it is a guess.

    `readings` are all metrics, now: they count from this process's start; all else is what the table holds.
    """
    by_state = counts.by_state
    since_start = _since_start(readings)
    return {
        "ok": True,
        "queue": {
            "queueLength": by_state["ready"] - counts.retrying,
            "processing": by_state["running"] > 0,
            "batchSize": settings.openai_max_concurrency,
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
        },
        "caches": {
            "sessionCache": live_sessions.count(),
            "sessionCacheHits": live_sessions.hits,
            "sessionCacheMisses": live_sessions.misses,
            "lastProcessedQuestion": None,
        },
        "featureFlags": {
            "ENABLE_USER_SYSTEM": False,
            "ENABLE_CONTEXT_ACTIVATION": True,
            "ENABLE_PROMPT_WORKERS": True,
        },
        "notes": _NOTES,
    }


def _since_start(readings: Readings, **kind: str) -> dict[str, int]:
    """Return what this process has done with jobs, of one kind or of all."""
    by_outcome = readings.by("outcome", _ATTEMPTS, **kind)
    done, retried, buried = (int(by_outcome.get(outcome, 0)) for outcome in ("done", "retried", "buried"))
    return {"processed": done, "failed": retried + buried, "retried": retried, "dead": buried}


def _by_kind(counts: QueueCounts, readings: Readings, now_s: float) -> dict[str, Any]:
    """Return the same figures for each kind of which there is a job, or was since the start."""
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
