"""Clocks as arguments: the system's, and one that tests move by hand.

Not here: timers (kit/timers.py). Threads: any.
"""

import time
from typing import Protocol


class Clock(Protocol):
    """What every component may know of time."""

    def now_s(self) -> float:
        """Return seconds since the epoch, UTC. It may jump; use it for what is stored or shown."""
        ...

    def mono_s(self) -> float:
        """Return monotonic seconds. Use it for every duration and deadline."""
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
    """A clock that stands still until a test moves it. Starts at the given UTC second; monotonic starts at 0."""

    def __init__(self, now_s: float = 1_790_000_000.0) -> None:
        self._now_s = now_s
        self._mono_s = 0.0

    def now_s(self) -> float:
        """Return the second that the test has set."""
        return self._now_s

    def mono_s(self) -> float:
        """Return the monotonic second that the test has reached."""
        return self._mono_s

    def advance(self, seconds: float) -> None:
        """Let both clocks run on by `seconds` (≥ 0)."""
        self._now_s += seconds
        self._mono_s += seconds

    def jump(self, seconds: float) -> None:
        """Move only the wall clock, as a correction by NTP or an operator would."""
        self._now_s += seconds
