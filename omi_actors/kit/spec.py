"""What a supervisor knows of a child before it runs: how to build it, when to restart it, how long to wait for it.

Not here: doing so (life.py, supervisor.py). Threads: frozen, any.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from omi_actors.kit.restarts import Backoff, Intensity

__all__ = ["Backoff", "ChildSpec", "ChildState", "Incarnation", "Intensity", "Restart", "Strategy"]


class Restart(StrEnum):
    """When a child that ended is started again."""

    PERMANENT = "permanent"  # always
    TRANSIENT = "transient"  # after a crash only
    TEMPORARY = "temporary"  # never, also not when a sibling restarts


class Strategy(StrEnum):
    """Who else is restarted with a child."""

    ONE_FOR_ONE = "one_for_one"  # nobody
    REST_FOR_ONE = "rest_for_one"  # those started after it
    ONE_FOR_ALL = "one_for_all"  # all


class ChildState(StrEnum):
    """Where a child stands."""

    STARTING = "starting"
    RUNNING = "running"
    BACKING_OFF = "backing_off"
    QUARANTINED = "quarantined"
    STOPPED = "stopped"


class Incarnation(Protocol):
    """One life of a child: a loop actor or a thread actor, as the kit sees it."""

    def attach(self, handle: Any) -> None:
        """Belong to this handle, before the start."""
        ...

    def begin(self) -> None:
        """Start: call the start hook soon, then take mail."""
        ...

    def wake_up(self) -> None:
        """Look at the mailbox, or at the wish to halt. From any thread."""
        ...

    def halt(self) -> None:
        """End normally after the current turn and leave the rest of the mail. From any thread."""
        ...

    def abandon(self) -> None:
        """End now, if that can be; otherwise be fenced as a zombie. On the loop's thread."""
        ...


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """A child. `kind` is its metric label, `name` tells it from its siblings.

    `shutdown_timeout_s` is for its own end; for a supervisor it must cover its children's, or be infinite.
    """

    name: str
    kind: str
    build: Callable[[], Incarnation]
    restart: Restart = Restart.PERMANENT
    shutdown_timeout_s: float = 5.0
    mailbox_capacity: int = 1000
