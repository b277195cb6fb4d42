"""Clocks, which are passed as arguments: the system's clock, and a clock that tests move.

Not here: timers (kit/handle.py). Threads: any.
"""

import time
from typing import Protocol


class Clock(Protocol):
    """Interface of a clock; all components take the time from one."""

    def now_s(self) -> float:
        """Return seconds since the epoch, UTC. They may jump; use them for stored and displayed times."""
        ...

    def mono_s(self) -> float:
        """Return monotonic seconds. Use them for durations and deadlines."""
        ...

    def boot_s(self) -> float:
        """Return monotonic seconds that also count while the machine sleeps. Compare the wall clock with it."""
        ...


# CLOCK_MONOTONIC stands still while Linux sleeps, and runs on while macOS does. Windows has neither name, nor the need.
_BOOT_CLOCK = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))


class SystemClock:
    """The machine's clocks. A webhook reads them a dozen times, so they are the library's functions themselves."""

    now_s = staticmethod(time.time)  # noqa: TID251 (the one place)
    mono_s = staticmethod(time.monotonic)

    def boot_s(self) -> float:
        """Return monotonic seconds that also count while the machine sleeps."""
        return time.monotonic() if _BOOT_CLOCK is None else time.clock_gettime(_BOOT_CLOCK)


class LeapWatch:
    """Measures the seconds that the wall clock has leapt against the machine's running clock since the last `accept`.

    >>> watch = LeapWatch(clock); clock.jump(3_600.0); watch.parted_s()
    3600.0
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._usual_s = clock.now_s() - clock.boot_s()

    def parted_s(self) -> float:
        """Return the seconds by which the wall clock has leapt ahead; a negative number if it has leapt back."""
        return self._clock.now_s() - self._clock.boot_s() - self._usual_s

    def accept(self, parted_s: float) -> None:
        """Accept a leap of `parted_s` seconds: from now on, measure only later leaps."""
        self._usual_s += parted_s


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

    def boot_s(self) -> float:
        """Return the test's monotonic seconds: a test's machine never sleeps."""
        return self._mono_s

    def advance(self, seconds: float) -> None:
        """Move both times on by `seconds` (≥ 0)."""
        self._now_s += seconds
        self._mono_s += seconds

    def jump(self, seconds: float) -> None:
        """Move only the wall clock, as NTP or an operator corrects it."""
        self._now_s += seconds
