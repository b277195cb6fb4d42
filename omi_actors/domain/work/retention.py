"""Retention: from when on what is kept of people, and of finished work, has been kept long enough; and when it rests.

Not here: which rows that are (store/retention.py), the state that is kept (store/retention_state.py), when rows go
(actors/maintenance/janitor.py). Threads: none, pure.
"""

from dataclasses import dataclass

DAY_S = 86_400.0
# Seconds: the clock's hour of the notification budget, a conversation's latest lines, repetitions of a webhook.
LIVE_S = 3_600.0
# Seconds between the previous heartbeat and a start from which on the clock is doubted: servers are off for days.
GAP_S = 7 * DAY_S
# Seconds by which wall and running clock may part: NTP slews both alike, and once it is settled its steps are smaller.
PARTED_S = 60.0
# Seconds of uptime for which retention rests after a leap: NTP has mended the clock by then, or a person has seen it.
REST_S = DAY_S
# Rows of a table that a round may always delete: a store with few rows would else need a word every day.
FREE_ROWS = 1_000
RESUME = "omi-actors retention resume"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionRules:
    """Days for which is kept what was said, what failed for good, what is done, and what the operator did.

    `live_s` is the live window in seconds: what is younger is still being worked with, whatever the days say.
    `max_percent` of a table may go in one round without an operator's word.
    """

    transcript_days: int = 90
    dead_letter_days: int = 30
    job_days: int = 7
    event_days: int = 365
    live_s: float = LIVE_S
    max_percent: int = 10

    @property
    def has_limit(self) -> bool:
        """Tell whether a round is limited: with 0 days most of what there is goes in every round, as it was told to."""
        return self.transcript_days > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionState:
    """The state of retention that the store keeps.

    `leaps` counts the clock's leaps. `leap_s` is the latest one (seconds ahead; negative: back), None without one or
    once an operator has confirmed the clock; `ran_s` is the uptime since then. `lag_s` is how far the clock is ahead of
    the furthest back that it has been: rows may be younger than their dates say by as much. `excess` says of which
    table too much would go, "" of none. `may_exceed`: an operator allows the next round more than its share.
    """

    leaps: int = 0
    leap_s: float | None = None
    lag_s: float = 0.0
    ran_s: float = 0.0
    excess: str = ""
    may_exceed: bool = False

    @property
    def rest_left_s(self) -> float:
        """Return the uptime in seconds for which no round begins."""
        return 0.0 if self.leap_s is None else max(0.0, REST_S - self.ran_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cutoffs:
    """UTC seconds before which what was said, done jobs, dead jobs, counts of use, and the operator's events go.

    They hold as long as the clock has leapt no more than `leaps` times.
    """

    said: float
    done: float
    dead: float
    used: float
    events: float
    leaps: int = 0


@dataclass(frozen=True, slots=True)
class RetentionRound:
    """A round that may begin. `max_percent` None: it has no limit."""

    cutoffs: Cutoffs
    max_percent: int | None


def find_cutoffs(now_s: float, rules: RetentionRules, state: RetentionState | None = None) -> Cutoffs:
    """Return what has been kept long enough by now. A dead letter holds what was asked: it goes with that at last.

    What was written before the clock's latest leap may carry a date too early by `lag_s`. Until the server has run for
    as long as something is kept, its age is measured by the clock's slowest reading: nothing goes that is younger.
    """
    known = state or RetentionState()

    def ago(age_s: float) -> float:
        return now_s - age_s - (known.lag_s if known.ran_s < age_s else 0.0)

    said = ago(max(rules.live_s, rules.transcript_days * DAY_S))
    dead = ago(max(rules.live_s, rules.dead_letter_days * DAY_S))
    done = ago(max(rules.live_s, rules.job_days * DAY_S))
    events, used = ago(rules.event_days * DAY_S), ago(2 * DAY_S)
    return Cutoffs(said=said, done=done, dead=max(said, dead), used=used, events=events, leaps=known.leaps)


def after_leap(state: RetentionState, leap_s: float) -> RetentionState:
    """Return the state after a leap of the clock: retention rests anew."""
    return RetentionState(
        leaps=state.leaps + 1, leap_s=leap_s, lag_s=max(0.0, state.lag_s + leap_s), excess=state.excess
    )


def say_rest(state: RetentionState) -> str:
    """Say why retention rests, and until when; "" when it does not."""
    if state.leap_s is not None and state.rest_left_s:
        way = f"{_say_span(abs(state.leap_s))} {'ahead' if state.leap_s > 0 else 'back'}"
        return f"the clock leapt {way}; nothing is deleted for {_say_span(state.rest_left_s)} more of uptime"
    if state.excess:
        return f"{state.excess} in one round; nothing is deleted until you allow it"
    return ""


def _say_span(seconds: float) -> str:
    for unit, name in ((DAY_S, "days"), (3_600.0, "h"), (60.0, "min")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds:.0f} s"


def rows_needed(old: int, max_percent: int) -> int:
    """Return how many rows a table must have at least for `old` of them to go in one round; 0 for few."""
    return 0 if old <= FREE_ROWS else -(-old * 100 // max_percent)
