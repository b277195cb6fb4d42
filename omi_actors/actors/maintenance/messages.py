"""The mail of those who keep house: mostly what an actor's own timer or task tells it.

Not here: the mail of sessions (actors/session/messages.py), queue (actors/queue/messages.py) and workers
(worker_messages.py). Threads: frozen, any.
"""

from dataclasses import dataclass

from omi_actors.domain.work.jobs import QueueCounts
from omi_actors.store.nodes import Heartbeat

# --- to the router ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SweepIdle:
    """The router's own timer: passivate what has been idle too long or is too many."""


# --- to the answer sweeper ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SweepAnswers:
    """The sweeper's own timer: look for answers that nobody has begun to give."""


# --- to the janitor -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CleanUp:
    """The janitor's own timer: look for what has been kept long enough."""


@dataclass(frozen=True, slots=True)
class NextBatch:
    """The janitor's own, between two batches."""


# --- to the metrics collector -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CollectTick:
    """The collector's own timer."""


@dataclass(frozen=True, slots=True)
class QueueCounted:
    """Sent by the collector's own question to the store; None when it did not answer."""

    counts: QueueCounts | None
    store_seconds: float


# --- to the backplane keeper --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CarrierEnded:
    """Sent by the keeper's own task: the backplane has ended although nobody told it to."""

    error: BaseException


# --- to the node keeper -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class KeepTick:
    """The keeper's own timer."""


@dataclass(frozen=True, slots=True)
class NodeConfirmed:
    """Sent by the keeper's own heartbeat: what the store says to it."""

    heartbeat: Heartbeat


@dataclass(frozen=True, slots=True)
class NodeRefused:
    """Sent by the keeper's own heartbeat: this machine's clock is too far from the database's."""

    reason: str
