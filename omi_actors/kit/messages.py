"""What travels through a mailbox: the message, who waits for a reply, and whose work it is.

Not here: the mailbox. Threads: made by the sender, then owned by the receiver.
"""

from contextvars import ContextVar
from typing import Any, Generic, TypeVar

from pykka._envelope import Envelope as PykkaEnvelope

from omi_actors.kit.errors import ActorUnavailableError, ExpectedError
from omi_actors.kit.future import Future

# Whose work a turn is: bound by a program, sent along in each envelope, bound again around the turn. The kit does not
# look into it.
CONTEXT: ContextVar[Any] = ContextVar("actor_context", default=None)
# The name of the actor whose turn it is, for the log.
ACTOR: ContextVar[str] = ContextVar("actor_name", default="")

current_context = CONTEXT.get
set_context = CONTEXT.set
set_actor = ACTOR.set


class Envelope(PykkaEnvelope[Any]):
    """Pykka's envelope with the sender's context.

    `reply_to` is taken out (None) when a turn takes over or forwards its reply, so nobody else settles it.
    """

    __slots__ = ("context",)

    message: Any
    reply_to: Future[Any] | None
    context: object

    def __init__(self, message: Any, reply_to: Future[Any] | None = None, context: object = None) -> None:
        self.message = message
        self.reply_to = reply_to
        self.context = context

    def __repr__(self) -> str:
        """Name the message's type only: messages hold what people said."""
        return f"Envelope({type(self.message).__name__})"


R_co = TypeVar("R_co", covariant=True)


class Request(Generic[R_co]):
    """Base of messages that want a reply of type R: `class GetCount(Request[int])`."""

    __slots__ = ()


class Control:
    """Base of the kit's own facts and commands: a full mailbox admits them, since a lost one loses an actor."""

    __slots__ = ()


def is_reply(error: BaseException, reply_to: Future[Any] | None) -> bool:
    """Tell whether `error` is an answer (an expected failure, asked for) rather than a crash."""
    return reply_to is not None and isinstance(error, ExpectedError)


def fail_reply(reply_to: Future[Any] | None, kind: str, cause: BaseException | None) -> None:
    """Tell who asked, if anybody still waits, that the actor of this `kind` ended over it."""
    if reply_to is not None and not reply_to.done:
        error = ActorUnavailableError(f"this {kind} ended before it replied")
        error.__cause__ = cause
        reply_to.try_fail(error)
