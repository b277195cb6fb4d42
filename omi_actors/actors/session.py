"""The session actor: one wearer's conversation, one message at a time, in order.

State it owns: the transcript's progress; its answers on their way (session_answers.py); its chat (session_chat.py).
Messages it takes: IngestSegments, KeepRaw, AnswerReady, ReplyDeadline, ReplySent, GraceOver, AnswerNotified, Passivate,
and those of chat. It sends: JobsEnqueued to the queue. What kills it: an unexpected error in a turn. What survives a
restart: everything but the open reply slots; it loads itself from the store when spoken to.
Not here: what is new, what was asked, how an answer goes (domain/), SQL (store/). Threads: the event loop.
"""

from msgspec.structs import replace

from omi_actors.actors.chat_messages import AnswerGrew, AskerLeft, AskQuestion, ChatDeadline
from omi_actors.actors.messages import (
    AnswerNotified,
    AnswerReady,
    GraceOver,
    Ingested,
    IngestSegments,
    JobsEnqueued,
    KeepRaw,
    Passivate,
    ReplyDeadline,
    ReplySent,
)
from omi_actors.actors.session_answers import SessionAnswers
from omi_actors.actors.session_chat import SessionChat
from omi_actors.actors.session_deps import SessionDeps
from omi_actors.domain.hearing import Question, find_question
from omi_actors.domain.jobs import NewJob
from omi_actors.domain.sessions import NewMessage, RawEvent, SessionCommit
from omi_actors.domain.transcript import (
    RECENT_LIMIT,
    Growth,
    Progress,
    build_progress,
    decide_growth,
    possible_keys,
)
from omi_actors.errors import FencedError, OmiError
from omi_actors.ids import new_id
from omi_actors.instruments import metrics
from omi_actors.instruments.logs import current_context
from omi_actors.jobs.answer import build_answer_job
from omi_actors.kit.loop_actor import LoopActor

__all__ = ["SessionActor", "SessionDeps"]

# Looked up once: on the way of every webhook a look-up costs as much as the count.
_NEW, _UPDATED, _DUPLICATE, _BLANK = map(metrics.SEGMENTS.labels, ("new", "updated", "duplicate", "blank"))
# Accepted questions that a session remembers by segment; the job's idempotency key is what guarantees.
_ASKED_LIMIT = 8


