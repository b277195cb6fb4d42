"""Replies to errors: two tables from error class to reply, one for the API and one for the Omi webhook.

A class without an entry uses the entry of its nearest base. The API answers with the status that fits. The webhook
answers 200 with a drop header, unless the sender made the error: five failures in a row open Omi's circuit breaker for
all users. A sender that retries (`Idempotency-Key`) gets 503 instead of 200.
Not here: writing the answer (requests.py, handlers/base.py), the errors (omi_actors/errors.py). Threads: any; pure.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import msgspec

from omi_actors.errors import (
    AnswerLateError,
    BadRequestError,
    BusyError,
    ConflictError,
    ContextTooLongError,
    DuplicateError,
    FeatureOffError,
    FencedError,
    ForbiddenError,
    ForeignHostError,
    InvalidWebhookError,
    KeyReusedError,
    MalformedJsonError,
    NotFoundError,
    NotPermittedError,
    OrphanError,
    OverloadError,
    RateLimitedError,
    RepeatedError,
    SignatureMismatchError,
    SlowBodyError,
    StoreError,
    StoreUnavailableError,
    TooLargeError,
    TooManyValuesError,
    UnpacksTooLargeError,
    UnsupportedEncodingError,
    UpstreamError,
)
from omi_actors.kit.errors import ActorError, AskTimeoutError, MailboxFullError

_Row = TypeVar("_Row")
_Table = Mapping[type[BaseException], _Row]


@dataclass(frozen=True, slots=True)
class Problem:
    """An error as the client sees it. `code` is for programs, `error` and `hint` are for people."""

    status: int
    code: str
    error: str
    hint: str
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Drop:
    """A reply 200 to Omi with a header that says why the webhook was not stored.

    `reason` labels a metric, so its values are few. A repeat helps only if `retryable`.
    """

    reason: str
    retryable: bool


_SEE_LOG = "The log shows the cause under this request id."
_AGAIN = "Try again in a moment."

# Three causes share this entry: a session with too many open questions, a full mailbox, no memory for bodies.
_OVERLOADED = Problem(429, "overloaded", "The server has too much work.", _AGAIN, 1.0)
INTERNAL = Problem(500, "internal_error", "The server failed.", _SEE_LOG)

API: _Table[Problem] = {
    BadRequestError: Problem(400, "bad_request", "The request is not valid.", "Correct it and send it again."),
    MalformedJsonError: Problem(400, "malformed_json", "The body is not JSON.", "Correct it and send it again."),
    SignatureMismatchError: Problem(
        401,
        "unauthorized",
        "The token or signature is missing or wrong.",
        "Send the token as `Authorization: Bearer …`; Omi's webhook may carry its own as ?token=….",
    ),
    ForbiddenError: Problem(
        403,
        "foreign_origin",
        "A page of another site must not do this.",
        "Send it from a page of this server, or name the page's origin in CORS_ORIGINS.",
    ),
    NotPermittedError: Problem(
        403,
        "not_permitted",
        "This account must not do this.",
        "Ask the operator for the right, or use another account.",
    ),
    NotFoundError: Problem(404, "not_found", "Nothing is at this address.", "Check the address."),
    ConflictError: Problem(
        409,
        "conflict",
        "The state has changed since it was read.",
        "Load it again and repeat the request with the new state.",
    ),
    KeyReusedError: Problem(
        422,
        "idempotency_key_reused",
        "This `Idempotency-Key` was used for another request.",
        "Use a new key for another request; repeat a key only with the same message, context and session.",
    ),
    TooLargeError: Problem(
        413, "too_large", "The body is too large.", "MAX_REQUEST_SIZE and CHAT_MAX_MESSAGE_CHARS set the limits."
    ),
    UnsupportedEncodingError: Problem(
        415, "unsupported_encoding", "The body's encoding is not supported.", "Send it plain, or as gzip or deflate."
    ),
    SlowBodyError: Problem(
        408, "body_timeout", "The body did not arrive in time.", "BODY_TIMEOUT_MS sets the limit. Send it again."
    ),
    ContextTooLongError: Problem(
        400,
        "context_length_exceeded",
        "The conversation is too long.",
        "COMPLETIONS_MAX_CONTEXT_TOKENS sets the limit; send a shorter one.",
    ),
    ForeignHostError: Problem(
        421,
        "foreign_host",
        "The Host header names another server.",
        "Use this server's own address, or add the name to ALLOWED_HOSTS.",
    ),
    RateLimitedError: Problem(
        429, "rate_limited", "Too many requests.", "Wait for the seconds that Retry-After names, then try again.", 1.0
    ),
    RepeatedError: Problem(409, "repeated", "The same request is under way.", _AGAIN, 1.0),
    OverloadError: _OVERLOADED,
    BusyError: Problem(503, "busy", "Too many requests of this kind wait already.", _AGAIN, 1.0),
    FeatureOffError: Problem(503, "feature_off", "User system disabled", "The setting ENABLE_USER_SYSTEM is off."),
    MailboxFullError: _OVERLOADED,
    UpstreamError: Problem(502, "upstream_failed", "Another server that this one needs failed.", _AGAIN),
    StoreError: Problem(500, "store_failed", "The store failed.", _SEE_LOG),
    DuplicateError: Problem(409, "duplicate", "A value that must be unique is taken.", "Choose another value."),
    OrphanError: Problem(
        404, "not_found", "What this belongs to was deleted meanwhile.", "Load the list again, or sign in again."
    ),
    StoreUnavailableError: Problem(503, "store_unavailable", "The store cannot be reached.", _AGAIN, 5.0),
    ActorError: Problem(503, "unavailable", "The part of the server for this request is restarting.", _AGAIN, 1.0),
    AskTimeoutError: Problem(504, "timeout", "The request took too long.", _AGAIN, 1.0),
    AnswerLateError: Problem(
        504,
        "answer_late",
        "The answer is not ready yet.",
        "The answer will be stored: send the same message with the same Idempotency-Key to get it.",
        1.0,
    ),
    BaseException: INTERNAL,
}

# None: the sender made the error and gets the API's reply.
OMI: _Table[Drop | None] = {
    BadRequestError: None,
    InvalidWebhookError: Drop("invalid", retryable=False),
    TooLargeError: Drop("too_large", retryable=False),
    # Omi compresses nothing, so its breaker is not at stake.
    UnpacksTooLargeError: None,
    TooManyValuesError: Drop("too_many_values", retryable=False),
    SlowBodyError: Drop("body_timeout", retryable=True),
    RateLimitedError: Drop("rate_limited", retryable=True),
    RepeatedError: Drop("repeated", retryable=True),
    OverloadError: Drop("overloaded", retryable=True),
    MailboxFullError: Drop("overloaded", retryable=True),
    StoreError: Drop("store_failed", retryable=True),
    StoreUnavailableError: Drop("store_unavailable", retryable=True),
    FencedError: Drop("session_moved", retryable=True),
    ActorError: Drop("session_unavailable", retryable=True),
    AskTimeoutError: Drop("timeout", retryable=True),
    BaseException: Drop("internal_error", retryable=True),
}

_NOT_KEPT = Problem(503, "", "The webhook was not kept.", "Send it again with the same Idempotency-Key.", 5.0)


def api_problem(error: BaseException) -> Problem:
    """Return the API's reply to an error. Only messages that are for the sender are sent: of a refusal, of a limit."""
    problem = _row(API, error)
    if isinstance(error, RateLimitedError):
        problem = replace(problem, error=str(error) or problem.error)
    if isinstance(error, OverloadError | MailboxFullError):
        return replace(problem, retry_after_s=error.retry_after_s)
    if isinstance(error, BadRequestError):
        return replace(problem, error=str(error) or problem.error, hint=error.hint or problem.hint)
    return problem


