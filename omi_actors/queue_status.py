"""What /omi-webhook/queue-status says: the job queue and the sessions in memory, under the names that Omi's tools know.

Not here: counting (store/jobs.py, actors/session_router.py), who may see it (web/). Threads: the event loop's.
"""

from typing import Any

from config.settings import Settings
from omi_actors.actors.job_queue import TICK_S
from omi_actors.actors.session_router import Directory
from omi_actors.domain.jobs import QueueCounts

# Keys that other servers of this kind fill, and what stands behind them here.
_NOTES = {
    "queueLength": "jobs that wait for their first attempt; those that wait for another are in retryQueueSize",
    "batchSize": "the most jobs that are claimed at a time: as many as there are places for answers",
    "processingInterval": "ms between two looks at the table; a job that is enqueued here is looked for at once",
    "lastProcessedQuestion": "null: each session remembers its own questions, and nobody counts them",
    "sessionCache": "sessions in memory; hits and misses since the process began",
    "ENABLE_USER_SYSTEM": "accounts do not exist here yet",
    "ENABLE_CONTEXT_ACTIVATION": "sessions hear wake phrases over webhooks and pauses",
    "ENABLE_PROMPT_WORKERS": "background jobs always run",
}


def build_queue_status(counts: QueueCounts, directory: Directory, settings: Settings, now_s: float) -> dict[str, Any]:
    """Return queue, caches, feature flags, and notes on what a key means here. Nothing of it is a guess."""
    by_state = counts.by_state
    oldest_s = max(0.0, now_s - counts.oldest_ready_at) if counts.oldest_ready_at is not None else None
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
            "oldestWaitsSeconds": None if oldest_s is None else round(oldest_s, 3),
        },
        "caches": {
            "sessionCache": directory.count(),
            "sessionCacheHits": directory.hits,
            "sessionCacheMisses": directory.misses,
            "lastProcessedQuestion": None,
        },
        "featureFlags": {
            "ENABLE_USER_SYSTEM": False,
            "ENABLE_CONTEXT_ACTIVATION": True,
            "ENABLE_PROMPT_WORKERS": True,
        },
        "notes": _NOTES,
    }
