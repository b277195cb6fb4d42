"""Reply slots: open replies of webhooks and chats that wait for an answer, and the index of all on this node.

Not here: their opening and closing (answers.py, chat.py). Threads: the event loop.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from typing import ClassVar, Protocol

from omi_actors.actors.session.messages import ChatAnswered, Ingested, OnDelta
from omi_actors.domain.answers.delivery_records import Channel
from omi_actors.domain.sessions.chat import ChatQuestion
from omi_actors.errors import NotFoundError, StoreUnavailableError
from omi_actors.kit.future import Future
from omi_actors.kit.runtime import TimerHandle


@dataclass(slots=True)
class OpenReplies:
    """Jobs with an open reply on this node. First stands the job that the sweeper has not searched for the longest.

    Sessions add and remove their own jobs, also when they crash. The answer sweeper only moves jobs to the end.
    It is a shared object and not a message, since workers read it in the middle of an attempt.
    """

    # When a reply was opened, or its answer last looked for in the store (monotonic seconds).
    _looked_mono_s: dict[str, float] = field(default_factory=dict)

    def __contains__(self, job_id: str) -> bool:
        return job_id in self._looked_mono_s

    def open(self, job_id: str, now_mono_s: float) -> None:
        """Add a job with an open reply."""
        self.close(job_id)
        self._looked_mono_s[job_id] = now_mono_s

    def close(self, job_id: str) -> None:
        """Remove a job; it may be gone already."""
        self._looked_mono_s.pop(job_id, None)

    def take_due(self, now_mono_s: float, *, quiet_s: float, limit: int) -> tuple[str, ...]:
        """Return up to `limit` jobs that were not searched for in the last `quiet_s` seconds; move them to the end."""
        due = []
        for job_id, looked_mono_s in islice(self._looked_mono_s.items(), limit):
            if looked_mono_s > now_mono_s - quiet_s:
                break
            due.append(job_id)
        for job_id in due:
            del self._looked_mono_s[job_id]
            self._looked_mono_s[job_id] = now_mono_s
        return tuple(due)


@dataclass(frozen=True, slots=True)
class Asker:
    """One open reply of a chat. `on_delta` gets pieces of the answer; None: this chat reads no pieces."""

    asker_id: str
    reply: Future[ChatAnswered]
    on_delta: OnDelta | None


@dataclass(frozen=True, slots=True)
class OutgoingAnswer:
    """Answer for an open reply; the intent to send it is committed.

    `delivery_id` names the delivery; the web handler reports its end by `ReplySent`. None: nothing is reported.
    `is_failure`: the text says why there is no answer.
    """

    text: str
    delivery_id: str | None
    is_failure: bool = False
    job_id: str = field(default="", compare=False)


def build_reply(outgoing: OutgoingAnswer | None) -> Ingested:
    """Return the reply to a webhook, with `outgoing` unless it is None."""
    return Ingested() if outgoing is None else Ingested(outgoing.text, outgoing.delivery_id)


class ChatSlot:
    """Reply slot of a typed question, for any number of askers."""

    channel = Channel.CHAT
    __slots__ = ("_askers", "_on_answered", "_shown", "opened_mono_s", "question", "timer")

    def __init__(
        self,
        question: ChatQuestion,
        timer: TimerHandle,
        opened_mono_s: float,
        on_answered: Callable[[ChatQuestion], None],
    ) -> None:
        """Make a slot. It calls `on_answered` when an asker gets the answer, but not for a failure."""
        self.question = question
        self.timer = timer
        self.opened_mono_s = opened_mono_s
        self._on_answered = on_answered
        self._askers: list[Asker] = []
        self._shown = ""

    @property
    def is_empty(self) -> bool:
        """Return True if there are no askers."""
        return not self._askers

    def join(self, asker: Asker) -> None:
        """Add an asker, and send it the pieces of the answer that came before."""
        self._askers.append(asker)
        if self._shown and asker.on_delta is not None:
            asker.on_delta(self._shown, False)  # noqa: FBT003 (nothing is void)

    def leave(self, asker_id: str) -> bool:
        """Remove an asker; return False if this slot does not have it."""
        left = [asker for asker in self._askers if asker.asker_id == asker_id]
        for asker in left:
            self._askers.remove(asker)
        return bool(left)

    def show(self, text: str, *, is_first: bool) -> bool:
        """Send a piece of the answer to all askers; return False if none reads pieces.

        The first piece of an attempt replaces the text of earlier attempts.
        """
        is_anew = is_first and bool(self._shown)
        self._shown = text if is_first else self._shown + text
        listeners = [asker.on_delta for asker in self._askers if asker.on_delta is not None]
        for on_delta in listeners:
            on_delta(text, is_anew)
        return bool(listeners)

    def try_settle(self, outgoing: OutgoingAnswer | None) -> bool:
        """Send the answer to all askers; one of them reports the delivery's end. Return False if none was reached."""
        if outgoing is None:
            return self.fail(StoreUnavailableError("the answer is made, but its delivery could not be recorded"))
        reporter = outgoing.delivery_id
        for asker in self._askers:
            conversation_id = self.question.conversation_id
            answered = ChatAnswered(
                outgoing.text, conversation_id, reporter, is_failure=outgoing.is_failure, job_id=outgoing.job_id
            )
            if asker.reply.try_set(answered):
                reporter = None
        is_given = reporter is None
        if is_given and not outgoing.is_failure:
            self._on_answered(self.question)
        return is_given

    def close(self) -> None:
        """Fail the replies of all askers."""
        self.fail(NotFoundError("The conversation was deleted."))

    def fail(self, error: Exception) -> bool:
        """Fail the replies of all askers.

        Always return True: no delivery to them has begun, so the caller has none to take back.
        """
        for asker in self._askers:
            asker.reply.try_fail(error)
        return True


