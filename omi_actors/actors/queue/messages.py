"""The mail of the job queue.

Not here: that of its workers (worker_messages.py), jobs as values (domain/work/jobs.py). Threads: frozen, any.
"""

from dataclasses import dataclass

from omi_actors.domain.work.jobs import ClaimedJob
from omi_actors.jobs.attempt import Attempted
from omi_actors.kit.messages import Request


@dataclass(frozen=True, slots=True)
class JobsEnqueued:
    """Sent by whoever committed a job: there is work of this kind. A hint only; the table is the queue."""

    kind: str


@dataclass(frozen=True, slots=True)
class ReservationEnded:
    """Sent by the commit that booked a place with `token`: the job it leased, None if it did not.

    `is_unknown`: nobody knows whether `job_id` was stored and leased.
    """

    kind: str
    job_id: str
    token: str
    job: ClaimedJob | None = None
    is_unknown: bool = False


@dataclass(frozen=True, slots=True)
class WorkElsewhere:
    """Sent by the backplane keeper: another node has work of this kind, and no place for it. A hint, too."""

    kind: str


@dataclass(frozen=True, slots=True)
class QueueTick:
    """The queue's own timer: look for work that nobody hinted at, and take back what was left behind."""


@dataclass(frozen=True, slots=True)
class WorkersReady:
    """Sent by the workers to the queue at their start: jobs given to us now are begun at once."""


@dataclass(frozen=True, slots=True)
class JobsClaimed:
    """Sent by the queue's own claim of `kinds` when the store has answered; `error` names its failure, "" for none."""

    kinds: tuple[str, ...]
    jobs: tuple[ClaimedJob, ...]
    error: str = ""


@dataclass(frozen=True, slots=True)
class JobFinished:
    """Sent by the workers to the queue: this attempt is over, however it ended; its place is free."""

    token: str
    kind: str


@dataclass(frozen=True, slots=True)
class SlotsFree:
    """The queue's own timer: attempts of these kinds have ended a moment ago."""

    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CancelJob:
    """Sent by a session to the queue, which passes it on to the workers: cancel the attempt at this job."""

    job_id: str


@dataclass(frozen=True, slots=True)
class RunJob:
    """Sent by the queue to the workers: make one attempt at this job."""

    job: ClaimedJob


@dataclass(frozen=True, slots=True)
class AttemptEnded:
    """Sent by a worker's task to its actor."""

    attempted: Attempted


@dataclass(frozen=True, slots=True)
class HeartbeatTick:
    """The workers' own timer: renew the leases of what runs."""


@dataclass(frozen=True, slots=True)
class LeasesRenewed:
    """Sent by the workers' own heartbeat: of the asked tokens, these are still ours."""

    asked: frozenset[str]
    held: frozenset[str]


@dataclass(frozen=True, slots=True)
class CancelAttempts:
    """The workers' own timer while they drain: the grace is over."""


@dataclass(frozen=True, slots=True)
class Drain(Request[None]):
    """Sent at shutdown. The queue claims no more; the workers reply when all attempts are over.

    After `grace_s` seconds the workers cancel what still runs, and each attempt hands its job back.
    """

    grace_s: float
