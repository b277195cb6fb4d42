"""Explanations of a failure: cause and fix for the operator, a sentence for the wearer.

Not here: the sentences (sentences.py), logging and showing a fault (clients/model_chain.py).
Threads: any; pure.
"""

from dataclasses import dataclass

from omi_actors.domain.answers.sentences import SENTENCES, Sentences
from omi_actors.domain.hearing.language import guess_language
from omi_actors.errors import (
    BudgetSpentError,
    CircuitOpenError,
    OverloadError,
    StoreError,
    TooLargeError,
    UpstreamBusyError,
    UpstreamEmptyError,
    UpstreamError,
    UpstreamRejectedError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from omi_actors.kit.errors import MailboxFullError


@dataclass(frozen=True, slots=True)
class Fault:
    """Explanation for the operator. `cause` is a fixed word, used as a label. `is_lasting`: all questions fail so."""

    cause: str
    fix: str
    is_lasting: bool = True


_ADDRESS_FIX = (
    "set OPENAI_BASE_URL to the address at which the server has /chat/completions, such as http://localhost:11434/v1"
)
_REJECTED = {
    fault.cause: fault
    for fault in (
        Fault("invalid_api_key", "set OPENAI_API_KEY to a key that is valid at OPENAI_BASE_URL, and restart"),
        Fault("insufficient_quota", "add credit at the provider; this is no speed limit"),
        Fault(
            "model_not_found",
            "set OPENAI_MODEL and OPENAI_FALLBACK_MODELS to names that the server lists at OPENAI_BASE_URL/models",
        ),
        Fault("wrong_address", _ADDRESS_FIX),
        Fault("redirected", _ADDRESS_FIX),
        Fault(
            "thought_too_long",
            "raise OPENAI_WEBHOOK_MAX_TOKENS and OPENAI_MAX_TOKENS, or set OPENAI_REASONING_EFFORT to minimal or low",
        ),
        Fault(
            "unreadable_reply",
            "what answers at OPENAI_BASE_URL is no HTTP, or sends headers above 8 kB: check address and proxies",
        ),
        Fault("place_refused", "call the provider from a country or address that it serves, as by HTTPS_PROXY"),
        Fault("context_length_exceeded", "lower OPENAI_MAX_CONTEXT_TOKENS", is_lasting=False),
        Fault("content_refused", "nothing to mend: the model refused what it was asked", is_lasting=False),
    )
}
_REFUSED = Fault(
    "refused", "check OPENAI_BASE_URL, OPENAI_MODEL and the other OPENAI_ settings against what the server takes"
)
_TIMEOUT = Fault("timeout", "is the server slow or hung? Take a faster model, or raise OPENAI_TIMEOUT")
_BUSY = Fault("busy", "raise the account's rate limit, or lower OPENAI_MAX_CONCURRENCY")
_EMPTY = Fault(
    "empty_answer",
    "if it stays so: take another model, or let the model's server separate reasoning and turn off tools",
    is_lasting=False,
)
_UNREACHABLE = Fault("unavailable", "check OPENAI_BASE_URL, the network and the provider's status page")


def find_fault(error: UpstreamError) -> Fault:
    """Return the operator's explanation of an error."""
    match error:
        case UpstreamRejectedError():
            return _REJECTED.get(error.code, _REFUSED)
        case UpstreamTimeoutError():
            return _TIMEOUT
        case UpstreamBusyError():
            return _BUSY
        case UpstreamEmptyError():
            return _EMPTY
        case _:
            return _UNREACHABLE


def find_cause(error: BaseException) -> str:
    """Return the cause of a question's failure in one word of a few, which labels a metric."""
    match error:
        case CircuitOpenError():
            return "set_aside"
        case UpstreamError():
            return find_fault(error).cause
        case BudgetSpentError():
            return "budget_spent"
        case StoreError():
            return "store"
        case _:
            return "internal"


def is_broken(error: UpstreamError) -> bool:
    """Return True if an error counts for the circuit breaker: the server does not work.

    A server that replies is not broken, even if it asks for fewer calls (429), refuses a key or a question, or sends an
    empty answer.
    """
    if isinstance(error, UpstreamBusyError | UpstreamEmptyError | CircuitOpenError):
        return False
    return isinstance(error, UpstreamTimeoutError | UpstreamUnavailableError)


def explain_failure(error: BaseException, question: str = "", language: str = "") -> str:
    """Return one sentence for the wearer, without technical terms or promises.

    It is in the `language` that the person has chosen, else in the question's.
    """
    return _choose(error, SENTENCES[language or guess_language(question)])


def _choose(error: BaseException, sentences: Sentences) -> str:
    match error:
        case UpstreamRejectedError():
            return _choose_rejected(error.code, sentences)
        case BudgetSpentError():
            return _choose_spent(error, sentences)
        case UpstreamTimeoutError():
            return sentences.late
        case UpstreamBusyError() | OverloadError() | MailboxFullError():
            return sentences.busy
        case TooLargeError():
            return sentences.too_long
        case UpstreamEmptyError():
            return sentences.empty
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
        case "wrong_address" | "redirected":
            return sentences.address
        case "thought_too_long":
            return sentences.thinking
        case "context_length_exceeded":
            return sentences.too_long
        case "unreadable_reply" | "place_refused":
            return sentences.unreachable
        case _:
            return sentences.refused
