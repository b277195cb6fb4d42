"""What travels through a mailbox: the message, who waits for a reply, and whose work it is.

Not here: the mailbox. Threads: made by the sender, then owned by the receiver.
"""

from typing import Any

from pykka._envelope import Envelope as PykkaEnvelope

from omi_actors.instruments.logs import LogContext
from omi_actors.kit.future import Future


class Envelope(PykkaEnvelope[Any]):
    """Pykka's envelope with the sender's log context.

    `reply_to` is taken out (None) when a turn takes over or forwards its reply, so nobody else settles it.
    """

    __slots__ = ("context",)

    message: Any
    reply_to: Future[Any] | None
    context: LogContext | None

    def __init__(self, message: Any, reply_to: Future[Any] | None = None, context: LogContext | None = None) -> None:
        self.message = message
        self.reply_to = reply_to
        self.context = context

    def __repr__(self) -> str:
        """Name the message's type only: messages hold what people said."""
        return f"Envelope({type(self.message).__name__})"
