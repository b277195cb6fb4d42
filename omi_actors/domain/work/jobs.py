"""Jobs as values: a new job, one claimed attempt at it, and counts of the queue.

Not here: dispatch (actors/queue/dispatcher.py), rows and statements (store/jobs.py), the work of a kind (jobs/).
Threads: any; pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from omi_actors.errors import UnreadableJobError


class JobState(StrEnum):
    """The state of a job. A dead job has used up its attempts; it is kept for 30 days by default."""

    READY = "ready"
    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """A job to enqueue. It is stored in the same transaction as the message or delivery that needs it.

    `idempotency_key` is unique for ever: a second job with the same key is not stored. Jobs of one `lane` (e.g. a
    session's id) run one at a time, in the order of enqueueing. A lower `priority` runs first. Times are UTC seconds.
    If a client chose the key, `fingerprint` is a digest of its question, so that one key means one question.
    """

    job_id: str
    kind: str
    lane: str
    idempotency_key: str
    payload: Mapping[str, Any]
    created_at: float
    run_at: float
    priority: int = 100
    max_attempts: int = 8
    request_id: str = ""
    version: int = 1
    fingerprint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedJob:
    """One attempt at a job, numbered from 1. Until `lease_until` (UTC s) only the holder of `token` may end it."""

    job_id: str
    kind: str
    lane: str
    payload: Mapping[str, Any]
    token: str
    attempt: int
    max_attempts: int
    lease_until: float
    created_at: float
    # Later than `created_at` after a failed or postponed attempt.
    run_at: float
    request_id: str
    version: int = 1
    # The payload in its row is no JSON object; here it is empty.
    is_corrupt: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class KindCounts:
    """The counts of one kind. `oldest_ready_at` is UTC seconds, None when no job waits."""

    ready: int = 0
    retrying: int = 0
    running: int = 0
    dead: int = 0
    oldest_ready_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueCounts:
    """The counts of the queue. `oldest_ready_at` is UTC seconds, None when no job waits.

    `retrying` counts the ready jobs with a failed attempt, which wait for another. `paused` maps each paused kind (`*`
    for all kinds) to the start of its pause.
    """

    by_state: Mapping[str, int]
    ready_by_kind: Mapping[str, int]
    oldest_ready_at: float | None
    retrying: int = 0
    kinds: Mapping[str, KindCounts] = field(default_factory=dict)
    paused: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PayloadForm:
    """Form of a payload: the one version that this program reads, and the names that the payload must have."""

    version: int
    required: frozenset[str]


def check_payload(job: ClaimedJob, form: PayloadForm) -> None:
    """Check that this program can read a job's payload.

    Raises:
        UnreadableJobError: it cannot. The message names the job and the remedy, but no value of the payload.
    """
    fault = _find_fault(job, form)
    if fault is not None:
        raise UnreadableJobError(
            f"{fault}. Start a program that reads it and run `omi-actors queue retry {job.job_id}`, or discard it."
        )


def _find_fault(job: ClaimedJob, form: PayloadForm) -> str | None:
    if job.is_corrupt:
        return f"the payload of job {job.job_id} is no JSON object"
    if job.version != form.version:
        return f"the payload of job {job.job_id} has version {job.version}; this program reads {form.version}"
    missing = sorted(form.required - job.payload.keys())
    return f"the payload of job {job.job_id} lacks {', '.join(missing)}" if missing else None


def unknown_kind(kind: str) -> str:
    """Return the error message for a job of an unknown kind."""
    return f"this program has no jobs of the kind {kind}"
