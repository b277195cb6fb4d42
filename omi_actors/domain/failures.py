"""The honest sentence that a wearer hears when an answer could not be made, in the language of the question.

Not here: the sentences (domain/answers/sentences.py), which failure happened (clients/), that it is said once
(domain/answers/delivery.py), what the operator reads (domain/answers/failures.py). Threads: none, pure.
"""

from omi_actors.domain.answers.language import guess_language
from omi_actors.domain.answers.sentences import SENTENCES, Sentences
from omi_actors.errors import (
    BudgetSpentError,
    OverloadError,
    TooLargeError,
    UpstreamBusyError,
    UpstreamRejectedError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)


def explain_failure(error: BaseException, question: str = "") -> str:
    """Return one sentence for the wearer, without technical terms and without a promise that nobody keeps."""
    return _choose(error, SENTENCES[guess_language(question)])


def _choose(error: BaseException, sentences: Sentences) -> str:
    match error:
        case UpstreamRejectedError():
            return _choose_rejected(error.code, sentences)
        case BudgetSpentError():
            return _choose_spent(error, sentences)
        case UpstreamTimeoutError():
            return sentences.late
        case UpstreamBusyError() | OverloadError():
            return sentences.busy
        case TooLargeError():
            return sentences.too_long
        case UpstreamUnavailableError():
            return sentences.unreachable
        case _:
            return sentences.internal


def _choose_spent(error: BudgetSpentError, sentences: Sentences) -> str:
    if error.whose == "owner":
        return sentences.too_fast if error.period == "minute" else sentences.day_spent
    return sentences.crowded if error.period == "minute" else sentences.closed


def _choose_rejected(code: str, sentences: Sentences) -> str:
    match code:
        case "invalid_api_key":
            return sentences.key
        case "insufficient_quota":
            return sentences.credit
        case "model_not_found":
            return sentences.model
        case "thought_too_long":
            return sentences.thinking
        case "context_length_exceeded":
            return sentences.too_long
        case _:
            return sentences.refused
