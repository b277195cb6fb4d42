"""Child specs: how a supervisor builds a child, when it restarts it, how long it waits for its end.

Not here: starts and stops (life.py), restart intensity and backoff (restarts.py). Threads: frozen, any.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from omi_actors.kit.restarts import Backoff, Intensity

__all__ = ["Backoff", "ChildSpec", "ChildState", "Incarnation", "Intensity", "Restart", "Strategy"]


class Restart(StrEnum):
    """Restart type: the ends after which a child is started again."""

    PERMANENT = "permanent"  # always
    TRANSIENT = "transient"  # after a crash only
    TEMPORARY = "temporary"  # never, also not when a sibling restarts


class Strategy(StrEnum):
    """Strategy of a supervisor: the siblings that are restarted together with a child."""

    ONE_FOR_ONE = "one_for_one"  # none
    REST_FOR_ONE = "rest_for_one"  # those started after it
    ONE_FOR_ALL = "one_for_all"  # all


class ChildState(StrEnum):
    """State of a child."""

    STARTING = "starting"
    RUNNING = "running"
    BACKING_OFF = "backing_off"
    QUARANTINED = "quarantined"
    STOPPED = "stopped"


class Incarnation(Protocol):
    """One run of a child between two restarts: a loop actor or a thread actor, as the kit uses it."""

    def attach(self, handle: Any) -> None:
        """Set this actor's handle, before the start."""
        ...

    def begin(self) -> None:
        """Call the start hook, then take mail."""
        ...

    @property
    def in_hand(self) -> object | None:
        """Return the message that is being handled; None between two turns. From any thread."""
        ...

    def wake_up(self) -> None:
        """Check the mailbox, and check if the actor must halt. From any thread."""
        ...

    def halt(self) -> None:
        """End normally after the current turn and leave the rest of the mail. From any thread."""
        ...

    def abandon(self) -> None:
        """End now. If its thread cannot end, fence the actor; the thread is a zombie then. On the loop's thread."""
        ...


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """Description of a child. `kind` is its metric label, `name` is unique among its siblings.

    A child must stop within `shutdown_timeout_s`. A supervisor needs at least its children's time, or infinity.
    """

    name: str
    kind: str
    build: Callable[[], Incarnation]
    restart: Restart = Restart.PERMANENT
    shutdown_timeout_s: float = 5.0
    mailbox_capacity: int = 1000
