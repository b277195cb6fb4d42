"""Whether and when a failed attempt at a job is made again.

Not here: restarts of actors (backoff.py), the rows (store/jobs.py), how long a question has (patience.py).
Threads: none, pure.
Source: exponential backoff with full jitter; a server's Retry-After wins.
"""

import random
from dataclasses import dataclass

from omi_actors.errors import CircuitOpenError, OmiError

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
    if isinstance(error, OmiError) and not error.retryable:
        return Bury()
    if is_counted and attempt >= max_attempts:
        return Bury()
    asked_s = getattr(error, "retry_after_s", None)
    if asked_s is None:
        asked_s = rng.uniform(0.0, min(CAP_S, BASE_S * 2.0 ** (attempt - 1)))
    if wait_s is not None and asked_s > wait_s:
        return Bury()
    return Retry(float(asked_s), is_counted)
