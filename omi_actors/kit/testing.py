"""A driver for tests of one loop actor: a manual clock, probes as collaborators; no loop, no threads, no sleeping.

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
    """A runtime without a loop: `run` makes the ready calls, `advance` moves its clock. Randomness is seeded."""

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
        """Move the clock on. Timers fire in order, each at its time, and all calls that follow run."""
        self.run()
        until_s = self.clock.mono_s() + seconds
        while self._timers and self._timers[0][0] <= until_s + 1e-9:
            due_s, _, timer = heapq.heappop(self._timers)
            self.manual_clock.advance(max(0.0, due_s - self.clock.mono_s()))
            timer.fire()
            self.run()
        self.manual_clock.advance(max(0.0, until_s - self.clock.mono_s()))

    def call_later(self, delay_s: float, fn: Callable[[], None]) -> TimerHandle:
        """Call `fn()` when `advance` has moved the clock on by `delay_s`."""
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
        """Do nothing: the test calls `run`."""


R = TypeVar("R")

# Seconds on the manual clock: more than any test lets pass.
ASK_TIMEOUT_S = 3600.0


class Probe(LoopActor):
    """An actor that records the messages it gets. `answer` makes its replies; without it the test settles `replies`."""

    def __init__(self, answer: Callable[[Any], Any] | None = None) -> None:
        super().__init__()
        self.answer = answer
        self.messages: list[Any] = []
        self.replies: list[Future[Any]] = []

    def receive(self, message: Any) -> Any:
        """Record the message, and reply if there is an `answer`."""
        self.messages.append(message)
        if self.answer is not None:
            return self.answer(message)
        reply = self.take_reply()
        if reply is not None:
            self.replies.append(reply)
        return None


class Driver:
    """Runs `actor` on a manual runtime. A crash is raised by the driver's call that caused it, such as `tell`."""

    def __init__(
        self, actor: LoopActor, *, name: str = "driven", kind: str = "driven", runtime: ManualRuntime | None = None
    ) -> None:
        self.actor = actor
        self.runtime = runtime or ManualRuntime()
        self.handle = Handle(ChildSpec(name, kind, build=lambda: actor), self.runtime)
        self._exits = self.probe("supervisor")

    @property
    def clock(self) -> ManualClock:
        """Return the clock that `advance` moves."""
        return self.runtime.manual_clock

    @property
    def has_stopped(self) -> bool:
        """Return True if the actor has ended."""
        return self.actor.has_ended

    def start(self) -> "Driver":
        """Run the start hook. `tell` and `ask` call this first."""
        if self.handle.generation == 0:
            life.start(self.handle, self._exits.handle)
        self._run()
        return self

    def tell(self, message: object) -> None:
        """Send `message` and run all calls that follow."""
        self.start()
        self.handle.tell(message)
        self._run()

    def send(self, request: Request[R]) -> Future[R]:
        """Ask, run all ready calls, and return the reply, which may be unsettled."""
        self.start()
        reply = self.handle.ask(request, timeout_s=ASK_TIMEOUT_S)
        self._run()
        return reply

    def ask(self, request: Request[R]) -> R:
        """Ask and return the reply, which must come at once.

        Raises:
            ExpectedError: if the reply is an error.
            RuntimeError: if no reply came.
        """
        return self.send(request).result()

    def settle(self, future: Future[R], value: R) -> None:
        """Settle a future that the actor awaits, and run all calls that follow."""
        future.set(value)
        self._run()

    def fail(self, future: Future[Any], error: BaseException) -> None:
        """Fail a future that the actor awaits, and run all calls that follow."""
        future.try_fail(error)
        self._run()

    def advance(self, seconds: float) -> None:
        """Move the clock on and run all calls that follow."""
        self.start()
        self.runtime.advance(seconds)
        self._run()

    def stop(self) -> None:
        """Stop as a supervisor does: the mail in the mailbox is handled first."""
        self.start()
        life.stop(self.handle, drain=True)
        self._run()

    def probe(self, name: str = "probe", answer: Callable[[Any], Any] | None = None) -> Probe:
        """Start an actor that records the messages it gets, and return it.

        It plays an actor to which the tested actor sends: give its `handle` to the tested actor.
        """
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
