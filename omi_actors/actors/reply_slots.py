"""Reply slots: open replies that wait for an answer.

Not here: when they open and close (session_answers.py), a chat's (chat_slot.py). Threads: the event loop.
"""

from dataclasses import dataclass
from typing import ClassVar, Protocol

from omi_actors.actors.session_messages import Ingested
from omi_actors.domain.delivery import Reply
from omi_actors.kit.future import Future
from omi_actors.kit.runtime import TimerHandle


class Slot(Protocol):
    """An open reply. `timer` is its deadline, `opened_mono_s` when it was opened (monotonic seconds)."""

    @property
    def kind(self) -> Reply:
        """Whose reply it is."""
        ...

    timer: TimerHandle
    opened_mono_s: float

    def try_settle(self, said: Ingested) -> bool:
        """Give the reply; False if who waited has given up meanwhile."""
        ...


@dataclass(slots=True)
class ReplySlot:
    """A webhook that waits for an answer."""

    kind: ClassVar[Reply] = Reply.OWN
    reply: Future[Ingested]
    timer: TimerHandle
    opened_mono_s: float

    def try_settle(self, said: Ingested) -> bool:
        """Give the reply; False if the webhook has given up meanwhile."""
        return self.reply.try_set(said)
