"""Clocks, passed as arguments: the system's, and one that tests move.

Not here: timers (kit/handle.py). Threads: any.
"""

import time
from typing import Protocol


class Clock(Protocol):
    """The time for all components."""

    def now_s(self) -> float:
        """Return seconds since the epoch, UTC. They may jump; use them for stored and displayed times."""
        ...

    def mono_s(self) -> float:
        """Return monotonic seconds. Use them for durations and deadlines."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now_s(self) -> float:
        """Return seconds since the epoch, UTC."""
        return time.time()  # noqa: TID251 (the one place)

    def mono_s(self) -> float:
        """Return monotonic seconds."""
        return time.monotonic()


class ManualClock:
    """A clock that only a test moves. It starts at the given UTC second; monotonic seconds start at 0."""

    def __init__(self, now_s: float = 1_790_000_000.0) -> None:
        self._now_s = now_s
        self._mono_s = 0.0

    def now_s(self) -> float:
        """Return the test's seconds since the epoch."""
        return self._now_s

    def mono_s(self) -> float:
        """Return the test's monotonic seconds."""
        return self._mono_s

    def advance(self, seconds: float) -> None:
        """Move both times on by `seconds` (≥ 0)."""
        self._now_s += seconds
        self._mono_s += seconds

    def jump(self, seconds: float) -> None:
        """Move only the wall clock, as a correction by NTP or an operator does."""
        self._now_s += seconds
