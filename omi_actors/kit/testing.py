"""For tests: drives one loop actor by hand, with probes as its collaborators. No loop, no threads, no sleeping.

Not here: supervision (use a ManualRuntime with a real supervisor). Threads: the test's.
"""

import heapq
import itertools
import random
from collections.abc import Callable
from typing import Any, TypeVar

from omi_actors.clock import ManualClock
from omi_actors.kit import life
from omi_actors.kit.future import Future
from omi_actors.kit.handle import Handle
from omi_actors.kit.life import ChildExited
from omi_actors.kit.loop_actor import LoopActor
from omi_actors.kit.messages import Request
from omi_actors.kit.reports import Hooks
from omi_actors.kit.runtime import Runtime, TimerHandle
from omi_actors.kit.spec import ChildSpec


class ManualRuntime(Runtime):
    """Drained by `run`, moved on by `advance`. Randomness is seeded."""

    def __init__(
        self, clock: ManualClock | None = None, rng: random.Random | None = None, *, hooks: Hooks | None = None
    ) -> None:
        self.manual_clock = clock or ManualClock()
        super().__init__(self.manual_clock, rng or random.Random(0), hooks=hooks)  # noqa: S311 (jitter, not secrets)
        self._order = itertools.count()
        self._timers: list[tuple[float, int, TimerHandle]] = []

    def run(self) -> None:
        """Run until nothing is ready."""
        while self._run_slice():
            pass

    def advance(self, seconds: float) -> None:
        """Let time pass: timers fire in order, each at its own time, and what they cause runs."""
        self.run()
        until_s = self.clock.mono_s() + seconds
        while self._timers and self._timers[0][0] <= until_s + 1e-9:
            due_s, _, timer = heapq.heappop(self._timers)
            self.manual_clock.advance(max(0.0, due_s - self.clock.mono_s()))
            timer.fire()
            self.run()
        self.manual_clock.advance(max(0.0, until_s - self.clock.mono_s()))

    def call_later(self, delay_s: float, fn: Callable[[], None]) -> TimerHandle:
        """Call `fn()` when time has been moved on by `delay_s`."""
        timer = TimerHandle()
        self.rearm(timer, delay_s, fn)
        return timer

    def rearm(self, timer: TimerHandle, delay_s: float, fn: Callable[[], None]) -> None:
        """Let a fired `timer` fire again after `delay_s`."""
        if timer.is_cancelled or delay_s == float("inf"):
            return
        timer.arm(fn, None)
        heapq.heappush(self._timers, (self.clock.mono_s() + delay_s, next(self._order), timer))

    def _wake(self) -> None:
        """Wait for `run`."""


R = TypeVar("R")

# Seconds on the manual clock: far beyond what a test lets pass.
ASK_TIMEOUT_S = 3600.0


class Probe(LoopActor):
    """A collaborator that records. `answer` makes its replies; without one they stay open, for the test to settle."""

    def __init__(self, answer: Callable[[Any], Any] | None = None) -> None:
        super().__init__()
        self.answer = answer
        self.messages: list[Any] = []
        self.replies: list[Future[Any]] = []

    def receive(self, message: Any) -> Any:
        """Record, and reply if it knows how."""
        self.messages.append(message)
        if self.answer is not None:
            return self.answer(message)
        reply = self.take_reply()
        if reply is not None:
            self.replies.append(reply)
        return None


class Driver:
    """Runs `actor` on a manual runtime. A crash is raised where it happened: in `start`, `tell`, `ask`, `advance`."""

    def __init__(
        self, actor: LoopActor, *, name: str = "driven", kind: str = "driven", runtime: ManualRuntime | None = None
    ) -> None:
        self.actor = actor
        self.runtime = runtime or ManualRuntime()
        self.handle = Handle(ChildSpec(name, kind, build=lambda: actor), self.runtime)
        self._exits = self.probe("supervisor")

    @property
    def clock(self) -> ManualClock:
        """The clock that `advance` moves."""
        return self.runtime.manual_clock

    @property
    def has_stopped(self) -> bool:
        """Whether the actor has ended."""
        return self.actor.has_ended

    def start(self) -> "Driver":
        """Run the start hook; `tell` and `ask` do it when you do not."""
        if self.handle.generation == 0:
            life.start(self.handle, self._exits.handle)
        self._run()
        return self

    def tell(self, message: object) -> None:
        """Send `message` and run all that follows."""
        self.start()
        self.handle.tell(message)
        self._run()

    def send(self, request: Request[R]) -> Future[R]:
        """Ask, run what can run now, and return the reply, which may still be open."""
        self.start()
        reply = self.handle.ask(request, timeout_s=ASK_TIMEOUT_S)
        self._run()
        return reply

    def ask(self, request: Request[R]) -> R:
        """Ask, and return the reply that must have come by now.

        Raises:
            ExpectedError: if that is the reply.
            RuntimeError: if no reply came.
        """
        return self.send(request).result()

    def settle(self, future: Future[R], value: R) -> None:
        """Settle what the actor awaits, and run on."""
        future.set(value)
        self._run()

    def fail(self, future: Future[Any], error: BaseException) -> None:
        """Fail what the actor awaits, and run on."""
        future.try_fail(error)
        self._run()

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.start()
        self.runtime.advance(seconds)
        self._run()

    def stop(self) -> None:
        """Stop as a supervisor would: what is in the mailbox is handled first."""
        self.start()
        life.stop(self.handle, drain=True)
        self._run()

    def probe(self, name: str = "probe", answer: Callable[[Any], Any] | None = None) -> Probe:
        """Return a running collaborator; give its `handle` to the actor."""
        probe = Probe(answer)
        life.start(Handle(ChildSpec(name, "probe", build=lambda: probe), self.runtime), None)
        self.runtime.run()
        return probe

    def _run(self) -> None:
        self.runtime.run()
        for fact in self._exits.messages:
            if isinstance(fact, ChildExited) and fact.error is not None:
                self._exits.messages.clear()
                raise fact.error
