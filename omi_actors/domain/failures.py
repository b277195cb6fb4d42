"""The honest sentence that a wearer hears when an answer could not be made.

Not here: which failure happened (clients/), that it is said once (delivery.py). Threads: none, pure.
"""

from omi_actors.errors import UpstreamRejectedError, UpstreamTimeoutError, UpstreamUnavailableError

_REJECTED = {
    "invalid_api_key": "I can't answer: my language model refuses its key. The operator has to renew it.",
    "insufficient_quota": "I can't answer: my language model's account has no credit left.",
    "model_not_found": "I can't answer: the language model that I am set up for does not exist.",
}


def explain_failure(error: BaseException) -> str:
    """Return one sentence for the wearer, without technical terms and without a promise that nobody keeps."""
    match error:
        case UpstreamRejectedError():
            return _REJECTED.get(error.code, "I can't answer that: my language model refused the question.")
        case UpstreamTimeoutError():
            return "I couldn't answer in time: my language model took too long."
        case UpstreamUnavailableError():
            return "I can't answer right now: my language model can't be reached."
        case _:
            return "I couldn't answer: something in my own service failed."
