"""A session's chat: typed questions and their repetitions. An asker is one open chat request that waits for an answer.

Part of the session actor: called in its turns only. A question is stored before its job begins. answers.py delivers
the answer into the slot that is opened here. The session's space (todos, friends, …) changes here, too.
Not here: the decisions (domain/sessions/chat.py), deliveries (answers.py). Threads: the event loop.
"""

from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeVar, assert_never

from msgspec.structs import replace

from omi_actors.actors.queue.messages import AnswerGrew, CancelJob
from omi_actors.actors.session.answers import SessionAnswers
from omi_actors.actors.session.commits import SessionDeps, build_message, decide_anew_if_fenced
from omi_actors.actors.session.messages import (
    AskerLeft,
    AskQuestion,
    ChatAnswered,
    ChatDeadline,
    OpenConversation,
    StopQuestion,
    SwitchSpace,
)
from omi_actors.actors.session.slots import Asker, ChatSlot
from omi_actors.domain.answers.prompt import DEFAULT
from omi_actors.domain.hearing.repetition import normalise_message
from omi_actors.domain.sessions.chat import (
    JUST_ANSWERED,
    AnsweredMessage,
    ChatQuestion,
    KnownQuestion,
    build_fingerprint,
    decide_chat_growth,
    remember_answered,
    was_just_answered,
)
from omi_actors.domain.sessions.keys import wearable_in
from omi_actors.domain.sessions.records import NewMessage
from omi_actors.domain.sessions.transcript import Growth, Progress
from omi_actors.domain.work.jobs import NewJob
from omi_actors.errors import AnswerLateError, ConflictError, KeyReusedError, QueueFullError
from omi_actors.ids import new_id
from omi_actors.instruments import metrics
from omi_actors.instruments.logs import current_context, get_logger
from omi_actors.jobs.answer import build_chat_job, build_chat_key
from omi_actors.kit.errors import ExpectedError
from omi_actors.kit.loop_actor import LoopActor
from omi_actors.store import jobs, sessions

R = TypeVar("R")

_log = get_logger(__name__)

ChatMessage = AskQuestion | AskerLeft | AnswerGrew | ChatDeadline | SwitchSpace | OpenConversation | StopQuestion


class Typed(NamedTuple):
    """Rows that a turn of chat writes together with the session's row. `space` is the new space, None for no change."""

    jobs: tuple[NewJob, ...] = ()
    messages: tuple[NewMessage, ...] = ()
    space: str | None = None


# Open questions of one session: a person types one at a time, in a few tabs some more.
_MAX_WAITING = 8
_KEY_REUSED = "This `Idempotency-Key` was used for another request."


