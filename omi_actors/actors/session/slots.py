"""A chat's open reply: who waits for one typed question's answer, and what they have seen of it.

Not here: when it opens and closes (chat.py). Threads: the event loop, in turns of its session.
"""

from collections.abc import Callable
from dataclasses import dataclass

from omi_actors.actors.chat_messages import ChatAnswered, OnDelta
from omi_actors.actors.session.messages import Ingested
from omi_actors.domain.answers.delivery import Reply
from omi_actors.domain.sessions.chat import ChatQuestion
from omi_actors.errors import StoreUnavailableError
from omi_actors.kit.future import Future
from omi_actors.kit.runtime import TimerHandle


@dataclass(frozen=True, slots=True)
class Asker:
    """Somebody who waits."""

    asker_id: str
    reply: Future[ChatAnswered]
    on_delta: OnDelta | None


class ChatSlot:
    """A reply slot (answers.py) for any number of askers of one question."""

    kind = Reply.CHAT
    __slots__ = ("_askers", "_on_answered", "_shown", "opened_mono_s", "question", "timer")

    def __init__(
        self,
        question: ChatQuestion,
        timer: TimerHandle,
        opened_mono_s: float,
        on_answered: Callable[[ChatQuestion], None],
    ) -> None:
        """`on_answered` hears that somebody got the answer, and not a failure."""
        self.question = question
        self.timer = timer
        self.opened_mono_s = opened_mono_s
        self._on_answered = on_answered
        self._askers: list[Asker] = []
        self._shown = ""

    @property
    def is_empty(self) -> bool:
        """Whether nobody waits any more."""
        return not self._askers

    def join(self, asker: Asker) -> None:
        """Wait, too. Who comes later is shown what the others have seen."""
        self._askers.append(asker)
        if self._shown and asker.on_delta is not None:
            asker.on_delta(self._shown, False)  # noqa: FBT003 (nothing is void)

    def leave(self, asker_id: str) -> bool:
        """Wait no more; False if this asker does not wait here."""
        left = [asker for asker in self._askers if asker.asker_id == asker_id]
        for asker in left:
            self._askers.remove(asker)
        return bool(left)

    def show(self, text: str, *, is_first: bool) -> bool:
        """Pass on a piece of the answer; an attempt that begins anew voids what an earlier one has shown.

        False if nobody listens.
        """
        is_anew = is_first and bool(self._shown)
        self._shown = text if is_first else self._shown + text
        listeners = [asker.on_delta for asker in self._askers if asker.on_delta is not None]
        for on_delta in listeners:
            on_delta(text, is_anew)
        return bool(listeners)

    def try_settle(self, said: Ingested) -> bool:
        """Give the answer to all who wait; one of them reports what became of it. False if nobody was reached."""
        if said.message is None:
            return self.fail(StoreUnavailableError("the answer is made, but that it is given could not be recorded"))
        reporter = said.delivery_id
        for asker in self._askers:
            answered = ChatAnswered(said.message, self.question.conversation_id, reporter, is_failure=said.is_failure)
            if asker.reply.try_set(answered):
                reporter = None
        is_given = reporter is None
        if is_given and not said.is_failure:
            self._on_answered(self.question)
        return is_given

    def fail(self, error: Exception) -> bool:
        """Tell all who wait that there is no answer for them. True: nothing is left to record."""
        for asker in self._askers:
            asker.reply.try_fail(error)
        return True
