"""A future: a result that is settled once, from any thread, and awaited without blocking the loop; and its deadline.

Not here: resuming an async turn (loop_actor.py), timers of actors (handle.py). Threads: any. Callbacks run in the
settling thread, deadlines pass on the loop's.
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

# First in an unsettled future's list of callbacks. list.remove is atomic, so only one settler can remove it.
_OPEN: Any = object()


class _Stepping(threading.local):
    """Flag of one thread: async_turn.py sets it while the thread runs a step of an actor's async turn."""

    on = False


stepping = _Stepping()


class Future(pykka.Future[T]):
    """A result that comes later. The first call that settles it wins; then `done` is True.

        reply = handle.ask(GetCount(), timeout_s=1.0)
        reply.add_done_callback(lambda settled: print(settled.result()))

    It needs no lock, since list operations are atomic. Defaults stand on the class, because thousands of futures are
    made in a second.
    """

    done = False
    _value: T | None = None
    _error: BaseException | None = None
    # The tick of Deadlines that holds it; a settled future leaves it.
    deadline: dict[Any, Any] | None = None
    # Pykka's own state, for `map` and the like: these block, so only threads may use them.
    _get_hook: Any = None
    _get_hook_result = _Unset()

    def __init__(self) -> None:  # Pykka's attributes are above
        self._callbacks: list[Callable[[Future[T]], None]] = [_OPEN]

    def __repr__(self) -> str:
        return f"<Future {'done' if self.done else 'pending'}>"

    def try_set(self, value: T) -> bool:
        """Settle with a value; return False if it was settled already."""
        try:
            self._callbacks.remove(_OPEN)
        except ValueError:
            return False
        self._value = value
        self._settled()
        return True

    def try_fail(self, error: BaseException) -> bool:
        """Settle with an error; return False if it was settled already."""
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
        """Return the value or raise the error.

        Raises:
            RuntimeError: if it is not settled yet.
        """
        if not self.done:
            raise RuntimeError("the future is not settled yet")
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]  # None is a value when T allows it

    def get(self, *, timeout: float | None = None) -> T:
        """Block this thread until the future is settled, at most `timeout` seconds. Then do the same as `result`.

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
        """Call `callback(self)` when the future is settled, in the settling thread; now if it is settled already."""
        self._callbacks.append(callback)
        if self.done:
            self._run_callbacks()

    def __await__(self) -> Generator[Any, None, T]:
        """Wait without blocking the loop. In an actor's turn the actor waits, elsewhere the asyncio task."""
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
        self.done = True  # before the callbacks: the adder itself calls one that is added from now on
        if self.deadline is not None:
            self.deadline.pop(self, None)
        if self._callbacks:
            self._run_callbacks()

    def _run_callbacks(self) -> None:
        """Call all callbacks, each once, even if one thread settles the future while another adds a callback."""
        while True:
            try:
                callback = self._callbacks.pop(0)
            except IndexError:
                return
            try:
                callback(self)
            except Exception as error:  # noqa: BLE001 (a failing callback must not harm the settler)
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


# Seconds. Deadlines of one tick share a timer, so an ask costs a dict entry. They pass up to a tick late, never early.
TICK_S = 0.01


class Deadlines:
    """Deadlines of asks, checked at regular ticks. An unsettled future fails at its tick; a settled one is removed."""

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
        # By tick number, then by future: the receiver's kind.
        self._ticks: dict[int, dict[Future[Any], str]] = {}

    def __len__(self) -> int:
        """Count the futures that wait for their deadline."""
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
        if tick not in self._ticks:  # the tick has passed meanwhile
            self._post(partial(self._fail, future, kind))

    def _pass(self, tick: int) -> None:
        # Posted one by one: when a store hangs, thousands may fail in one tick.
        for future, kind in list(self._ticks.pop(tick, {}).items()):
            self._post(partial(self._fail, future, kind))

    def _fail(self, future: Future[Any], kind: str) -> None:
        if future.try_fail(AskTimeoutError(f"this {kind} did not reply in time")):
            self._on_timeout(kind)
