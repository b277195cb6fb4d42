"""Restart intensity: how many crashes within a period are too many.

Not here: the pause before a restart (restarts.py), who is restarted (kit/supervisor.py). Threads: none, pure.
Source: OTP's supervisor: *more than* max_restarts within period_s gives up.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Intensity:
    """At most `max_restarts` (≥ 0) restarts within any `period_s` (> 0) seconds."""

    max_restarts: int = 5
    period_s: float = 30.0


def record_crash(crashes_at_s: tuple[float, ...], now_s: float, intensity: Intensity) -> tuple[float, ...]:
    """Return the crashes that still count at `now_s`, this one included, oldest first. Seconds are monotonic.

    Never longer than max_restarts + 1: what is too many need not be counted on.
    """
    recent = tuple(at_s for at_s in crashes_at_s if now_s - at_s < intensity.period_s)
    return (*recent, now_s)[-(intensity.max_restarts + 1) :]


def is_exceeded(crashes_at_s: tuple[float, ...], intensity: Intensity) -> bool:
    """Tell whether crashes as returned by `record_crash` are more than the intensity allows."""
    return len(crashes_at_s) > intensity.max_restarts


@dataclass(frozen=True, slots=True)
class Backoff:
    """First restart at once, then after `min_s`, doubling up to `max_s`.

    Up to `jitter` (a share of the pause) is added, so that actors felled together do not return together.
    After `quiet_s` without a crash the next one counts as the first again.
    """

    min_s: float = 0.2
    max_s: float = 30.0
    jitter: float = 0.2

    @property
    def quiet_s(self) -> float:
        """Seconds without a crash after which the count starts anew."""
        return (self.min_s + self.max_s) / 2


@dataclass(frozen=True, slots=True)
class Streak:
    """Crashes in a row: how many (≥ 1), and when (monotonic seconds) the last one was."""

    count: int
    last_at_s: float


def extend_streak(streak: Streak | None, now_s: float, backoff: Backoff) -> Streak:
    """Return the streak after one more crash at `now_s`; a quiet time starts a new one."""
    if streak is None or now_s - streak.last_at_s >= backoff.quiet_s:
        return Streak(1, now_s)
    return Streak(streak.count + 1, now_s)


def restart_delay_s(streak: Streak, backoff: Backoff, luck: float) -> float:
    """Return the seconds to wait before the restart. `luck` is a random number in [0, 1)."""
    if streak.count == 1:
        return 0.0
    # Past 2**60 every pause is the longest one; a float overflows above 2**1023.
    pause_s = backoff.min_s * 2.0 ** min(streak.count - 2, 60)
    return min(backoff.max_s, pause_s * (1.0 + backoff.jitter * luck))
