"""The supervisor of fixed children: starts them in order, restarts those that end, stops them in reverse; and the root.

Not here: starts and ends of an incarnation (life.py), the policy in numbers (restarts.py). Threads: the loop's.
Source: OTP's supervisor. Like it, a supervisor that stops siblings waits for their end before it takes other mail.
"""

import math
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from omi_actors.kit import life
from omi_actors.kit.errors import RestartIntensityError
from omi_actors.kit.handle import Handle
from omi_actors.kit.life import ChildExited
from omi_actors.kit.loop_actor import LoopActor
from omi_actors.kit.mailbox import Refusal
from omi_actors.kit.messages import Control, Request
from omi_actors.kit.restarts import (
    Backoff,
    Intensity,
    Streak,
    extend_streak,
    is_exceeded,
    record_crash,
    restart_delay_s,
)
from omi_actors.kit.runtime import Runtime
from omi_actors.kit.spec import ChildSpec, ChildState, Restart, Strategy


@dataclass(frozen=True, slots=True, eq=False)
class StartDue(Control):
    """Message from the supervisor's timer: the backoff of these children is over. They are in start order."""

    children: tuple[Handle, ...]


@dataclass(frozen=True, slots=True)
class RestartChild(Control, Request[bool]):
    """Question of an operator to a supervisor: restart this child, with the siblings that its strategy restarts.

    True: done. False: there is no such child, or it has ended for good.
    """

    name: str


