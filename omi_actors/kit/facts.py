"""What supervisors are told, and what they tell.

Not here: what they do about it (supervisor.py, dynamic_supervisor.py). Threads: frozen, any.
"""

from dataclasses import dataclass

from omi_actors.kit.handle import Handle
from omi_actors.kit.messages import Control


@dataclass(frozen=True, slots=True)
class ChildExited(Control):
    """To the supervisor: incarnation number `generation` ended, normally (`error` None) or by a crash."""

    handle: Handle
    generation: int
    error: BaseException | None


@dataclass(frozen=True, slots=True)
class StartChild(Control):
    """To a dynamic supervisor: start this child, unless it runs or sits in quarantine."""

    handle: Handle


@dataclass(frozen=True, slots=True)
class ChildStopped(Control):
    """To a dynamic supervisor's observer: the child is gone for good and its mailbox closed; forget the handle."""

    handle: Handle


@dataclass(frozen=True, slots=True)
class ChildQuarantined(Control):
    """To a dynamic supervisor's observer: the child crashed too often; its mailbox is closed for a while."""

    handle: Handle


@dataclass(frozen=True, slots=True)
class ChildReleased(Control):
    """To a dynamic supervisor's observer: the quarantine is over; the next message starts the child."""

    handle: Handle
