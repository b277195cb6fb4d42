"""Retries of a failed job: whether, and after which pause. All kinds of jobs share this.

The error of a kind may bring a pause of its own (`retry_after_s`); a kind limits the wait by `longest_wait_s`.
Not here: attempts (jobs/attempt.py), fallback to another model (domain/answers/patience.py). Threads: any; pure.
"""

import random
from dataclasses import dataclass

from omi_actors.errors import CircuitOpenError, UpstreamEmptyError
from omi_actors.kit.errors import ExpectedError

# Attempts at a question that the model answers by nothing: a third would say nothing too, and costs as much.
_MOST_EMPTY = 2
# Seconds. The first retry comes soon, since a person waits for an answer; the pauses double up to the cap.
BASE_S = 0.5
CAP_S = 600.0


@dataclass(frozen=True, slots=True)
class Retry:
    """Decision to try again after `delay_s` seconds. `is_counted` is False if the failed attempt made no call."""

    delay_s: float
    is_counted: bool = True


@dataclass(frozen=True, slots=True)
class Bury:
    """Decision to bury the job: another attempt cannot help."""


def decide_retry(
    error: BaseException, *, attempt: int, max_attempts: int, rng: random.Random, wait_s: float | None = None
) -> Retry | Bury:
    """Choose a retry or burial after attempt number `attempt` (from 1) failed with `error`.

    An expected error is retried if it is `retryable`, an unexpected one always. The job may wait `wait_s` seconds at
    most. None: it may wait without limit, and each attempt counts.
    """
    is_counted = wait_s is None or not isinstance(error, CircuitOpenError)
    if isinstance(error, ExpectedError) and not error.retryable:
        return Bury()
    most = min(max_attempts, _MOST_EMPTY) if isinstance(error, UpstreamEmptyError) else max_attempts
    if is_counted and attempt >= most:
        return Bury()
    asked_s = getattr(error, "retry_after_s", None)
    if asked_s is None:
        asked_s = rng.uniform(0.0, min(CAP_S, BASE_S * 2.0 ** (attempt - 1)))
    if wait_s is not None and asked_s > wait_s:
        return Bury()
    return Retry(float(asked_s), is_counted)