class Supervisor(LoopActor):
    """Restarts its children by its strategy, until they crash more often than its intensity allows.

        children = [Handle(ChildSpec("clock", "clock", build=ClockActor), runtime)]
        spec = ChildSpec("top", "supervisor", build=lambda: Supervisor(children), shutdown_timeout_s=math.inf)
        life.start(Handle(spec, runtime), parent=None)

    State it owns: crash times, the children that wait for a restart. Messages it takes: ChildExited, RestartChild, its
    own StartDue. Messages it sends: none. What kills it: more crashes than its intensity allows; then its parent
    decides, and `on_give_up` is called. What survives a restart: the children's handles, with their mail.
    """

    def __init__(
        self,
        children: Sequence[Handle],
        *,
        strategy: Strategy = Strategy.ONE_FOR_ONE,
        intensity: Intensity | None = None,
        backoff: Backoff | None = None,
        on_give_up: Callable[[BaseException], None] | None = None,
    ) -> None:
        """Supervise `children` (not empty, in start order). Their handles stay valid when this supervisor ends."""
        super().__init__()
        self._children = tuple(children)
        self._strategy = strategy
        self._intensity = intensity or Intensity()
        self._backoff = backoff or Backoff()
        self._on_give_up = on_give_up
        self._crashes_at_s: tuple[float, ...] = ()
        self._streaks: dict[str, Streak] = {}
        # For group strategies. A waiting group is part of every later one, so the later one replaces it.
        self._group_due: StartDue | None = None

    def handle_of(self, name: str) -> Handle:
        """Return the stable handle of the child called `name`.

        Raises:
            KeyError: if there is no such child.
        """
        return {child.name: child for child in self._children}[name]

    async def on_start(self) -> None:
        """Wait for the end of children that a crashed predecessor left running, then start all in order."""
        await self._halt(self._children)
        for child in self._children:
            life.start(child, self.handle)

    async def on_stop(self) -> None:
        """Stop the children in reverse order. Each handles its waiting mail first, within its shutdown timeout."""
        for child in reversed(self._children):
            await life.stop(child, drain=True)
            life.retire(child, Refusal.STOPPED)

    def on_failure(
        self,
        _exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        """Stop all children, since they must not run without a supervisor. The next incarnation waits for their end."""
        for child in reversed(self._children):
            life.stop(child, drain=False)
        if self._on_give_up is not None and exception_value is not None:
            self._on_give_up(exception_value)

    def receive(self, message: object) -> Coroutine[Any, Any, bool | None] | None:
        """Handle one message."""
        match message:
            case ChildExited():
                return self._child_exited(message)
            case RestartChild(name):
                return self._restart_by_hand(name)
            case StartDue():
                if self._strategy is Strategy.ONE_FOR_ONE or message is self._group_due:
                    self._start_due(message)
            case _:
                self.runtime.hooks.refused(self.handle.kind, "unexpected")
        return None

    def _child_exited(self, fact: ChildExited) -> Coroutine[Any, Any, None] | None:
        child = fact.handle
        if fact.generation != child.generation or child.state not in life.LIVE_STATES:
            return None  # from an incarnation that was replaced or stopped meanwhile
        if not must_restart(child.spec.restart, fact.error):
            life.retire(child, Refusal.STOPPED)
            return None
        now_s = self.runtime.clock.mono_s()
        self._crashes_at_s = record_crash(self._crashes_at_s, now_s, self._intensity)
        if is_exceeded(self._crashes_at_s, self._intensity):
            return self._give_up(fact)
        streak = self._streaks[child.name] = extend_streak(self._streaks.get(child.name), now_s, self._backoff)
        delay_s = restart_delay_s(streak, self._backoff, self.runtime.rng.random())
        if self._strategy is Strategy.ONE_FOR_ONE:
            self._start_later((child,), delay_s)
            return None
        return self._restart_group(child, delay_s)

    async def _restart_group(self, crashed: Handle, delay_s: float) -> None:
        """Stop the siblings that the strategy restarts, in reverse; start all in order after the backoff."""
        first = self._children.index(crashed) if self._strategy is Strategy.REST_FOR_ONE else 0
        group = [child for child in self._children[first:] if child.state is not ChildState.STOPPED]
        await self._halt(group)
        for child in group:
            if child.spec.restart is Restart.TEMPORARY:
                life.retire(child, Refusal.STOPPED)
        self._start_later(tuple(child for child in group if child.state is not ChildState.STOPPED), delay_s)

    async def _restart_by_hand(self, name: str) -> bool:
        """Restart a child now. It is no crash: neither its intensity nor its backoff counts it."""
        child = next((one for one in self._children if one.name == name), None)
        if child is None or child.state is ChildState.STOPPED:
            return False
        if self._strategy is Strategy.ONE_FOR_ONE:
            await self._halt((child,))
            self._start_later((child,), 0.0)
        else:
            await self._restart_group(child, 0.0)
        return True

    def _start_later(self, children: tuple[Handle, ...], delay_s: float) -> None:
        for child in children:
            child.state = ChildState.BACKING_OFF
        due = self._group_due = StartDue(children)
        if delay_s == 0.0:
            self._start_due(due)
        else:
            self.timers.after(delay_s, due)

    def _start_due(self, due: StartDue) -> None:
        for child in due.children:
            if child.state is ChildState.BACKING_OFF:
                life.start(child, self.handle)

    async def _give_up(self, fact: ChildExited) -> None:
        await self._halt(self._children)
        raise RestartIntensityError(
            f"more than {self._intensity.max_restarts} restarts in {self._intensity.period_s} s, "
            f"the last one of a {fact.handle.kind}"
        ) from fact.error

    async def _halt(self, children: Sequence[Handle]) -> None:
        """Stop in reverse order, one after the other. Their mail stays in their mailboxes."""
        for child in reversed(children):
            await life.stop(child, drain=False)


def must_restart(restart: Restart, error: BaseException | None) -> bool:
    """Return True if a child of this restart type is started again after its end; an `error` means a crash."""
    return restart is Restart.PERMANENT or (restart is Restart.TRANSIENT and error is not None)


# Restarts multiply over the levels of supervision, so the top allows few.
ROOT_INTENSITY = Intensity(max_restarts=3, period_s=30.0)


class Root:
    """A running tree of actors, from `start_root`."""

    def __init__(self, children: Sequence[Handle], on_give_up: Callable[[BaseException], None]) -> None:
        self._children = {child.name: child for child in children}
        self._on_give_up: Callable[[BaseException], None] | None = on_give_up
        self._supervisor: Handle | None = None

    def handle_of(self, name: str) -> Handle:
        """Return the stable handle of the child called `name`.

        Raises:
            KeyError: if there is no such child.
        """
        return self._children[name]

    def start(self, supervisor: Handle) -> None:
        """Start the supervisor, which starts the children."""
        self._supervisor = supervisor
        life.start(supervisor, None)

    async def stop(self, timeout_s: float) -> bool:
        """Stop all actors in reverse order. Return False if one did not end within `timeout_s`; it is abandoned."""
        self._on_give_up = None  # the caller stops the program already
        if self._supervisor is None:
            return True
        ended = life.stop(self._supervisor, drain=True)
        timer = self._supervisor.runtime.call_later(timeout_s, self._abandon)
        await ended
        timer.cancel()
        return self._supervisor.crashed_at_s is None

    def give_up(self, error: BaseException) -> None:
        """Call `on_give_up`, once, since the tree cannot go on."""
        on_give_up, self._on_give_up = self._on_give_up, None
        if on_give_up is not None:
            on_give_up(error)

    def _abandon(self) -> None:
        if self._supervisor is not None and self._supervisor.actor is not None:
            self._supervisor.actor.abandon()


def start_root(
    runtime: Runtime,
    children: Sequence[Handle],
    *,
    on_give_up: Callable[[BaseException], None],
    intensity: Intensity = ROOT_INTENSITY,
    backoff: Backoff | None = None,
    max_zombies: int = 8,
) -> Root:
    """Start `children` in order under a supervisor that restarts only the child that ended (one_for_one).

    The children's handles stay valid until the program ends. `on_give_up` is called at most once: after too many
    restarts, or when more than `max_zombies` threads outlive their shutdown timeout (zombies). It should end the
    process with an error.
    """
    root = Root(children, on_give_up)

    def build() -> Supervisor:
        return Supervisor(children, intensity=intensity, backoff=backoff, on_give_up=root.give_up)

    too_many = RestartIntensityError(f"more than {max_zombies} zombie threads")
    runtime.zombies.limit = max_zombies
    runtime.zombies.on_too_many = lambda: root.give_up(too_many)
    root.start(
        Handle(ChildSpec("root", "root", build, restart=Restart.TEMPORARY, shutdown_timeout_s=math.inf), runtime)
    )
    return root
