"""The messages of the job queue and its workers.

Not here: jobs as values (domain/work/jobs.py). Threads: frozen, any.
"""

from dataclasses import dataclass

from omi_actors.domain.work.jobs import ClaimedJob
from omi_actors.jobs.attempt import Attempted
from omi_actors.kit.messages import Request

# --- to the job queue ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class JobsEnqueued:
    """Sent after the commit of a job of this kind. A hint only: the job table is the queue."""

    kind: str


@dataclass(frozen=True, slots=True)
class ReservationEnded:
    """Sent by the commit that reserved a slot with `token`: the job it leased, None without one.

    `is_unknown`: the store did not reply in time, so that `job_id` may be stored and leased all the same.
    """

    kind: str
    job_id: str
    token: str
    job: ClaimedJob | None = None
    is_unknown: bool = False


@dataclass(frozen=True, slots=True)
class WorkElsewhere:
    """Sent by the backplane runner: another node has work of this kind and no free slot. A hint, too."""

    kind: str


@dataclass(frozen=True, slots=True)
class QueueTick:
    """The queue's own timer: claim jobs without a hint, and take back jobs of expired leases."""


@dataclass(frozen=True, slots=True)
class WorkersReady:
    """Sent by the workers at their start: they can begin jobs at once."""


@dataclass(frozen=True, slots=True)
class JobsClaimed:
    """Sent by the queue's own claim of `kinds` after the store's answer; `error` names its failure, "" for none."""

    kinds: tuple[str, ...]
    jobs: tuple[ClaimedJob, ...]
    error: str = ""


@dataclass(frozen=True, slots=True)
class JobFinished:
    """Sent by the workers at every end of an attempt: its slot is free."""

    token: str
    kind: str


@dataclass(frozen=True, slots=True)
class SlotsFree:
    """The queue's own timer: attempts of these kinds ended a moment ago."""

    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CancelJob:
    """Sent by a session after it cancelled the job in the store; the queue passes it on to the workers."""

    job_id: str


# --- to the workers -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RunJob:
    """Sent by the queue: make one attempt at this job."""

    job: ClaimedJob


@dataclass(frozen=True, slots=True)
class AttemptEnded:
    """Sent by the task of an attempt to its actor."""

    attempted: Attempted


@dataclass(frozen=True, slots=True)
class HeartbeatTick:
    """The workers' own timer: renew the leases of running attempts."""


@dataclass(frozen=True, slots=True)
class LeasesRenewed:
    """Sent by the workers' own heartbeat: of the asked tokens, these still hold their leases."""

    asked: frozenset[str]
    held: frozenset[str]


@dataclass(frozen=True, slots=True)
class CancelAttempts:
    """The workers' own timer while they drain: the grace is over."""


@dataclass(frozen=True, slots=True)
class Drain(Request[None]):
    """Sent at shutdown. The queue claims no more; the workers reply when all attempts are over.

    After `grace_s` seconds the workers cancel running attempts, and each releases its job.
    """

    grace_s: float
