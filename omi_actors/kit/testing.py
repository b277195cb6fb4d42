"""A driver for tests of one loop actor: a manual clock, probes as collaborators; no loop, no threads, no sleeping.

Also a thread actor without a thread. Not here: supervision (use a ManualRuntime with a real supervisor). Threads: the
test's.
"""

import heapq
import itertools
import random
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from omi_actors.clock import ManualClock
from omi_actors.kit import life
from omi_actors.kit.future import Future
from omi_actors.kit.handle import Handle
from omi_actors.kit.life import ChildExited
from omi_actors.kit.loop_actor import LoopActor
from omi_actors.kit.messages import Envelope, Request
from omi_actors.kit.reports import Hooks
from omi_actors.kit.runtime import Runtime, TimerHandle
from omi_actors.kit.spec import ChildSpec
from omi_actors.kit.thread_actor import ThreadActor


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


class InlineThread:
    """The life of a thread actor without a thread: each turn is one call of its runtime.

    `draw_s` returns the seconds from mail to its turn, and from the turn's effect to its replies. So a sender learns of
    an effect later, as it does from a thread.
    """

    def __init__(self, actor: ThreadActor, draw_s: Callable[[ThreadActor], tuple[float, float]]) -> None:
        self._actor = actor
        self._draw_s = draw_s
        self._is_busy = True
        # Futures that turns have settled, each with the reply that its sender waits for.
        self._held: list[tuple[Future[Any], Future[Any]]] = []

    def start(self) -> None:
        """Run the start hook soon, then take mail."""
        actor: Any = self._actor
        actor._mail = self  # noqa: SLF001 (in place of the event that its thread waits for)
        actor.runtime.call_later(self._draw_s(actor)[0], self._open)

    def set(self) -> None:
        """Take mail soon: the mailbox and `halt` call this."""
        if not self._is_busy:
            self._is_busy = True
            self._actor.runtime.call_later(self._draw_s(self._actor)[0], self._turn)

    def _open(self) -> None:
        actor = self._actor
        try:
            actor._call(actor.on_start)  # noqa: SLF001 (this is its life)
        except BaseException as error:  # noqa: BLE001 (it ends the actor)
            self._end(error)
            return
        actor.runtime.post(partial(life.running, actor.handle, actor))
        self._turn()

    def _turn(self) -> None:
        actor, mailbox = self._actor, self._actor.handle.mailbox
        if actor._halted:  # noqa: SLF001 (see above)
            self._close()
            return
        batch = mailbox.take_many(actor, actor.batch_max)
        if not batch:
            self._is_busy = False
            if mailbox.is_finished:
                self._close()
            return
        error = self._handle([envelope for envelope in batch if not _has_failed(envelope)])
        actor.runtime.call_later(self._draw_s(actor)[1], partial(self._reply, error))

    def _handle(self, batch: Sequence[Envelope]) -> BaseException | None:
        """Run one turn, and hold its replies. Return the error of a crash."""
        for envelope in batch:
            if envelope.reply_to is not None:
                envelope.reply_to = self._hold(envelope.reply_to)
        try:
            self._actor._handle(batch)  # noqa: SLF001 (see above)
        except BaseException as error:  # noqa: BLE001 (it ends the actor)
            return error
        return None

    def _hold(self, reply: Future[Any]) -> Future[Any]:
        """Return a future for the turn to settle. `_reply` settles `reply` by it, if its deadline has not passed."""
        given: Future[Any] = Future()

        def end(_: Future[Any]) -> None:
            given.try_set(None)

        given.add_done_callback(lambda settled: self._held.append((settled, reply)))
        reply.add_done_callback(end)
        return given

    def _reply(self, error: BaseException | None) -> None:
        held, self._held = self._held, []
        for given, reply in held:
            try:
                reply.try_set(given.result())
            except BaseException as failure:  # noqa: BLE001 (it is the reply)
                reply.try_fail(failure)
        if error is not None:
            self._end(error)
        else:
            self._turn()

    def _close(self) -> None:
        self._is_busy = True
        try:
            self._actor._call(self._actor.on_stop)  # noqa: SLF001 (see above)
        except BaseException as error:  # noqa: BLE001 (it ends the actor)
            self._end(error)
        else:
            self._end(None)

    def _end(self, error: BaseException | None) -> None:
        self._is_busy = True
        actor = self._actor
        if error is not None:
            actor._call_on_failure(error)  # noqa: SLF001 (see above)
        actor.runtime.post(partial(life.exited, actor.handle, actor, error))


def _has_failed(envelope: Envelope) -> bool:
    return envelope.reply_to is not None and envelope.reply_to.done
