"""The mail of the workers.

Not here: that of the queue (actors/queue/messages.py), jobs as values (domain/work/jobs.py). Threads: frozen, any.
"""

from dataclasses import dataclass

from omi_actors.domain.work.jobs import ClaimedJob
from omi_actors.jobs.attempt import Attempted
from omi_actors.kit.asks import Request


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
