"""Circuit breaker: stops the calls to a failing server for a pause.

Closed: all calls pass. Open: no call passes during the pause. Half-open: one call passes, the probe; its result closes
the breaker or opens it again.
Not here: the calls (clients/model_chain.py), which failures count (failures.py). Threads: any; pure.
Source: the pattern of M. Nygard's "Release It!".
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple


class BreakerState(StrEnum):
    """State of a circuit breaker."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerRules:
    """Rules of a breaker: `failures` (≥ 1) in a row within `window_s` seconds open it.

    The first pause is `pause_s`; each probe that fails doubles it, up to `pause_cap_s`. During a probe other calls must
    wait `probe_wait_s` seconds.
    """

    failures: int = 5
    window_s: float = 60.0
    pause_s: float = 5.0
    pause_cap_s: float = 60.0
    probe_wait_s: float = 1.0


@dataclass(frozen=True, slots=True)
class Breaker:
    """A breaker's state at one moment; a new breaker is closed. Seconds are monotonic.

    `round` counts the changes of state. The result of a call from an earlier round is ignored.
    """

    state: BreakerState = BreakerState.CLOSED
    round: int = 0
    failed_at_s: tuple[float, ...] = ()
    openings: int = 0
    open_until_s: float = 0.0


class Admission(NamedTuple):
    """Decision about a call. `round` goes back with the call's result; a refused call must wait `retry_after_s`."""

    breaker: Breaker
    round: int
    is_admitted: bool
    retry_after_s: float = 0.0


def admit(breaker: Breaker, now_s: float, rules: BreakerRules) -> Admission:
    """Decide about a call now. The first call after the pause becomes the probe."""
    if breaker.state is BreakerState.CLOSED:
        return Admission(breaker, breaker.round, is_admitted=True)
    if breaker.state is BreakerState.HALF_OPEN:
        return Admission(breaker, breaker.round, is_admitted=False, retry_after_s=rules.probe_wait_s)
    if now_s < breaker.open_until_s:
        left_s = breaker.open_until_s - now_s
        return Admission(breaker, breaker.round, is_admitted=False, retry_after_s=left_s)
    probing = replace(breaker, state=BreakerState.HALF_OPEN, round=breaker.round + 1)
    return Admission(probing, probing.round, is_admitted=True)


def wait_s(breaker: Breaker, now_s: float, rules: BreakerRules) -> float:
    """Return the seconds until `admit` lets a call pass; 0 if it does so now. This starts no probe."""
    return admit(breaker, now_s, rules).retry_after_s


def note_success(breaker: Breaker, asked_in: int) -> Breaker:
    """Return the breaker after a call succeeded.

    `asked_in` is the breaker's `round` when the call began. If the state has changed since then, the success does not
    count.
    """
    if asked_in != breaker.round or breaker.state is BreakerState.OPEN:
        return breaker
    if breaker.state is BreakerState.CLOSED:
        return replace(breaker, failed_at_s=()) if breaker.failed_at_s else breaker
    return Breaker(round=breaker.round + 1)


def note_failure(breaker: Breaker, asked_in: int, now_s: float, rules: BreakerRules) -> Breaker:
    """Return the breaker after a call failed at `now_s`.

    `asked_in` is the breaker's `round` when the call began. If the state has changed since then, the failure does not
    count.
    """
    if asked_in != breaker.round or breaker.state is BreakerState.OPEN:
        return breaker
    if breaker.state is BreakerState.HALF_OPEN:
        return _open(breaker, now_s, rules)
    recent = tuple(at_s for at_s in breaker.failed_at_s if now_s - at_s < rules.window_s)
    failed = replace(breaker, failed_at_s=(*recent, now_s))
    return _open(failed, now_s, rules) if len(failed.failed_at_s) >= rules.failures else failed


def note_nothing(breaker: Breaker, asked_in: int, now_s: float) -> Breaker:
    """Return the breaker after a cancelled call. If it was the probe, the next call becomes the probe."""
    if asked_in != breaker.round or breaker.state is not BreakerState.HALF_OPEN:
        return breaker
    return replace(breaker, state=BreakerState.OPEN, round=breaker.round + 1, open_until_s=now_s)


def _open(breaker: Breaker, now_s: float, rules: BreakerRules) -> Breaker:
    # Past 2**60 every pause is the longest one; a float overflows above 2**1023.
    pause_s = min(rules.pause_cap_s, rules.pause_s * 2.0 ** min(breaker.openings, 60))
    return Breaker(BreakerState.OPEN, breaker.round + 1, (), breaker.openings + 1, now_s + pause_s)