class SessionChat:
    """Chat of one session, made at its first typed question. `load` and `commit` are methods of the session actor."""

    __slots__ = ("_actor", "_answered", "_answers", "_commit", "_deps", "_load", "_session_key", "_slots")

    def __init__(
        self,
        actor: LoopActor,
        deps: SessionDeps,
        session_key: str,
        *,
        answers: SessionAnswers,
        load: Callable[[], Awaitable[Progress]],
        commit: Callable[[Growth, Typed], Awaitable[None]],
    ) -> None:
        self._actor = actor
        self._deps = deps
        self._session_key = session_key
        self._answers = answers
        self._load = load
        self._commit = commit
        # By job id. SessionAnswers holds them too, and closes them.
        self._slots: dict[str, ChatSlot] = {}
        self._answered: tuple[AnsweredMessage, ...] = ()

    def receive(self, message: ChatMessage) -> object:
        """Handle one message about chat."""
        match message:
            case AskQuestion():
                return self._ask(message)
            case AskerLeft():
                return self._leave(message.asker_id)
            case AnswerGrew():
                slot = self._slots.get(message.job_id)
                return slot is not None and slot.show(message.text, is_first=message.is_first)
            case ChatDeadline(job_id):
                self._fail_late(job_id)
                return None
            case SwitchSpace():
                return decide_anew_if_fenced(lambda: self._switch(message.space))
            case OpenConversation():
                return decide_anew_if_fenced(lambda: self._open_conversation(anew=message.anew))
            case StopQuestion():
                return self._stop(message.key)
            case _:
                assert_never(message)

    # --- asking

    async def _ask(self, asked: AskQuestion) -> ChatAnswered | None:
        self._slots = {job_id: slot for job_id, slot in self._slots.items() if job_id in self._answers.slots}
        open_slot = self._find_same(asked)
        if open_slot is not None:
            self._wait(open_slot, asked)
            return None
        if not asked.may_be_known and self._is_slip(asked.text):
            metrics.CHATS.labels("duplicate").inc()
            return ChatAnswered(JUST_ANSWERED, is_duplicate=True)
        if len(self._slots) >= _MAX_WAITING:
            raise QueueFullError("this chat waits for enough answers already")
        return await decide_anew_if_fenced(lambda: self._accept(asked))

    def _find_same(self, asked: AskQuestion) -> ChatSlot | None:
        """Return the slot of an open question that equals this one, or None. All who ask the same share one answer."""
        for slot in self._slots.values():
            question = slot.question
            if question.key == asked.key and not _is_same(question, asked):
                raise KeyReusedError(_KEY_REUSED)
            if question.key == asked.key or (not asked.may_be_known and _is_same(question, asked)):
                return slot
        return None

    def _is_slip(self, text: str) -> bool:
        now_mono_s = self._actor.runtime.clock.mono_s()
        return bool(self._answered) and was_just_answered(self._answered, normalise_message(text), now_mono_s)

    async def _accept(self, asked: AskQuestion) -> ChatAnswered | None:
        """Commit the question with its job, unless the store has the question already. Then wait for the answer."""
        progress = await self._load()
        known = await self._find_known(asked)
        if known is not None:
            return self._resume(known, asked)
        now_s = self._actor.runtime.clock.now_s()
        is_wearable = wearable_in(self._session_key) is not None
        growth = decide_chat_growth(
            progress, is_wearable=is_wearable, now_s=now_s, new_id=new_id, conversation_id=asked.conversation_id
        )
        question = _build_question(asked, asked.conversation_id or growth.progress.conversation_id or "")
        job = self._build_job(question, growth.progress.session_id, now_s)
        message = build_message(question, growth.progress.session_id, job)
        await self._commit(growth, Typed((job,), (message,)))
        metrics.QUESTIONS.inc()
        metrics.JOBS_ENQUEUED.labels(job.kind).inc()
        # Another session of the owner may have used the key meanwhile; then the store enqueued no job of ours.
        winner = await self._find_known(asked)
        if winner is not None and winner.job_id != job.job_id:
            return self._resume(winner, asked)
        self._wait(self._open_slot(job.job_id, question), asked)
        return None

    async def _find_known(self, asked: AskQuestion) -> KnownQuestion | None:
        if not asked.may_be_known:
            return None
        return await self._deps.store.read(jobs.find_question, build_chat_key(self._session_key, asked.key))

    def _resume(self, known: KnownQuestion, asked: AskQuestion) -> ChatAnswered | None:
        """Reply with the stored answer of a known question, or wait for it.

        Raises: KeyReusedError when the key belongs to another question.
        """
        if known.fingerprint != build_fingerprint(self._session_key, asked.text, asked.context):
            raise KeyReusedError(_KEY_REUSED)
        metrics.CHATS.labels("known").inc()
        if known.answer is not None:
            is_failure = known.kind == "failure"
            return ChatAnswered(known.answer, known.conversation_id, is_failure=is_failure, job_id=known.job_id)
        self._wait(self._open_slot(known.job_id, _build_question(asked, known.conversation_id)), asked)
        return None

    def _build_job(self, question: ChatQuestion, session_id: str, now_s: float) -> NewJob:
        context = current_context()
        return build_chat_job(
            question,
            session_id=session_id,
            session_key=self._session_key,
            now_s=now_s,
            max_attempts=self._deps.job_max_attempts,
            request_id=context.request_id if context is not None else "",
        )

    # --- the space

    async def _switch(self, space: str) -> str:
        """Store the session's new space and return the former one. It is not kept in memory, since changes are rare."""
        progress = await self._load()
        before = await self._deps.store.read(sessions.load_space, self._session_key)
        if space != (before or DEFAULT.name) or not progress.epoch:
            now_s = self._actor.runtime.clock.now_s()
            if not progress.epoch:
                progress = replace(progress, last_seen_at=now_s)
            await self._commit(Growth(progress, (), None, 0, 0, 0), Typed(space=space))
        return before or DEFAULT.name

    async def _open_conversation(self, *, anew: bool) -> str:
        progress = await self._load()
        latest = progress.conversation_id
        if anew and latest and await self._deps.store.read(sessions.has_messages, latest):
            progress = replace(progress, conversation_id=None)
        now_s = self._actor.runtime.clock.now_s()
        growth = decide_chat_growth(progress, is_wearable=False, now_s=now_s, new_id=new_id)
        # Also without a new one: a commit is fenced if the conversation was deleted meanwhile.
        await self._commit(growth, Typed())
        return growth.progress.conversation_id or ""

    # --- waiting

    def _open_slot(self, job_id: str, question: ChatQuestion) -> ChatSlot:
        timer = self._actor.timers.after(self._deps.chat_deadline_s, ChatDeadline(job_id))
        slot = ChatSlot(question, timer, self._actor.runtime.clock.mono_s(), self._note_answered)
        self._slots[job_id] = slot
        self._answers.slots.add(job_id, slot)
        return slot

    def _wait(self, slot: ChatSlot, asked: AskQuestion) -> None:
        reply = self._actor.take_reply()
        if reply is not None:
            slot.join(Asker(asked.asker_id, reply, asked.on_delta))

    def _note_answered(self, question: ChatQuestion) -> None:
        metrics.CHATS.labels("answered").inc()
        now_mono_s = self._actor.runtime.clock.mono_s()
        self._answered = remember_answered(self._answered, normalise_message(question.text), now_mono_s)

    def _fail_late(self, job_id: str) -> None:
        """Fail the replies of all askers at the deadline. The answer is still stored when it comes."""
        slot = self._close(job_id)
        if slot is not None:
            metrics.CHATS.labels("late").inc()
            slot.fail(AnswerLateError("the answer was not ready at the chat's deadline"))

    async def _leave(self, asker_id: str) -> None:
        """Remove an asker. If it was the last one and the question has no answer yet, cancel the question."""
        for job_id, slot in tuple(self._slots.items()):
            if slot.leave(asker_id) and slot.is_empty and self._close(job_id) is not None:
                metrics.CHATS.labels("left").inc()
                await self._cancel(job_id)

    async def _stop(self, key: str) -> bool:
        """Cancel the question with this key, whoever waits for it; return False if it has ended."""
        known = await self._deps.store.read(jobs.find_question, build_chat_key(self._session_key, key))
        if known is None or known.answer is not None:
            return False
        slot = self._close(known.job_id)
        if slot is not None:
            metrics.CHATS.labels("left").inc()
            slot.fail(ConflictError("The question was stopped."))
        return await self._cancel(known.job_id)

    async def _cancel(self, job_id: str) -> bool:
        try:
            is_cancelled = await self._deps.store.write(jobs.cancel_question, job_id)
        except ExpectedError as exc:
            # Its answer will be made and kept.
            _log.warning("question_not_cancelled", job=job_id, error=type(exc).__name__)
            return False
        if is_cancelled:
            # A claim of the job was stored before the cancellation, so its message comes before this one.
            self._deps.job_queue.tell(CancelJob(job_id))
        return is_cancelled

    def _close(self, job_id: str) -> ChatSlot | None:
        """Close a slot and return it; None if SessionAnswers has closed it already."""
        slot = self._slots.pop(job_id, None)
        return slot if self._answers.slots.take(job_id) is not None else None


def _is_same(question: ChatQuestion, asked: AskQuestion) -> bool:
    is_elsewhere = asked.conversation_id not in ("", question.conversation_id)
    return (question.text, question.context) == (asked.text, asked.context) and not is_elsewhere


def _build_question(asked: AskQuestion, conversation_id: str) -> ChatQuestion:
    return ChatQuestion(
        key=asked.key,
        conversation_id=conversation_id,
        text=asked.text,
        context=asked.context,
        is_streamed=asked.on_delta is not None,
    )
