"""Envelopes: a message, the future of its reply, and the context of its sender; and the bases of messages.

Not here: the mailbox. Threads: the sender makes an envelope, then the receiver owns it.
"""

from contextvars import ContextVar
from typing import Any, Generic, TypeVar

from pykka._envelope import Envelope as PykkaEnvelope

from omi_actors.kit.errors import ActorUnavailableError, ExpectedError
from omi_actors.kit.future import Future

# The context of the work at hand, e.g. its request id. A program binds it, each envelope carries it, each turn binds it
# again. The kit never reads it.
CONTEXT: ContextVar[Any] = ContextVar("actor_context", default=None)
# The name of the actor that handles a message now, for the log.
ACTOR: ContextVar[str] = ContextVar("actor_name", default="")

current_context = CONTEXT.get
set_context = CONTEXT.set
set_actor = ACTOR.set


class Envelope(PykkaEnvelope[Any]):
    """Pykka's envelope with the sender's context.

    A turn that takes over or forwards its reply sets `reply_to` to None, so that the kit does not settle it.
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
        """Return the name of the message's type only, since messages contain spoken text."""
        return f"Envelope({type(self.message).__name__})"


R_co = TypeVar("R_co", covariant=True)


class Request(Generic[R_co]):
    """Base of messages with a reply of type R: `class GetCount(Request[int])`."""

    __slots__ = ()


class Control:
    """Base of the kit's own messages. A full mailbox admits them, since a supervisor that misses one loses an actor."""

    __slots__ = ()


def is_reply(error: BaseException, reply_to: Future[Any] | None) -> bool:
    """Tell whether `error` is the reply to an ask (an expected failure) and not a crash."""
    return reply_to is not None and isinstance(error, ExpectedError)


def fail_reply(reply_to: Future[Any] | None, kind: str, cause: BaseException | None) -> None:
    """Fail an unsettled reply: the actor of this `kind` ended before it replied."""
    if reply_to is not None and not reply_to.done:
        error = ActorUnavailableError(f"this {kind} ended before it replied")
        error.__cause__ = cause
        reply_to.try_fail(error)
