"""Fallback: whether another model is asked what one failed to answer, for how long, and which failure is told then.

Not here: the calls (clients/model_chain.py), the deadline of the whole question (patience.py). Threads: none, pure.
"""

from collections.abc import Sequence

from omi_actors.errors import UpstreamError, UpstreamRejectedError, UpstreamTimeoutError, UpstreamUnavailableError

# Of what is left of the deadline, the share of a model that is not the last. An answer that needs more than half of the
# whole is rare, and a model that hangs must leave those after it enough for an answer of their own.
_SHARE = 0.5
# Of the whole deadline, what must be left for another model: in less it would only be cut, and be blamed for it.
_LEAST_SHARE = 0.1
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
    return left_s >= whole_s * _LEAST_SHARE


def choose_failure(errors: Sequence[UpstreamError]) -> UpstreamError:
    """Return which of the failures of all models, in their order and non-empty, is the question's.

    One that is final for all models is the last. Else one after which another attempt may help, the soonest first;
    else the first model's: it is the one that the operator chose.
    """
    if not may_fall_back(errors[-1]):
        return errors[-1]
    passing = [error for error in errors if isinstance(error, UpstreamUnavailableError)]
    return min(passing, key=lambda error: error.retry_after_s or 0.0) if passing else errors[0]
