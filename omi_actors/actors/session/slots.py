"""Reply slots: the open replies of webhooks and chats that wait for an answer; the node's index of them.

Not here: their opening and closing (answers.py, chat.py). Threads: the event loop.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from typing import ClassVar, Protocol

from omi_actors.actors.session.messages import ChatAnswered, Ingested, OnDelta
from omi_actors.domain.answers.delivery_records import Channel
from omi_actors.domain.sessions.chat import ChatQuestion
from omi_actors.errors import StoreUnavailableError
from omi_actors.kit.future import Future
from omi_actors.kit.runtime import TimerHandle


@dataclass(slots=True)
class OpenReplies:
    """Jobs of this node with an open reply, longest not looked for first.

    Its writers are the sessions, in their turns: each opens and closes the replies of its own jobs, also at its crash.
    The answer sweeper only moves jobs to the end. It is no mail, since workers ask it between two steps of an attempt.
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
        """Return up to `limit` jobs not looked for in `quiet_s` seconds, and move them to the end."""
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
    """One open reply of a chat."""

    asker_id: str
    reply: Future[ChatAnswered]
    on_delta: OnDelta | None


@dataclass(frozen=True, slots=True)
class OutgoingAnswer:
    """Answer for an open reply; the intent to send it is committed.

    `delivery_id` names the delivery whose end the sender reports with `ReplySent`, None if nothing is to be reported.
    `is_failure`: the text says why there is no answer.
    """

    text: str
    delivery_id: str | None
    is_failure: bool = False


def build_reply(outgoing: OutgoingAnswer | None) -> Ingested:
    """Return the reply to a webhook, with an answer if there is one for it."""
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
        """Call `on_answered` when an asker got the answer, unless that is a failure."""
        self.question = question
        self.timer = timer
        self.opened_mono_s = opened_mono_s
        self._on_answered = on_answered
        self._askers: list[Asker] = []
        self._shown = ""

    @property
    def is_empty(self) -> bool:
        """Whether no asker is left."""
        return not self._askers

    def join(self, asker: Asker) -> None:
        """Add an asker, and show it the text that the others have seen."""
        self._askers.append(asker)
        if self._shown and asker.on_delta is not None:
            asker.on_delta(self._shown, False)  # noqa: FBT003 (nothing is void)

    def leave(self, asker_id: str) -> bool:
        """Remove an asker; False if it is not here."""
        left = [asker for asker in self._askers if asker.asker_id == asker_id]
        for asker in left:
            self._askers.remove(asker)
        return bool(left)

    def show(self, text: str, *, is_first: bool) -> bool:
        """Pass on a piece of the answer; False if no asker reads pieces.

        The first piece of a later attempt voids the text of an earlier one.
        """
        is_anew = is_first and bool(self._shown)
        self._shown = text if is_first else self._shown + text
        listeners = [asker.on_delta for asker in self._askers if asker.on_delta is not None]
        for on_delta in listeners:
            on_delta(text, is_anew)
        return bool(listeners)

    def try_settle(self, outgoing: OutgoingAnswer | None) -> bool:
        """Give the answer to all askers; one of them reports the reply's end. False if none was reached."""
        if outgoing is None:
            return self.fail(StoreUnavailableError("the answer is made, but its delivery could not be recorded"))
        reporter = outgoing.delivery_id
        for asker in self._askers:
            conversation_id = self.question.conversation_id
            answered = ChatAnswered(outgoing.text, conversation_id, reporter, is_failure=outgoing.is_failure)
            if asker.reply.try_set(answered):
                reporter = None
        is_given = reporter is None
        if is_given and not outgoing.is_failure:
            self._on_answered(self.question)
        return is_given

    def fail(self, error: Exception) -> bool:
        """Fail the replies of all askers. True: nothing is left to record."""
        for asker in self._askers:
            asker.reply.try_fail(error)
        return True


class Slot(Protocol):
    """Open reply. `timer` is its deadline, `opened_mono_s` its opening (monotonic seconds)."""

    @property
    def channel(self) -> Channel:
        """Channel of an answer in this reply."""
        ...

    timer: TimerHandle
    opened_mono_s: float

    def try_settle(self, outgoing: OutgoingAnswer | None) -> bool:
        """Reply with this answer, or without one; False if the reply is closed."""
        ...


@dataclass(slots=True)
class ReplySlot:
    """Reply slot of a webhook."""

    channel: ClassVar[Channel] = Channel.INLINE
    reply: Future[Ingested]
    timer: TimerHandle
    opened_mono_s: float

    def try_settle(self, outgoing: OutgoingAnswer | None) -> bool:
        """Reply to the webhook; False if it was released before."""
        return self.reply.try_set(build_reply(outgoing))


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
        """Keep a reply open for the answer of this job, until it is taken."""
        self._slots[job_id] = slot
        self._of_node.open(job_id, slot.opened_mono_s)

    def find(self, job_id: str) -> Slot | None:
        """Return the reply that is open for this job's answer, None without one."""
        return self._slots.get(job_id)

    def take(self, job_id: str) -> Slot | None:
        """Remove a slot and return it to be settled; None if there is none."""
        slot = self._slots.pop(job_id, None)
        if slot is not None:
            slot.timer.cancel()
            self._of_node.close(job_id)
        return slot

    def forget(self) -> None:
        """Remove all slots: the session ends, and its end fails their replies."""
        for job_id in self._slots:
            self._of_node.close(job_id)
        self._slots.clear()
