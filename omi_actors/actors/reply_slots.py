"""Reply slots: open replies that wait for an answer, and all those of one session.

Not here: when they open and close (actors/session/answers.py), a chat's (actors/session/slots.py), those of the node
(open_replies.py). Threads: the event loop.
"""

from dataclasses import dataclass
from typing import ClassVar, Protocol

from omi_actors.actors.open_replies import OpenReplies
from omi_actors.actors.session.messages import Ingested
from omi_actors.domain.answers.delivery import Reply
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


class Slots:
    """The slots of one session by job id, in the order of their opening. The node's open replies are kept with them."""

    __slots__ = ("_of_node", "_slots")

    def __init__(self, of_node: OpenReplies) -> None:
        self._of_node = of_node
        self._slots: dict[str, Slot] = {}

    def __bool__(self) -> bool:
        return bool(self._slots)

    def __contains__(self, job_id: str) -> bool:
        return job_id in self._slots

    def add(self, job_id: str, slot: Slot) -> None:
        """Keep a reply open for the answer of this job, until it is taken."""
        self._slots[job_id] = slot
        self._of_node.open(job_id, slot.opened_mono_s)

    def find(self, job_id: str) -> Slot | None:
        """Return the reply that is open for this job's answer, None without one."""
        return self._slots.get(job_id)

    def take(self, job_id: str) -> Slot | None:
        """Close a reply to whoever may look for it, and return it to be settled; None if there is none."""
        slot = self._slots.pop(job_id, None)
        if slot is not None:
            slot.timer.cancel()
            self._of_node.close(job_id)
        return slot

    def forget(self) -> None:
        """Close them all: their session ends, and whoever waits is told so by its end."""
        for job_id in self._slots:
            self._of_node.close(job_id)
        self._slots.clear()
