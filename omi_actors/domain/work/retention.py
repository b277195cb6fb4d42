"""Retention: the cutoffs before which rows are pruned, and the pause of retention after the clock has leapt.

Not here: statements (store/retention.py), the stored state (store/retention_state.py), the rounds
(actors/maintenance/janitor.py). Threads: any; pure.
"""

from dataclasses import dataclass

DAY_S = 86_400.0
# Seconds: the hour of the notification budget, the latest lines of a conversation, repetitions of a webhook.
LIVE_S = 3_600.0
# Seconds between the last heartbeat and a start above which the clock is doubted: servers may be off for days.
GAP_S = 7 * DAY_S
# Seconds by which the wall clock and the monotonic clock may part: NTP slews both, and its later steps are smaller.
PARTED_S = 60.0
# Seconds of uptime for which retention rests after a leap: by then NTP has corrected the clock, or a person has.
REST_S = DAY_S
# Rows of a table that a round may always delete: a small store would otherwise need the operator every day.
FREE_ROWS = 1_000
RESUME = "omi-actors retention resume"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionRules:
    """The days for which transcripts, dead jobs, done jobs and the operator's events are kept.

    Rows that are younger than `live_s` seconds stay even if the days are 0, since sessions use them. Without the
    operator's permission a round may delete up to `max_percent` of a table.
    """

    transcript_days: int = 90
    dead_letter_days: int = 30
    job_days: int = 7
    event_days: int = 365
    live_s: float = LIVE_S
    max_percent: int = 10

    @property
    def has_limit(self) -> bool:
        """Return True if a round has a limit on the percentage of rows that it may delete; 0 days mean no limit."""
        return self.transcript_days > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionState:
    """The stored state of retention.

    `leaps` counts the clock's leaps (sudden changes). `leap_s` is the latest leap in seconds, negative if it went back;
    None if there was none or an operator has confirmed the clock. `ran_s` is the uptime since that leap. `lag_s`: rows
    may be younger than their dates by so many seconds. `excess` names a table that would lose too many rows, or is "".
    `may_exceed`: an operator allows the next round to delete more than its limit.
    """

    leaps: int = 0
    leap_s: float | None = None
    lag_s: float = 0.0
    ran_s: float = 0.0
    excess: str = ""
    may_exceed: bool = False

    @property
    def rest_left_s(self) -> float:
        """Return the seconds of uptime for which retention still pauses; no round begins in them."""
        return 0.0 if self.leap_s is None else max(0.0, REST_S - self.ran_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cutoffs:
    """Times (UTC seconds) before which transcripts, done and dead jobs, counts of use and operator's events are pruned.

    Minutes of metrics go with the counts of use.

    After another leap of the clock (more than `leaps`) they are no longer valid.
    """

    transcripts: float
    done: float
    dead: float
    used: float
    events: float
    leaps: int = 0


@dataclass(frozen=True, slots=True)
class RetentionRound:
    """A round that may begin. `max_percent` is None for a round without a limit."""

    cutoffs: Cutoffs
    max_percent: int | None


def find_cutoffs(now_s: float, rules: RetentionRules, state: RetentionState | None = None) -> Cutoffs:
    """Return the current cutoffs: the times before which rows are pruned.

    A dead job contains its question, so it is kept no longer than the transcript. Rows from before the latest leap of
    the clock may have dates that are too early by `lag_s` seconds. So each cutoff is earlier by `lag_s` until the
    uptime since the leap exceeds its retention; no row is pruned too young.
    """
    known = state or RetentionState()

    def ago(age_s: float) -> float:
        return now_s - age_s - (known.lag_s if known.ran_s < age_s else 0.0)

    transcripts = ago(max(rules.live_s, rules.transcript_days * DAY_S))
    dead = ago(max(rules.live_s, rules.dead_letter_days * DAY_S))
    done = ago(max(rules.live_s, rules.job_days * DAY_S))
    events, used = ago(rules.event_days * DAY_S), ago(2 * DAY_S)
    return Cutoffs(
        transcripts=transcripts, done=done, dead=max(transcripts, dead), used=used, events=events, leaps=known.leaps
    )


def after_leap(state: RetentionState, leap_s: float) -> RetentionState:
    """Return the state after a leap of the clock: the pause of retention starts again."""
    return RetentionState(
        leaps=state.leaps + 1, leap_s=leap_s, lag_s=max(0.0, state.lag_s + leap_s), excess=state.excess
    )


def explain_rest(state: RetentionState) -> str:
    """Return the reason why retention pauses, and the end of the pause; "" if it does not pause."""
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
    """Return the least number of rows that a table must have if one round prunes `old` of them; 0 if `old` is small."""
    return 0 if old <= FREE_ROWS else -(-old * 100 // max_percent)
