"""The kit's errors: expected failures of messages, and the base of a program's own.

Not here: a program's errors (omi_actors/errors.py). Threads: any.

ExpectedError
└─ ActorError    ActorUnavailableError ↺, AskTimeoutError ↺, MailboxFullError ↺, RestartIntensityError
(↺ = retryable)
"""

from typing import ClassVar


class ExpectedError(Exception):
    """Base of failures that an ask gets as its reply. Every other exception in a turn crashes the actor.

    `retryable`: the same request may succeed later.
    """

    retryable: ClassVar[bool] = False


class ActorError(ExpectedError):
    """An actor could not take or finish a message."""


class ActorUnavailableError(ActorError):
    """The receiver is stopped or quarantined, or it crashed while it handled this message."""

    retryable: ClassVar[bool] = True


class AskTimeoutError(ActorError):
    """The ask got no reply within its timeout; a turn that had not begun is cancelled."""

    retryable: ClassVar[bool] = True


class MailboxFullError(ActorError):
    """The receiver's mailbox is at its capacity."""

    retryable: ClassVar[bool] = True

    def __init__(self, message: str, *, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class RestartIntensityError(ActorError):
    """A supervisor's children crashed more often than its restart intensity allows, so the supervisor crashed, too."""
