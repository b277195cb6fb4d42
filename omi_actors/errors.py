"""The program's error tree: each expected failure has one class here.

Not here: the answers to errors (web/problems.py), the kit's own errors (kit/errors.py), translation of foreign errors
(the room that imports the library). Threads: any.

ExpectedError (kit)
├─ OmiError
│  ├─ BadRequestError    InvalidWebhookError, MalformedJsonError, SignatureMismatchError, ForbiddenError, NotFoundError,
│  │                     NotPermittedError, TooLargeError > TooManyValuesError, ConflictError, KeyReusedError,
│  │                     ForeignHostError, SlowBodyError, ContextTooLongError       the caller's; never retried
│  ├─ OverloadError ↺    QueueFullError, RateLimitedError, BusyError               try again after retry_after_s
│  ├─ RepeatedError ↺                                                              the first one is under way
│  ├─ UpstreamError      UpstreamTimeoutError, UpstreamRejectedError, UpstreamUnclearError
│  │  └─ UpstreamUnavailableError ↺                 UpstreamBusyError ↺, UpstreamEmptyError ↺, CircuitOpenError ↺
│  ├─ BudgetSpentError, FeatureOffError                            the model was not asked; a setting forbids it
│  ├─ StoreError         StoreUnavailableError ↺ > ClockRefusedError ↺, UnreadableJobError, FencedError, LeaseLostError,
│  │                     DuplicateError, OrphanError
│  └─ SettingsError      at start only                                             (↺ = retryable)
└─ ActorError (kit)      AskTimeoutError ↺ > AnswerLateError; StartFailedError     the rest: kit/errors.py
"""

from collections.abc import Sequence
from typing import ClassVar

from omi_actors.kit.errors import ActorError, AskTimeoutError, ExpectedError


class OmiError(ExpectedError):
    """Base of the program's own expected failures. The message is for operators; clients see web/problems.py's text."""


class BadRequestError(OmiError):
    """A request that cannot be served. It fails again if it is sent again. `hint` says what would be right."""

    def __init__(self, message: str = "", *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class InvalidWebhookError(BadRequestError):
    """A well-formed webhook of an unknown form. `reason` is one of a few words and labels a metric."""

    def __init__(self, message: str, *, reason: str = "invalid") -> None:
        super().__init__(message)
        self.reason = reason


class MalformedJsonError(BadRequestError):
    """A body that is not JSON. The message names the place and never quotes the body."""


class SignatureMismatchError(BadRequestError):
    """A webhook without Omi's signature and without our token."""


class ForbiddenError(BadRequestError):
    """A browser's request from a page of another site."""


class NotPermittedError(BadRequestError):
    """A request of a known caller without the right to make it."""


class TooLargeError(BadRequestError):
    """A body above its limit."""


class TooManyValuesError(TooLargeError):
    """A JSON text of allowed length with too many values."""


class UnpacksTooLargeError(TooLargeError):
    """A compressed body that unpacks to more than a body may have."""


class UnsupportedEncodingError(BadRequestError):
    """A body with a Content-Encoding that is not supported."""


class NotFoundError(BadRequestError):
    """A resource that does not exist, or that the caller may not see."""


class ConflictError(BadRequestError):
    """A request that does not fit the present state. The caller must load the present state first."""


class ContextTooLongError(BadRequestError):
    """A program's conversation of which not even the last turn fits into a prompt."""


class KeyReusedError(BadRequestError):
    """A request with the idempotency key of a different request."""


class ForeignHostError(BadRequestError):
    """A request with a Host header that names another server."""


class SlowBodyError(BadRequestError):
    """A body that did not arrive within its time."""


class OverloadError(OmiError):
    """An immediate refusal because a limit is reached."""

    retryable: ClassVar[bool] = True

    def __init__(self, message: str, *, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class QueueFullError(OverloadError):
    """A session has its maximum number of open typed questions, or a lane its maximum of jobs.

    A job of a full lane is stored as dead, with a failure as its answer; so no request gets this error for it.
    """


class BusyError(OverloadError):
    """A slow resource has its maximum number of waiting requests."""


class FeatureOffError(OmiError):
    """A request for a feature that a setting has switched off."""


class RateLimitedError(OverloadError):
    """A sender has made too many requests in this time window."""


class RepeatedError(OmiError):
    """A repeated request while the first one is under way and may still fail."""

    retryable: ClassVar[bool] = True


class BudgetSpentError(OmiError):
    """The model was not asked because a budget is spent. `whose` is owner or all, `period` minute or day."""

    def __init__(self, message: str, *, whose: str = "all", period: str = "day") -> None:
        super().__init__(message)
        self.whose = whose
        self.period = period


class UpstreamError(OmiError):
    """A failure of an upstream: a server that this program calls."""


class UpstreamTimeoutError(UpstreamError):
    """The upstream did not answer within its wall-clock deadline. There is no time for another attempt."""


class UpstreamUnavailableError(UpstreamError):
    """The upstream could not be reached, or refused to serve now."""

    retryable: ClassVar[bool] = True

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class UpstreamBusyError(UpstreamUnavailableError):
    """The upstream works, but asks for fewer requests."""


class UpstreamEmptyError(UpstreamUnavailableError):
    """The upstream works, but its answer says nothing. Another attempt may bring more, a third will not."""


class CircuitOpenError(UpstreamUnavailableError):
    """The circuit breaker is open after many failures, so the upstream was not called."""


class UpstreamRejectedError(UpstreamError):
    """The upstream understood the request and refused it, so asking again cannot help.

    `code` is a machine-readable reason, e.g. `insufficient_quota`. `parameters` names the refused parts of the request,
    if the upstream named any.
    """

    def __init__(self, message: str, *, code: str = "", parameters: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.parameters = tuple(parameters)


class UpstreamUnclearError(UpstreamError):
    """The upstream may have acted or not. A second request might make it act twice."""


class StoreError(OmiError):
    """The store refused or failed a write or a read."""


class StoreUnavailableError(StoreError):
    """The store cannot be reached, is full, or did not answer in time."""

    retryable: ClassVar[bool] = True


class ClockRefusedError(StoreUnavailableError):
    """This machine's clock differs too much from the database's clock, so its rows would have wrong dates."""


class UnreadableJobError(StoreError):
    """A job with an unreadable row: an unknown kind, an unknown version of its payload, or a damaged payload."""


class FencedError(StoreError):
    """A write of a session that another activation owns now. Nothing was written."""


class DuplicateError(StoreError):
    """A value that must be unique and exists already. Nothing was written. `field` names the column."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class OrphanError(StoreError):
    """A row for something that was deleted meanwhile. Nothing was written."""


class LeaseLostError(StoreError):
    """A worker's result for a job that another worker has leased, or that is deleted. Nothing was written."""


class AnswerLateError(AskTimeoutError):
    """The answer was not ready at the deadline of the request. It will be stored later."""


class StartFailedError(ActorError):
    """An actor ended before the start was complete. Raised at start only."""


class SettingsError(OmiError):
    """An impossible, missing or misspelt setting. Raised at start only."""
