"""An event loop on virtual time: it never waits, and its owner decides when the next callback runs.

Callbacks run in the order of `call_soon`, which asyncio promises. What may come in any order is drawn elsewhere: which
actor runs next (scheduling.py), and when timers, replies and calls from outside are due.
Not here: moving the time on (world.py). Threads: the main one.
"""

import asyncio
import heapq
import itertools
import math
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any

from omi_actors.clock import Clock


class VirtualLoop(asyncio.AbstractEventLoop):
    """The loop of one node. `on_error` gets what asyncio reports, such as an exception in a callback."""

    def __init__(self, clock: Clock, on_error: Callable[[str], None]) -> None:
        self._clock = clock
        self._on_error = on_error
        self._ready: deque[asyncio.Handle] = deque()
        self._order = itertools.count()
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._is_closed = False
        self.tasks_made = 0

    # --- for its owner

    def run_one(self) -> bool:
        """Run the next callback. Return False if none is ready."""
        while self._ready:
            handle = self._ready.popleft()
            if not handle.cancelled():
                handle._run()  # noqa: SLF001 (as asyncio's own loop does)
                return True
        return False

    def next_timer_s(self) -> float:
        """Return the time of the next timer; infinity if there is none."""
        while self._timers and self._timers[0][2].cancelled():
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else math.inf

    def wake_timers(self) -> None:
        """Make the callbacks of timers ready whose time has come."""
        now_s = self._clock.mono_s() + 1e-9
        while self._timers and self._timers[0][0] <= now_s:
            self._ready.append(heapq.heappop(self._timers)[2])

    def enter(self) -> None:
        """Become this thread's running loop."""
        events._set_running_loop(self)  # noqa: SLF001 (as asyncio's own loop does)

    def leave(self) -> None:
        """End, with all callbacks: as a process that dies."""
        self._is_closed = True
        self._ready.clear()
        self._timers.clear()
        events._set_running_loop(None)  # noqa: SLF001 (see above)

    # --- for asyncio and the product

    def time(self) -> float:
        """Return virtual seconds."""
        return self._clock.mono_s()

    def call_soon(self, callback: Any, *args: Any, context: Context | None = None) -> asyncio.Handle:  # type: ignore[override]  # without its type variables
        """Call `callback` soon, in order."""
        handle = asyncio.Handle(callback, args, self, context)
        if not self._is_closed:
            self._ready.append(handle)
        return handle

    call_soon_threadsafe = call_soon  # type: ignore[assignment]  # the same

    def call_later(  # type: ignore[override]  # the same
        self, delay: float, callback: Any, *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Call `callback` after `delay` virtual seconds."""
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]  # the same
        self, when: float, callback: Any, *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Call `callback` at a virtual second."""
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        if not self._is_closed:
            heapq.heappush(self._timers, (when, next(self._order), handle))
        return handle

    def create_future(self) -> asyncio.Future[Any]:
        """Return a future of this loop."""
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override]  # the same
        self, coro: Coroutine[Any, Any, Any], *, name: str | None = None, context: Context | None = None
    ) -> asyncio.Task[Any]:
        """Run a coroutine; its first step comes soon."""
        self.tasks_made += 1
        return asyncio.Task(coro, loop=self, name=name or f"task-{self.tasks_made}", context=context)

    def get_debug(self) -> bool:
        """Return False."""
        return False

    def is_running(self) -> bool:
        """Return True until the loop has ended."""
        return not self._is_closed

    def is_closed(self) -> bool:
        """Return True if the loop has ended."""
        return self._is_closed

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Report an error that nobody handles."""
        if not self._is_closed:
            self._on_error(f"{context.get('message')}: {context.get('exception')!r}")

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Do nothing: `next_timer_s` passes over cancelled timers."""


def build_loop(clock: Clock, on_error: Callable[[str], None]) -> VirtualLoop:
    """Return a loop. It has no sockets, signals, processes and threads: what needs one fails."""
    return VirtualLoop(clock, on_error)  # type: ignore[abstract]  # see above
