"""The supervisor of children that come and go: counts crashes by child, and quarantines a child that crashes often.

Not here: starts and ends of an incarnation (life.py), the policy in numbers (restarts.py). Threads: the loop's.
"""

from dataclasses import dataclass
from typing import Any

from omi_actors.kit import life
from omi_actors.kit.handle import Handle
from omi_actors.kit.life import ChildExited
from omi_actors.kit.loop_actor import LoopActor
from omi_actors.kit.mailbox import Refusal
from omi_actors.kit.messages import Control
from omi_actors.kit.restarts import (
    Backoff,
    Intensity,
    Streak,
    extend_streak,
    is_exceeded,
    record_crash,
    restart_delay_s,
)
from omi_actors.kit.spec import ChildState, Restart
from omi_actors.kit.supervisor import must_restart

# Children that are stopped before the loop may serve its sockets: about 2 ms.
STOPS_PER_SLOT = 250


@dataclass(frozen=True, slots=True)
class StartChild(Control):
    """Message from an actor that needs this child: start it, unless it runs or is in quarantine."""

    handle: Handle


@dataclass(frozen=True, slots=True)
class ChildStopped(Control):
    """Message to the observer: the child has ended for good and its mailbox is closed; drop the handle."""

    handle: Handle


@dataclass(frozen=True, slots=True)
class ChildQuarantined(Control):
    """Message to the observer: the child crashed too often; its mailbox is closed during its quarantine."""

    handle: Handle


@dataclass(frozen=True, slots=True)
class ChildReleased(Control):
    """Message to the observer: the quarantine is over; the next message starts the child."""

    handle: Handle


@dataclass(frozen=True, slots=True)
class RestartDue(Control):
    """Message from the supervisor's timer: the backoff of this child is over."""

    handle: Handle


@dataclass(frozen=True, slots=True)
class QuarantineOver(Control):
    """Message from the supervisor's timer: the quarantine of this child is over."""

    handle: Handle


@dataclass(frozen=True, slots=True)
class _Record:
    """Crashes of one child."""

    crashes_at_s: tuple[float, ...]
    streak: Streak


class _StartOnMail:
    """Waits at the mailbox of a child after its quarantine, and starts the child when mail comes."""

    __slots__ = ("_handle", "_supervisor")

    def __init__(self, handle: Handle, supervisor: Handle) -> None:
        self._handle = handle
        self._supervisor = supervisor

    def wake_up(self) -> None:
        """Ask the supervisor to start the child."""
        self._supervisor.tell(StartChild(self._handle))


class DynamicSupervisor(LoopActor):
    """Supervises children that other actors start by message. Crashes of children never end this supervisor.

    State it owns: the running children, the crashes of each child. Messages it takes: StartChild, ChildExited,
    its own timers. Messages it sends, to the observer: ChildStopped, ChildQuarantined, ChildReleased. What kills it: an
    unexpected error. What survives a restart: nothing; its children are stopped and their mailboxes closed.
    """

    def __init__(
        self,
        *,
        intensity: Intensity | None = None,
        backoff: Backoff | None = None,
        quarantine_s: float = 60.0,
        observer: Handle | None = None,
    ) -> None:
        """Allow each child the restarts of `intensity`; above them it goes into quarantine for `quarantine_s`."""
        super().__init__()
        self._intensity = intensity or Intensity()
        self._backoff = backoff or Backoff()
        self._quarantine_s = quarantine_s
        self._observer = observer
        self._children: set[Handle] = set()
        self._records: dict[Handle, _Record] = {}

    async def on_stop(self) -> None:
        """Stop all children in parallel. Each handles its waiting mail first, within its shutdown timeout."""
        children = list(self._children)
        ending = []
        for number, child in enumerate(children):
            if number % STOPS_PER_SLOT == STOPS_PER_SLOT - 1:
                await self.runtime.pause()
            ending.append(life.stop(child, drain=True))
        for number, (child, ended) in enumerate(zip(children, ending, strict=True)):
            if number % STOPS_PER_SLOT == STOPS_PER_SLOT - 1:
                await self.runtime.pause()
            await ended
            self._let_go(child)

    def on_failure(self, *_error: Any) -> None:
        """Stop all children, since they must not run without a supervisor."""
        for child in list(self._children):
            life.stop(child, drain=False)
            self._let_go(child)

    def receive(self, message: object) -> None:
        """Handle one message."""
        match message:
            case StartChild(child):
                self._start_child(child)
            case ChildExited():
                self._child_exited(message)
            case RestartDue(child):
                if child.state is ChildState.BACKING_OFF:
                    life.start(child, self.handle)
            case QuarantineOver(child):
                self._release(child)
            case _:
                self.runtime.hooks.refused(self.handle.kind, "unexpected")

    def _start_child(self, child: Handle) -> None:
        if child not in self._children:
            self._children.add(child)
            life.start(child, self.handle)

    def _child_exited(self, fact: ChildExited) -> None:
        child = fact.handle
        if fact.generation != child.generation or child.state not in life.LIVE_STATES:
            return
        restart = child.spec.restart
        if must_restart(restart, fact.error):
            self._restart(child)
        elif restart is Restart.TEMPORARY or child.mailbox.close_if_empty(Refusal.STOPPED):
            self._let_go(child)
        else:
            life.start(child, self.handle)  # mail came while it ended

    def _restart(self, child: Handle) -> None:
        now_s = self.runtime.clock.mono_s()
        old = self._records.get(child)
        crashes_at_s = record_crash(old.crashes_at_s if old else (), now_s, self._intensity)
        streak = extend_streak(old.streak if old else None, now_s, self._backoff)
        self._records[child] = _Record(crashes_at_s, streak)
        if is_exceeded(crashes_at_s, self._intensity):
            self._quarantine(child)
            return
        delay_s = restart_delay_s(streak, self._backoff, self.runtime.rng.random())
        if delay_s == 0.0:
            life.start(child, self.handle)
        else:
            child.state = ChildState.BACKING_OFF
            self.timers.after(delay_s, RestartDue(child))

    def _quarantine(self, child: Handle) -> None:
        life.retire(child, Refusal.QUARANTINED)
        self.runtime.hooks.quarantined(child.kind)
        self.timers.after(self._quarantine_s, QuarantineOver(child))
        self._tell_observer(ChildQuarantined(child))

    def _release(self, child: Handle) -> None:
        self.runtime.hooks.released(child.kind)
        self._children.discard(child)
        self._records.pop(child, None)
        child.state = ChildState.STOPPED
        child.crashed_at_s = None
        child.mailbox.reopen()
        child.mailbox.arm(_StartOnMail(child, self.handle))
        self._tell_observer(ChildReleased(child))

    def _let_go(self, child: Handle) -> None:
        """Remove a child that has ended for good."""
        if child.state is ChildState.QUARANTINED:
            self.runtime.hooks.released(child.kind)
        self._children.discard(child)
        self._records.pop(child, None)
        life.retire(child, Refusal.STOPPED)
        self._tell_observer(ChildStopped(child))

    def _tell_observer(self, fact: Control) -> None:
        if self._observer is not None:
            self._observer.tell(fact)