class SessionActor(LoopActor):
    """See the module."""

    def __init__(self, deps: SessionDeps, session_key: str) -> None:
        super().__init__()
        self._deps = deps
        self._session_key = session_key
        self._uid = session_key.partition(":")[2]
        # None: to be loaded. Loaded again after a failed commit, whose outcome may be unknown.
        self._progress: Progress | None = None
        # None until there is one to give, which is nearly always.
        self._answers: SessionAnswers | None = None
        self._chat: SessionChat | None = None
        # Segments whose question was accepted lately: a longer version of one is no second question.
        self._asked: tuple[str, ...] = ()

    def receive(self, message: object) -> object:
        """Take one message; see the module."""
        match message:
            case IngestSegments():
                return self._ingest(message)
            case KeepRaw():
                return self._keep_raw(message)
            case AnswerReady() | ReplySent() | ReplyDeadline() | GraceOver() | AnswerNotified():
                return self._my_answers().receive(message)
            case AskQuestion() | AskerLeft() | AnswerGrew() | ChatDeadline():
                return self._my_chat().receive(message)
            case Passivate():
                self._passivate()
            case _:
                return super().receive(message)
        return None

    # --- hearing: decide on a copy, commit, apply

    async def _ingest(self, message: IngestSegments) -> Ingested | None:
        try:
            return await self._hear(message)
        except FencedError:
            # Someone else wrote this session since it was loaded. Look again, once; the commit has left nothing.
            return await self._hear(message)

    async def _hear(self, message: IngestSegments) -> Ingested | None:
        growth = await self._grow(message)
        _count(growth)
        if not growth.fresh:
            return await self._reply()
        question = find_question(growth.fresh, self._asked)
        if question is None:
            await self._commit(growth.progress, growth)
            return await self._reply()
        await self._ask(question, growth)
        return None

    async def _grow(self, message: IngestSegments) -> Growth:
        progress = await self._loaded()
        now_s = message.received_at
        growth = decide_growth(progress, message.segments, received_at=now_s, new_id=new_id)
        if growth.new_conversation is None or progress.conversation_id is None:
            return growth
        # Times that fall back begin a conversation, unless this is a late repetition: only the store knows so far back.
        stored = await self._deps.store.find_segments(progress.session_id, possible_keys(message.segments, progress))
        return decide_growth(progress, message.segments, received_at=now_s, new_id=new_id, stored=stored)

    async def _ask(self, question: Question, growth: Growth) -> None:
        """Accept a question: its job is in the segments' commit; the webhook's reply stays open for the answer."""
        now_s = self.runtime.clock.now_s()
        job = build_answer_job(
            session_id=growth.progress.session_id,
            session_key=self._session_key,
            question=question,
            now_s=now_s,
            max_attempts=self._deps.job_max_attempts,
            request_id=context.request_id if (context := current_context()) else "",
        )
        asked = NewMessage(
            message_id=new_id(),
            session_id=growth.progress.session_id,
            conversation_id=question.conversation_id,
            role="user",
            kind="question",
            source="omi_transcript",
            text=question.text,
            job_id=job.job_id,
            model="",
            created_at=now_s,
        )
        await self._commit(growth.progress, growth, jobs=(job,), messages=(asked,))
        metrics.QUESTIONS.inc()
        metrics.JOBS_ENQUEUED.labels(job.kind).inc()
        self._asked = (*self._asked[-(_ASKED_LIMIT - 1) :], question.segment_key)
        reply = self.take_reply()
        self._deps.job_queue.tell(JobsEnqueued(job.kind))
        if reply is not None:
            self._my_answers().open_slot(job.job_id, reply)

    async def _keep_raw(self, message: KeepRaw) -> Ingested:
        """Keep a payload whole, for a feature to come."""
        progress = await self._loaded()
        if progress.epoch == 0:
            # The session begins with this; an event is no speech, and moves nothing else.
            progress = replace(progress, last_seen_at=message.received_at)
        event = RawEvent(
            event_id=new_id(),
            session_id=progress.session_id,
            kind=message.kind,
            dedupe_key=message.dedupe_key,
            content_type=message.content_type,
            body=message.body,
            received_at=message.received_at,
        )
        await self._commit(progress, raw_events=(event,))
        return Ingested()

    # --- the store

    async def _loaded(self) -> Progress:
        if self._progress is None:
            answers_since = self.runtime.clock.now_s() - self._deps.delivery_rules.expires_s
            record = await self._deps.store.load_session(
                self._session_key, recent=RECENT_LIMIT, asked=_ASKED_LIMIT, answers_since=answers_since
            )
            self._progress = build_progress(record, new_id)
            if record is not None:
                self._asked = record.asked_keys
            if record is not None and (record.open_answers or self._answers is not None):
                self._my_answers().take_over(record.open_answers)
        return self._progress

    async def _commit(
        self,
        progress: Progress,
        growth: Growth | None = None,
        *,
        jobs: tuple[NewJob, ...] = (),
        messages: tuple[NewMessage, ...] = (),
        raw_events: tuple[RawEvent, ...] = (),
    ) -> None:
        """Commit one turn and only then make it this actor's memory.

        Raises:
            StoreError: nothing is remembered of the turn; the session is loaded anew when next spoken to.
        """
        # Each commit takes the next epoch: one that was given up on, and is stored all the same, fences what was
        # decided without it.
        epoch = progress.epoch + 1
        commit = SessionCommit(
            session_id=progress.session_id,
            session_key=self._session_key,
            uid=self._uid,
            epoch_before=progress.epoch,
            epoch=epoch,
            conversation_id=progress.conversation_id,
            conversation_number=progress.conversation_number,
            last_seq=progress.last_seq,
            last_end_s=progress.last_end_s,
            last_seen_at=progress.last_seen_at,
            new_conversation=growth.new_conversation if growth else None,
            segments=growth.fresh if growth else (),
            messages=messages,
            jobs=jobs,
            raw_events=raw_events,
        )
        try:
            await self._deps.store.commit_session(commit)
        except OmiError:
            self._progress = None
            raise
        self._progress = replace(progress, epoch=epoch)

    # --- answering

    def _my_answers(self) -> SessionAnswers:
        if self._answers is None:
            self._answers = SessionAnswers(self, self._deps, self._session_key)
        return self._answers

    def _my_chat(self) -> SessionChat:
        if self._chat is None:
            answers = self._my_answers()
            self._chat = SessionChat(
                self, self._deps, self._session_key, answers=answers, load=self._loaded, commit=self._commit
            )
        return self._chat

    async def _reply(self) -> Ingested:
        """Return the reply of a webhook in which nothing was asked: it may carry an answer that waits for one."""
        return Ingested() if self._answers is None else await self._answers.carry()

    # --- leaving

    def _passivate(self) -> None:
        """Leave memory, unless an answer is on its way here or mail has come meanwhile."""
        if not (self._answers is not None and self._answers.is_waiting) and not len(self.handle.mailbox):
            metrics.SESSION_PASSIVATIONS.inc()
            self.stop_self()


def _count(growth: Growth) -> None:
    """Count what became of a webhook's segments."""
    for counter, count in (
        (_NEW, len(growth.fresh) - growth.updated),
        (_UPDATED, growth.updated),
        (_DUPLICATE, growth.duplicates),
        (_BLANK, growth.blank),
    ):
        if count:
            counter.inc(count)
