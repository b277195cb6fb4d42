"""Deadlines of asks: when one passes, the ask fails and its message, if still waiting, is never handled.

Not here: timers of actors (timers.py). Threads: added and settled from any, they pass on the loop's.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from omi_actors.clock import Clock
from omi_actors.kit.errors import AskTimeoutError
from omi_actors.kit.future import Future

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
