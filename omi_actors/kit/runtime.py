"""The runtime of all actors of one event loop: a queue of ready calls, run on the loop in slices.

Not here: an actor's turns (loop_actor.py), the runtime with a manual clock (testing.py).
Threads: `post` and `call_later` from any; the calls run on the loop's thread.
"""

import asyncio
import random
import threading
import time
from asyncio import _get_running_loop
from collections import deque
from collections.abc import Callable
from contextvars import Context
from typing import TYPE_CHECKING

import structlog

from omi_actors.clock import Clock
from omi_actors.kit.future import Deadlines, Future
from omi_actors.kit.mailbox import Mailbox
from omi_actors.kit.reports import CrashLog, Hooks, Zombies

if TYPE_CHECKING:
    from omi_actors.kit.thread_actor import ThreadActor

_log = structlog.stdlib.get_logger(__name__)


class TimerHandle:
    """A call that a timer makes later. A cancelled call is never made, even if its time has passed already."""

    __slots__ = ("_fn", "_timer", "is_cancelled")

    def __init__(self) -> None:
        self.is_cancelled = False
        self._fn: Callable[[], None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def cancel(self) -> None:
        """Cancel the call: it is never made. On the loop's thread."""
        self.is_cancelled = True
        self._fn = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def arm(self, fn: Callable[[], None], timer: asyncio.TimerHandle | None) -> None:
        """Set the call `fn` and the loop's `timer`. `cancel` cancels the timer, too, which frees the call's memory."""
        self._fn = fn
        self._timer = timer

    def fire(self) -> None:
        """Make the call now. A second call of this does nothing."""
        fn, self._fn = self._fn, None
        self._timer = None
        if fn is not None:
            fn()


class Runtime:
    """The runtime of all actors of one event loop. `hooks` gets reports.

    Its calls hold the loop for about `slice_s` seconds at a time; then sockets and timers have their turn. A request
    waits for some of these slices when webhooks fill the loop.
    """

    def __init__(self, clock: Clock, rng: random.Random, *, hooks: Hooks | None = None, slice_s: float = 0.002) -> None:
        self.clock = clock
        self.rng = rng
        self.hooks = hooks or Hooks()
        self.crash_log = CrashLog(clock)
        self.zombies = Zombies(self.hooks.zombies_changed)
        self.deadlines = Deadlines(clock, self.post, self.call_later, self.hooks.ask_timed_out)
        # Called with the kind and the error of each actor that fails in its constructor or its start hook.
        self.on_start_failed: Callable[[str, BaseException], object] | None = None
        # Calls that were posted after the loop had closed, and dropped.
        self.dropped_count = 0
        self._slice_s = slice_s
        self._ready: deque[Callable[[], None]] = deque()
        self._awake = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread_id = 0

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """Use `loop`, which runs in the calling thread. Without this call, the first `post` binds the running loop."""
        self._loop = loop
        self._thread_id = threading.get_ident()
        if self._ready and not self._awake:
            self._wake()

    def build_mailbox(self, name: str, capacity: int) -> Mailbox:  # noqa: ARG002 (a simulation's mailboxes have names)
        """Return the mailbox of the actor called `name`."""
        return Mailbox(capacity)

    def start_thread(self, actor: "ThreadActor") -> None:
        """Give a thread actor its thread."""
        actor.start_thread()

    def post(self, fn: Callable[[], None]) -> None:
        """Call `fn()` soon on the loop's thread. Calls keep their order. Many posts at once wake the loop once."""
        self._ready.append(fn)
        # `_drain` clears the flag first and then checks the queue again, so no call is missed.
        if not self._awake:
            self._wake()

    def pause(self) -> Future[None]:
        """Return a future that is settled when all calls that are ready now have run."""
        done: Future[None] = Future()
        self.post(lambda: done.set(None))
        return done

    def call_later(self, delay_s: float, fn: Callable[[], None]) -> TimerHandle:
        """Call `fn()` on the loop's thread after `delay_s` (never if infinite)."""
        timer = TimerHandle()
        if threading.get_ident() == self._thread_id:
            self.rearm(timer, delay_s, fn)
        else:
            self.post(lambda: self.rearm(timer, delay_s, fn))
        return timer

    def rearm(self, timer: TimerHandle, delay_s: float, fn: Callable[[], None]) -> None:
        """Let a fired `timer` fire again after `delay_s`. On the loop's thread."""
        if timer.is_cancelled or self._loop is None or self._loop.is_closed() or delay_s == float("inf"):
            return
        timer.arm(fn, self._loop.call_later(delay_s, self.post, timer.fire, context=Context()))

    def _wake(self) -> None:
        if self._loop is None:
            loop = _get_running_loop()
            if loop is None:
                return  # the calls wait for `bind`
            self._loop = loop
            self._thread_id = threading.get_ident()
        self._awake = True
        try:
            # An empty context: no request's context variables leak into actors.
            if threading.get_ident() == self._thread_id:
                self._loop.call_soon(self._drain, context=Context())
            else:
                self._loop.call_soon_threadsafe(self._drain, context=Context())
        except RuntimeError:  # the loop is closed
            self._awake = False
            self.dropped_count += len(self._ready)
            self._ready.clear()

    def _drain(self) -> None:
        if self._run_slice():
            self._wake()  # sockets and timers first
            return
        self._awake = False
        if self._ready:
            self._wake()

    def _run_slice(self) -> bool:
        """Make the ready calls. Return False when none is left, True if the slice's time ended first."""
        ready = self._ready
        end_s = time.perf_counter() + self._slice_s
        while ready:
            try:
                ready.popleft()()
            except BaseException as error:  # noqa: BLE001 (a failing call must not stop the calls after it)
                _log.error("posted call failed", error=type(error).__name__, exc_info=error)
            if time.perf_counter() > end_s:
                return bool(ready)
        return False
