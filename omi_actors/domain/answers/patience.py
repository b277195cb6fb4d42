"""Time of a question: fallback to the next model, deadlines of attempts.

Not here: the calls (clients/model_chain.py), retries of a job (domain/work/retry.py), the limits of an answer
(limits.py). Threads: any; pure.
"""

from collections.abc import Sequence

from omi_actors.errors import (
    UpstreamError,
    UpstreamRejectedError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)

# Share of the remaining time for a model that is not the last. Answers rarely need more than half of the whole time,
# and a model that hangs must leave enough for the next.
_SHARE = 0.5
# Share of the whole time that must be left for another model: in less it would only be cut and counted as failed.
_LEAST_FALLBACK_SHARE = 0.1
# Refusals that concern one model's name, reasoning, fields or template. All others concern the shared account (key,
# credit) or the question: a question that one model refuses is not passed to the next.
_OF_ONE_MODEL = ("model_not_found", "thought_too_long", "parameter_refused", "roles_refused")


def may_fall_back(error: UpstreamError) -> bool:
    """Return True if another model at the same server may be asked after this error."""
    if isinstance(error, UpstreamRejectedError):
        return error.code in _OF_ONE_MODEL
    return isinstance(error, UpstreamTimeoutError | UpstreamUnavailableError)


def share_s(left_s: float, models_after: int) -> float:
    """Return the seconds for one model out of the question's `left_s`; `models_after` other models can follow."""
    return left_s * _SHARE if models_after else left_s


def is_worth_asking(left_s: float, whole_s: float) -> bool:
    """Return True if `left_s` of the question's `whole_s` seconds are enough to ask another model."""
    return left_s >= whole_s * _LEAST_FALLBACK_SHARE


def choose_failure(errors: Sequence[UpstreamError]) -> UpstreamError:
    """Choose one of the failures of the models (not empty, in their order) as the failure of the question.

    If the last one is final for all models, return it. Otherwise return the failure with the soonest retry. If none
    may be retried, return that of the first model, which the operator chose.
    """
    if not may_fall_back(errors[-1]):
        return errors[-1]
    passing = [error for error in errors if isinstance(error, UpstreamUnavailableError)]
    return min(passing, key=lambda error: error.retry_after_s or 0.0) if passing else errors[0]


# Share of the whole time that an attempt needs. With less, a sentence about the failure now is better.
_LEAST_RETRY_SHARE = 0.25


def attempt_deadline_s(asked_at: float, run_at: float, now_s: float, whole_s: float) -> float:
    """Return the seconds that an attempt has if it begins now.

    The first attempt (`run_at` is `asked_at`) has the question's whole time. A delayed attempt (`run_at` is later) has
    the time that is left, but at least the time that an attempt needs. If no time is left, a restart delayed the
    question, and it has the whole time again.
    """
    left_s = min(whole_s, whole_s - (now_s - asked_at))
    if run_at <= asked_at or left_s <= 0.0:
        return whole_s
    return max(left_s, _LEAST_RETRY_SHARE * whole_s)


def longest_wait_s(asked_at: float, now_s: float, whole_s: float) -> float:
    """Return the seconds by which the next attempt may be delayed; 0 or less: it is too late for another attempt."""
    return min(whole_s, whole_s - (now_s - asked_at)) - _LEAST_RETRY_SHARE * whole_s
