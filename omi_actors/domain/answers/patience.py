"""Fallback: whether another model is asked what one failed to answer, for how long, and which failure is told then.

Not here: the calls (clients/model_chain.py), the deadline of the whole question (patience.py). Threads: none, pure.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from omi_actors.errors import (
    CircuitOpenError,
    UpstreamError,
    UpstreamRejectedError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from omi_actors.kit.errors import ExpectedError

# Of what is left of the deadline, the share of a model that is not the last. An answer that needs more than half of the
# whole is rare, and a model that hangs must leave those after it enough for an answer of their own.
_SHARE = 0.5
# Of the whole deadline, what must be left for another model: in less it would only be cut, and be blamed for it.
_LEAST_FALLBACK_SHARE = 0.1
# Refusals that are about one model's name or its way of thinking. All others are about the account, which the models
# share (key, credit), or about the question: what one model refuses to answer is not carried to the next.
_OF_ONE_MODEL = ("model_not_found", "thought_too_long")


def may_fall_back(error: UpstreamError) -> bool:
    """Tell whether another model at the same server may answer what failed so."""
    if isinstance(error, UpstreamRejectedError):
        return error.code in _OF_ONE_MODEL
    return isinstance(error, UpstreamTimeoutError | UpstreamUnavailableError)


def share_s(left_s: float, models_after: int) -> float:
    """Return the seconds that a model may take of the `left_s` of a question; those after it can be asked now, too."""
    return left_s * _SHARE if models_after else left_s


def is_worth_asking(left_s: float, whole_s: float) -> bool:
    """Tell whether another model has a chance in the seconds that are left of the question's `whole_s`."""
    return left_s >= whole_s * _LEAST_FALLBACK_SHARE


def choose_failure(errors: Sequence[UpstreamError]) -> UpstreamError:
    """Return which of the failures of all models, in their order and non-empty, is the question's.

    One that is final for all models is the last. Else one after which another attempt may help, the soonest first;
    else the first model's: it is the one that the operator chose.
    """
    if not may_fall_back(errors[-1]):
        return errors[-1]
    passing = [error for error in errors if isinstance(error, UpstreamUnavailableError)]
    return min(passing, key=lambda error: error.retry_after_s or 0.0) if passing else errors[0]


# Below this share of the whole an attempt has little chance, and an honest sentence now is worth more.
_LEAST_RETRY_SHARE = 0.25


def attempt_deadline_s(asked_at: float, run_at: float, now_s: float, whole_s: float) -> float:
    """Return the seconds that an attempt may take which begins now.

    `run_at` is when it was put off to, `asked_at` if it never was: then the model has not cost it any time, and it has
    all of it. Afterwards it has what is left, and a moment at least: the pause may end a little late. A question whose
    time is over all the same was kept waiting by ourselves, by a restart, and begins anew.
    """
    left_s = min(whole_s, whole_s - (now_s - asked_at))
    if run_at <= asked_at or left_s <= 0.0:
        return whole_s
    return max(left_s, _LEAST_RETRY_SHARE * whole_s)


def longest_wait_s(asked_at: float, now_s: float, whole_s: float) -> float:
    """Return the seconds that the next attempt may be put off, 0 or less for none: then it is too late for one."""
    return min(whole_s, whole_s - (now_s - asked_at)) - _LEAST_RETRY_SHARE * whole_s


# Seconds. The first retry comes soon, since a person waits for an answer.
BASE_S = 0.5
CAP_S = 600.0


@dataclass(frozen=True, slots=True)
class Retry:
    """Try again after `delay_s` seconds. An attempt that asked nobody is not counted."""

    delay_s: float
    is_counted: bool = True


@dataclass(frozen=True, slots=True)
class Bury:
    """Give up: nothing more can be expected of another attempt."""


def decide_retry(
    error: BaseException, *, attempt: int, max_attempts: int, rng: random.Random, wait_s: float | None = None
) -> Retry | Bury:
    """Decide after attempt number `attempt` (from 1) failed with `error`.

    Errors of our tree say whether they are retryable; an unexpected one may be a passing trouble and is retried too.
    `wait_s` is how long the job may wait at most; None: for ever, and then every attempt counts.
    """
    is_counted = wait_s is None or not isinstance(error, CircuitOpenError)
    if isinstance(error, ExpectedError) and not error.retryable:
        return Bury()
    if is_counted and attempt >= max_attempts:
        return Bury()
    asked_s = getattr(error, "retry_after_s", None)
    if asked_s is None:
        asked_s = rng.uniform(0.0, min(CAP_S, BASE_S * 2.0 ** (attempt - 1)))
    if wait_s is not None and asked_s > wait_s:
        return Bury()
    return Retry(float(asked_s), is_counted)
