"""Restart intensity: how many crashes within a period are too many.

Not here: the pause before a restart (backoff.py), who is restarted (kit/supervisor.py). Threads: none, pure.
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