def omi_answer(error: BaseException, *, sender_retries: bool) -> Problem | Drop:
    """Return the webhook's reply to an error. `sender_retries` is True if the request has an `Idempotency-Key`."""
    drop = _row(OMI, error)
    if drop is None:
        return api_problem(error)
    if isinstance(error, InvalidWebhookError):
        return replace(drop, reason=error.reason)
    if not (sender_retries and drop.retryable):
        return drop
    after_s = error.retry_after_s if isinstance(error, OverloadError | MailboxFullError) else _NOT_KEPT.retry_after_s
    return replace(_NOT_KEPT, code=drop.reason, retry_after_s=after_s)


def problem_json(problem: Problem, *, request_id: str, now_s: float, timeline: str = "", message: str = "") -> bytes:
    """Return an error as JSON, in the one form that all errors have.

    `timeline` is the address of the request's timeline, for the operator only. `message` is for clients of the
    original's first version (legacy.py).
    """
    form = {
        "error": problem.error,
        "code": problem.code,
        "hint": problem.hint,
        "request_id": request_id,
        "requestId": request_id,
        "timestamp": iso_time(now_s),
    }
    if timeline:
        form["timeline"] = timeline
    if message:
        form["message"] = message
    return msgspec.json.encode(form)


def iso_time(utc_s: float) -> str:
    """Return a time as ISO 8601 with milliseconds, UTC."""
    moment = dt.datetime.fromtimestamp(utc_s, dt.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _row(table: _Table[_Row], error: BaseException) -> _Row:
    return next(table[cls] for cls in type(error).__mro__ if cls in table)