class Slot(Protocol):
    """An open reply. `timer` fires at its deadline; it was opened at `opened_mono_s` (monotonic seconds)."""

    @property
    def channel(self) -> Channel:
        """Return the channel of an answer that is sent in this reply."""
        ...

    timer: TimerHandle
    opened_mono_s: float

    def try_settle(self, outgoing: OutgoingAnswer | None) -> bool:
        """Reply with this answer, or without one. Return False if the reply is closed."""
        ...

    def close(self) -> None:
        """Reply without an answer: there will be none."""
        ...


@dataclass(slots=True)
class ReplySlot:
    """Reply slot of a webhook."""

    channel: ClassVar[Channel] = Channel.INLINE
    reply: Future[Ingested]
    timer: TimerHandle
    opened_mono_s: float

    def try_settle(self, outgoing: OutgoingAnswer | None) -> bool:
        """Reply to the webhook; return False if it got its reply before."""
        return self.reply.try_set(build_reply(outgoing))

    def close(self) -> None:
        """Reply to the webhook."""
        self.reply.try_set(build_reply(None))


class Slots:
    """Slots of one session by job id, in the order of their opening. It keeps the node's `OpenReplies` up to date."""

    __slots__ = ("_of_node", "_slots")

    def __init__(self, of_node: OpenReplies) -> None:
        self._of_node = of_node
        self._slots: dict[str, Slot] = {}

    def __bool__(self) -> bool:
        return bool(self._slots)

    def __contains__(self, job_id: str) -> bool:
        return job_id in self._slots

    def add(self, job_id: str, slot: Slot) -> None:
        """Add the open reply that waits for the answer of this job."""
        self._slots[job_id] = slot
        self._of_node.open(job_id, slot.opened_mono_s)

    def find(self, job_id: str) -> Slot | None:
        """Return the open reply that waits for this job's answer; None if there is none."""
        return self._slots.get(job_id)

    def take(self, job_id: str) -> Slot | None:
        """Remove the slot of this job and return it; None if there is none."""
        slot = self._slots.pop(job_id, None)
        if slot is not None:
            slot.timer.cancel()
            self._of_node.close(job_id)
        return slot

    def take_all(self) -> list[Slot]:
        """Remove all slots and return them."""
        return [slot for job_id in list(self._slots) if (slot := self.take(job_id)) is not None]

    def forget(self) -> None:
        """Remove all slots when the session ends. The kit fails their replies then."""
        for job_id in self._slots:
            self._of_node.close(job_id)
        self._slots.clear()
