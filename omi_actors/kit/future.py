"""A result that will come: settled once, from any thread; awaited without ever blocking the loop.

Not here: timeouts of asks (deadlines.py), what resumes an async turn (loop_actor.py).
Threads: any. Callbacks run in the settling thread.
"""

import asyncio
import queue
import sys
import threading
from asyncio import _get_running_loop
from collections.abc import Callable, Generator
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import pykka
import structlog
from pykka._future import _Unset

from omi_actors.clock import Clock
from omi_actors.kit.errors import AskTimeoutError

if TYPE_CHECKING:
    from pykka._types import OptExcInfo

T = TypeVar("T")

_log = structlog.stdlib.get_logger(__name__)

# First in an unsettled future's list of callbacks. Whoever removes it has won: list.remove is atomic.
_OPEN: Any = object()


class _Stepping(threading.local):
    """Whether this thread is in a step of an actor's async turn (loop_actor.py sets it)."""

    on = False


stepping = _Stepping()


class Future(pykka.Future[T]):
    """Settled once, the first settler wins. `done` tells whether it is settled; nobody else sets it.

    Without a lock, since list operations are atomic; defaults live on the class: thousands a second come and go.
    """

    done = False
    _value: T | None = None
    _error: BaseException | None = None
    # Where its deadline waits (deadlines.py); it leaves there when settled.
    deadline: dict[Any, Any] | None = None
    # Pykka's own state, for `map` and its kin: these block, so they are for threads.
    _get_hook: Any = None
    _get_hook_result = _Unset()

    def __init__(self) -> None:  # Pykka's attributes are above
        self._callbacks: list[Callable[[Future[T]], None]] = [_OPEN]

    def __repr__(self) -> str:
        return f"<Future {'done' if self.done else 'pending'}>"

    def try_set(self, value: T) -> bool:
        """Settle with a value; False if it was settled already."""
        try:
            self._callbacks.remove(_OPEN)
        except ValueError:
            return False
        self._value = value
        self._settled()
        return True

    def try_fail(self, error: BaseException) -> bool:
        """Settle with an error; False if it was settled already."""
        try:
            self._callbacks.remove(_OPEN)
        except ValueError:
            return False
        self._error = error
        self._settled()
        return True

    def set(self, value: T | None = None) -> None:
        """Settle with a value.

        Raises:
            queue.Full: if it was settled already (Pykka's contract).
        """
        if not self.try_set(value):  # type: ignore[arg-type]  # None is a value when T allows it
            raise queue.Full

    def set_exception(self, exc_info: "OptExcInfo | None" = None) -> None:
        """Settle with an error, by default the one being handled.

        Raises:
            queue.Full: if it was settled already (Pykka's contract).
        """
        kind, error, trace = exc_info or sys.exc_info()
        if error is None:
            error = kind() if kind is not None else RuntimeError("set_exception() without an exception")
        if not self.try_fail(error.with_traceback(trace)):
            raise queue.Full

    def result(self) -> T:
        """Return the value or raise the error, at once.

        Raises:
            RuntimeError: if it is not settled yet.
        """
        if not self.done:
            raise RuntimeError("the future is not settled yet")
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]  # None is a value when T allows it

    def get(self, *, timeout: float | None = None) -> T:
        """Block this thread until settled, at most `timeout` seconds; then as `result`.

        Raises:
            AskTimeoutError: if it was not settled in time.
            RuntimeError: on the event loop's thread, which must not block.
            ValueError: without a timeout.
        """
        if self._get_hook is not None:
            return super().get(timeout=timeout)
        if not self.done:
            self._wait(timeout)
        return self.result()

    def add_done_callback(self, callback: Callable[["Future[T]"], None]) -> None:
        """Call `callback(self)` once settled: in the settling thread, or here and now if it is settled."""
        self._callbacks.append(callback)
        if self.done:
            self._run_callbacks()

    def __await__(self) -> Generator[Any, None, T]:
        """Wait without blocking: in an actor's turn through the actor's driver, elsewhere as an asyncio task."""
        if not self.done:
            if self._get_hook is not None:
                raise RuntimeError("a derived future blocks: await the one it was made from")
            if stepping.on:
                yield self
            else:
                yield from self._asyncio_waiter()
        return self.result()

    __iter__ = __await__

    def _settled(self) -> None:
        self.done = True  # before the callbacks: one that is added from now on is called by who adds it
        if self.deadline is not None:
            self.deadline.pop(self, None)
        if self._callbacks:
            self._run_callbacks()

    def _run_callbacks(self) -> None:
        """Call what waits. The settler and a late adder may both be here: each callback is taken by one of them."""
        while True:
            try:
                callback = self._callbacks.pop(0)
            except IndexError:
                return
            try:
                callback(self)
            except Exception as error:  # noqa: BLE001 (the settler must not suffer from who waits)
                _log.error("future callback failed", error=type(error).__name__, exc_info=error)

    def _wait(self, timeout: float | None) -> None:
        if timeout is None:
            raise ValueError("a blocking get needs a timeout")
        if _get_running_loop() is not None:
            raise RuntimeError("get() would block the event loop: await the future")
        settled = threading.Event()
        self.add_done_callback(lambda _: settled.set())
        if not settled.wait(timeout):
            raise AskTimeoutError(f"no result within {timeout} s")

    def _asyncio_waiter(self) -> Generator[Any, None, None]:
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()

        def wake(_: "Future[T]") -> None:
            if _get_running_loop() is loop:
                _wake(waiter)
                return
            try:
                loop.call_soon_threadsafe(_wake, waiter)
            except RuntimeError:
                _log.debug("a future was settled after its loop had closed")

        self.add_done_callback(wake)
        yield from waiter


def _wake(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():  # its task may have been cancelled meanwhile
        waiter.set_result(None)


# Seconds. Deadlines of the same tick share one timer, so an ask costs a dict entry; up to a tick late, never early.
TICK_S = 0.01


class Deadlines:
    """Futures by the tick at which they fail; a settled one leaves by itself."""

    def __init__(
        self,
        clock: Clock,
        post: Callable[[Callable[[], None]], None],
        call_later: Callable[[float, Callable[[], None]], object],
        on_timeout: Callable[[str], None],
    ) -> None:
        self._mono_s = clock.mono_s
        self._post = post
        self._call_later = call_later
        self._on_timeout = on_timeout
        # The receivers' kinds by future, by the tick's number.
        self._ticks: dict[int, dict[Future[Any], str]] = {}

    def __len__(self) -> int:
        """How many futures wait for their deadline."""
        return sum(map(len, self._ticks.values()))

    def add(self, future: Future[Any], timeout_s: float, kind: str) -> None:
        """Fail the unsettled `future` with AskTimeoutError after `timeout_s`; `kind` is the receiver's."""
        now_s = self._mono_s()
        tick = int((now_s + timeout_s) / TICK_S) + 1
        waiting = self._ticks.get(tick)
        if waiting is None:
            waiting = self._ticks.setdefault(tick, {})
            self._call_later(tick * TICK_S - now_s, partial(self._pass, tick))
        future.deadline = waiting
        waiting[future] = kind
        if tick not in self._ticks:  # a thread was slower than its deadline
            self._post(partial(self._fail, future, kind))

    def _pass(self, tick: int) -> None:
        # Posted one by one: a store that hangs may fail thousands at once.
        for future, kind in list(self._ticks.pop(tick, {}).items()):
            self._post(partial(self._fail, future, kind))

    def _fail(self, future: Future[Any], kind: str) -> None:
        if future.try_fail(AskTimeoutError(f"this {kind} did not reply in time")):
            self._on_timeout(kind)
