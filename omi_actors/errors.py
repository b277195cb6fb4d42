"""The program's error tree: each expected failure has one class here.

Not here: the answers to errors (web/problems.py), the kit's own errors (kit/errors.py), translation of foreign errors
(the room that imports the library). Threads: any.

ExpectedError (kit)
├─ OmiError
│  ├─ BadRequestError    InvalidWebhookError, MalformedJsonError, SignatureMismatchError, ForbiddenError, NotFoundError,
│  │                     TooLargeError > TooManyValuesError, ConflictError, KeyReusedError, ForeignHostError,
│  │                     SlowBodyError                                             the caller's; never retried
│  ├─ OverloadError ↺    QueueFullError, RateLimitedError                          try again after retry_after_s
│  ├─ RepeatedError ↺                                                              the first one is under way
│  ├─ UpstreamError      UpstreamTimeoutError, UpstreamRejectedError, UpstreamUnclearError
│  │  └─ UpstreamUnavailableError ↺                           UpstreamBusyError ↺, CircuitOpenError ↺
│  ├─ BudgetSpentError                                                             the model was not asked
│  ├─ StoreError         StoreUnavailableError ↺ > ClockRefusedError ↺, UnreadableJobError, FencedError, LeaseLostError,
│  │                     DuplicateError
│  └─ SettingsError      at start only                                             (↺ = retryable)
└─ ActorError (kit)      AskTimeoutError ↺ > AnswerLateError; StartFailedError     the rest: kit/errors.py
"""

from typing import ClassVar

from omi_actors.kit.errors import ActorError, AskTimeoutError, ExpectedError


class OmiError(ExpectedError):
    """Base of the program's own expected failures. The message is for operators; clients see web/problems.py's text."""


class BadRequestError(OmiError):
    """The caller sent something that cannot be served; sending it again cannot help."""


class InvalidWebhookError(BadRequestError):
    """A webhook that is well formed but not of a known form. `reason` is one of few words: it labels a metric."""

    def __init__(self, message: str, *, reason: str = "invalid") -> None:
        super().__init__(message)
        self.reason = reason


class MalformedJsonError(BadRequestError):
    """A body that is not JSON. Its sentence says where, and never quotes."""


class SignatureMismatchError(BadRequestError):
    """A webhook that is neither signed by Omi nor carries our token."""


class ForbiddenError(BadRequestError):
    """A request that a page of another site made in somebody's browser."""


class TooLargeError(BadRequestError):
    """A body above its limit."""


class TooManyValuesError(TooLargeError):
    """A JSON text that is not long, but made of more values than can be read."""


class NotFoundError(BadRequestError):
    """What was asked for does not exist, or is not the caller's to see."""


class ConflictError(BadRequestError):
    """What was asked for does not fit what there is now; a look at that comes first."""


class KeyReusedError(BadRequestError):
    """A request with the idempotency key of another one."""


class ForeignHostError(BadRequestError):
    """A request that names a host which this server is not."""


class SlowBodyError(BadRequestError):
    """A body that did not arrive within its time."""


class OverloadError(OmiError):
    """Refused at once because something is full."""

    retryable: ClassVar[bool] = True

    def __init__(self, message: str, *, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class QueueFullError(OverloadError):
    """A job lane is at its cap."""


class RateLimitedError(OverloadError):
    """A sender's requests are over their number for this window."""


class RepeatedError(OmiError):
    """What is being done already, and may fail yet: asked for again too soon."""

    retryable: ClassVar[bool] = True


class BudgetSpentError(OmiError):
    """A question that the model was not asked: a budget is spent. `whose` is owner or all, `period` minute or day."""

    def __init__(self, message: str, *, whose: str = "all", period: str = "day") -> None:
        super().__init__(message)
        self.whose = whose
        self.period = period


class UpstreamError(OmiError):
    """A server that we call failed us."""


class UpstreamTimeoutError(UpstreamError):
    """The upstream's answer did not come within its wall-clock deadline: nobody waits for a second one."""


class UpstreamUnavailableError(UpstreamError):
    """The upstream could not be reached, or answered that it cannot serve now."""

    retryable: ClassVar[bool] = True

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class UpstreamBusyError(UpstreamUnavailableError):
    """The upstream works, and asks us to be slower."""


class CircuitOpenError(UpstreamUnavailableError):
    """The upstream was not asked: it has just failed again and again. Asking cost nobody anything."""


class UpstreamRejectedError(UpstreamError):
    """The upstream understood and refused: asking again cannot help.

    `code` is the upstream's own machine-readable reason, e.g. `insufficient_quota`. `parameter` names the part of the
    request that was refused, if that was it.
    """

    def __init__(self, message: str, *, code: str = "", parameter: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.parameter = parameter


class UpstreamUnclearError(UpstreamError):
    """Nobody knows whether the upstream did what it was asked for; asking again might do it twice."""


class StoreError(OmiError):
    """The store refused or failed a write or a read."""


class StoreUnavailableError(StoreError):
    """The store cannot be reached, is full, or did not answer in time."""

    retryable: ClassVar[bool] = True


class ClockRefusedError(StoreUnavailableError):
    """This machine's clock is too far from the database's: what it wrote would carry wrong dates."""


class UnreadableJobError(StoreError):
    """A job whose row this program cannot read: its kind, its payload's version, or what is left of it."""


class FencedError(StoreError):
    """A write of a session that another activation owns by now; nothing was written."""


class DuplicateError(StoreError):
    """A value that must be unique, and is taken; nothing was written. `field` names it."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class LeaseLostError(StoreError):
    """A job's completion whose lease another worker took, or whose job is gone; nothing was written."""


class AnswerLateError(AskTimeoutError):
    """A question's answer was not ready at its asker's deadline; it is kept when it comes."""


class StartFailedError(ActorError):
    """An actor ended before the program was ready. Raised at start only."""


class SettingsError(OmiError):
    """A setting that is impossible, missing or misspelt. Raised at start only."""
