"""A runtime without a loop, for tests: what is ready runs when told to, time passes when told to.

Not here: the clock (omi_actors/clock.py). Threads: the test's.
"""

import heapq
import itertools
import random
from collections.abc import Callable

from omi_actors.clock import ManualClock
from omi_actors.kit.runtime import Runtime, TimerHandle


class ManualRuntime(Runtime):
    """Drained by `run`, moved on by `advance`. Randomness is seeded."""

    def __init__(self, clock: ManualClock | None = None, rng: random.Random | None = None) -> None:
        self.manual_clock = clock or ManualClock()
        super().__init__(self.manual_clock, rng or random.Random(0))  # noqa: S311 (jitter, not secrets)
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
