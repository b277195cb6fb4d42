"""Retention: from when on what is kept of people, and of finished work, has been kept long enough.

Not here: which rows that are (store/retention.py), when they go (actors/maintenance/janitor.py). Threads: none, pure.
"""

from dataclasses import dataclass

DAY_S = 86_400.0
# Seconds: the clock's hour of the notification budget, a conversation's latest lines, repetitions of a webhook.
LIVE_S = 3_600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionRules:
    """Days for which is kept what was said, what failed for good, what is done, and what the operator did.

    `live_s` is the live window in seconds: what is younger is still being worked with, whatever the days say.
    """

    transcript_days: int = 90
    dead_letter_days: int = 30
    job_days: int = 7
    event_days: int = 365
    live_s: float = LIVE_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Cutoffs:
    """UTC seconds before which what was said, done jobs, dead jobs, counts of use, and the operator's events go."""

    said: float
    done: float
    dead: float
    used: float
    events: float


def find_cutoffs(now_s: float, rules: RetentionRules) -> Cutoffs:
    """Return what has been kept long enough by now. A dead letter holds what was asked: it goes with that at last."""
    said = now_s - max(rules.live_s, rules.transcript_days * DAY_S)
    dead = now_s - max(rules.live_s, rules.dead_letter_days * DAY_S)
    done = now_s - max(rules.live_s, rules.job_days * DAY_S)
    events = now_s - rules.event_days * DAY_S
    return Cutoffs(said=said, done=done, dead=max(said, dead), used=now_s - 2 * DAY_S, events=events)
