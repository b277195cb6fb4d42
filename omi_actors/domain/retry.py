"""Whether and when a failed attempt at a job is made again.

Not here: restarts of actors (backoff.py), the rows (store/jobs.py). Threads: none, pure.
Source: exponential backoff with full jitter; a server's Retry-After wins.
"""

import random
from dataclasses import dataclass

from omi_actors.errors import OmiError

# Seconds. The first retry comes soon, since a person waits for an answer.
BASE_S = 0.5
CAP_S = 600.0


@dataclass(frozen=True, slots=True)
class Retry:
    """Try again after `delay_s` seconds."""

    delay_s: float


@dataclass(frozen=True, slots=True)
class Bury:
    """Give up: nothing more can be expected of another attempt."""


def decide_retry(error: BaseException, *, attempt: int, max_attempts: int, rng: random.Random) -> Retry | Bury:
    """Decide after attempt number `attempt` (from 1) failed with `error`.

    Errors of our tree say whether they are retryable; an unexpected one may be a passing trouble and is retried too.
    """
    if attempt >= max_attempts or (isinstance(error, OmiError) and not error.retryable):
        return Bury()
    asked_s = getattr(error, "retry_after_s", None)
    if asked_s is not None:
        return Retry(float(asked_s))
    return Retry(rng.uniform(0.0, min(CAP_S, BASE_S * 2.0 ** (attempt - 1))))
