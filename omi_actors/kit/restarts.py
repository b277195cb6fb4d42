"""Restart intensity and backoff: the restarts that a supervisor allows, and the pause before each.

Not here: the restart itself (kit/supervisor.py). Threads: any; pure.
Source: OTP's supervisor, which fails after *more than* max_restarts restarts within period_s.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Intensity:
    """At most `max_restarts` (≥ 0) restarts within any `period_s` (> 0) seconds."""

    max_restarts: int = 5
    period_s: float = 30.0


def record_crash(crashes_at_s: tuple[float, ...], now_s: float, intensity: Intensity) -> tuple[float, ...]:
    """Return the times of the crashes that still count at `now_s`, with this one, oldest first (monotonic seconds).

    The result has at most max_restarts + 1 entries, since so many already exceed the intensity.
    """
    recent = tuple(at_s for at_s in crashes_at_s if now_s - at_s < intensity.period_s)
    return (*recent, now_s)[-(intensity.max_restarts + 1) :]


def is_exceeded(crashes_at_s: tuple[float, ...], intensity: Intensity) -> bool:
    """Return True when these crashes, a result of `record_crash`, exceed the intensity."""
    return len(crashes_at_s) > intensity.max_restarts


@dataclass(frozen=True, slots=True)
class Backoff:
    """Pauses before restarts: none before the first, then `min_s`, doubled each time up to `max_s`.

    Each pause grows by a random part of up to `jitter` (a share of it), so that actors that crashed together restart
    at different times. After `quiet_s` without a crash the count starts again.
    """

    min_s: float = 0.2
    max_s: float = 30.0
    jitter: float = 0.2

    @property
    def quiet_s(self) -> float:
        """Return the seconds without a crash after which the count starts again."""
        return (self.min_s + self.max_s) / 2


@dataclass(frozen=True, slots=True)
class Streak:
    """Crashes in a row: their count (≥ 1), and the time of the last one in monotonic seconds."""

    count: int
    last_at_s: float


def extend_streak(streak: Streak | None, now_s: float, backoff: Backoff) -> Streak:
    """Return the streak after one more crash at `now_s`; `quiet_s` without a crash starts a new one."""
    if streak is None or now_s - streak.last_at_s >= backoff.quiet_s:
        return Streak(1, now_s)
    return Streak(streak.count + 1, now_s)


def restart_delay_s(streak: Streak, backoff: Backoff, luck: float) -> float:
    """Return the seconds to wait before the restart. `luck` is a random number in [0, 1)."""
    if streak.count == 1:
        return 0.0
    # From 2**60 on every pause is the longest one, and above 2**1023 a float overflows.
    pause_s = backoff.min_s * 2.0 ** min(streak.count - 2, 60)
    return min(backoff.max_s, pause_s * (1.0 + backoff.jitter * luck))
