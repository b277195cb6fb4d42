"""The session actor: one wearer's conversation, one message at a time, in order.

State it owns: the transcript's progress, the reply slots (webhooks that wait for an answer). Messages it takes:
IngestSegments, KeepRaw, AnswerReady, ReplyDeadline, ReplySent, Passivate. It sends: JobsEnqueued to the queue.
What kills it: an unexpected error in a turn. What survives a restart: everything but the open reply slots; it loads
itself from the store when spoken to.
Not here: what is new, what was asked, how an answer goes (domain/), SQL (store/). Threads: the event loop.
"""

from dataclasses import dataclass

from msgspec.structs import replace

from omi_actors.actors.messages import (
    AnswerReady,
    Ingested,
    IngestSegments,
    JobsEnqueued,
    KeepRaw,
    Passivate,
    ReplyDeadline,
    ReplySent,
)
from omi_actors.domain.delivery import Channel, decide_channel, format_message
from omi_actors.domain.hearing import Question, find_question
from omi_actors.domain.jobs import NewJob
from omi_actors.domain.sessions import DeliveryChange, NewMessage, RawEvent, SessionCommit
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
from omi_actors.instruments.logs import current_context, get_logger
from omi_actors.jobs.answer import build_answer_job
from omi_actors.kit.future import Future
from omi_actors.kit.handle import Handle
from omi_actors.kit.loop_actor import LoopActor
from omi_actors.kit.runtime import TimerHandle
from omi_actors.store.facade import Store

_log = get_logger(__name__)

# Looked up once: on the way of every webhook a look-up costs as much as the count.
_NEW, _UPDATED, _DUPLICATE, _BLANK = map(metrics.SEGMENTS.labels, ("new", "updated", "duplicate", "blank"))
# Accepted questions that a session remembers by segment; the job's idempotency key is what guarantees.
_ASKED_LIMIT = 8


@dataclass(frozen=True, slots=True)
class SessionDeps:
    """What every session uses. `reply_deadline_s` is how long a webhook may wait for its answer."""

    store: Store
    job_queue: Handle
    reply_deadline_s: float
    job_max_attempts: int


@dataclass(slots=True)
class ReplySlot:
    """A webhook that waits for an answer."""

    reply: Future[Ingested]
    timer: TimerHandle
    opened_mono_s: float


class SessionActor(LoopActor):
    """See the module."""

    def __init__(self, deps: SessionDeps, session_key: str) -> None:
        super().__init__()
        self._deps = deps
        self._session_key = session_key
        self._uid = session_key.partition(":")[2]
        # None: to be loaded. Loaded again after a failed commit, whose outcome may be unknown.
        self._progress: Progress | None = None
        # By job id; None while nobody waits, which is nearly always.
        self._slots: dict[str, ReplySlot] | None = None
        # Segments whose question was accepted lately: a longer version of one is no second question.
        self._asked: tuple[str, ...] = ()

    def receive(self, message: object) -> object:
        """Take one message; see the module."""
        match message:
            case IngestSegments():
                return self._ingest(message)
            case KeepRaw():
                return self._keep_raw(message)
            case AnswerReady():
                return self._give_answer(message)
            case ReplySent():
                return self._record_reply(message)
            case ReplyDeadline(job_id):
                self._give_up_waiting(job_id)
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
            return Ingested()
        question = find_question(growth.fresh, self._asked)
        if question is None:
            await self._commit(growth.progress, growth)
            return Ingested()
        return await self._ask(question, growth)

    async def _grow(self, message: IngestSegments) -> Growth:
        progress = await self._loaded()
        now_s = message.received_at
        growth = decide_growth(progress, message.segments, received_at=now_s, new_id=new_id)
        if growth.new_conversation is None or progress.conversation_id is None:
            return growth
        # Times that fall back begin a conversation, unless this is a late repetition: only the store knows so far back.
        stored = await self._deps.store.find_segments(progress.session_id, possible_keys(message.segments, progress))
        return decide_growth(progress, message.segments, received_at=now_s, new_id=new_id, stored=stored)

    async def _ask(self, question: Question, growth: Growth) -> Ingested | None:
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
        self._deps.job_queue.tell(JobsEnqueued())
        if reply is None:
            return None
        self._open_slot(job.job_id, reply)
        return None

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
            record = await self._deps.store.load_session(self._session_key, recent=RECENT_LIMIT, asked=_ASKED_LIMIT)
            self._progress = build_progress(record, new_id)
            if record is not None:
                self._asked = record.asked_keys
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

    def _open_slot(self, job_id: str, reply: Future[Ingested]) -> None:
        timer = self.timers.after(self._deps.reply_deadline_s, ReplyDeadline(job_id))
        if self._slots is None:
            self._slots = {}
        self._slots[job_id] = ReplySlot(reply, timer, self.runtime.clock.mono_s())

    def _close_slot(self, job_id: str) -> ReplySlot | None:
        slot = self._slots.pop(job_id, None) if self._slots else None
        if slot is not None:
            slot.timer.cancel()
        return slot

    async def _give_answer(self, message: AnswerReady) -> None:
        """Give an answer by the way that is open. Its intent is committed before it is sent."""
        slot = self._close_slot(message.job_id)
        if slot is not None and slot.reply.done:
            slot = None  # whoever asked has been answered otherwise
        channel = decide_channel(reply_slot_open=slot is not None)
        state = "sending" if channel is Channel.INLINE else "kept"
        is_ours = await self._change_delivery(message.delivery_id, ("pending",), state, channel)
        if slot is None:
            return
        if not is_ours:
            slot.reply.try_set(Ingested())
            return
        metrics.ANSWER_SECONDS.observe(self.runtime.clock.mono_s() - slot.opened_mono_s)
        if not slot.reply.try_set(Ingested(format_message(message.text), message.delivery_id)):
            # Its time ran out during the commit: nobody will send it, nor tell what became of it.
            await self._change_delivery(message.delivery_id, ("sending",), "kept", Channel.KEPT)

    def _give_up_waiting(self, job_id: str) -> None:
        """Answer the webhook without its answer, which goes another way when it is there."""
        slot = self._close_slot(job_id)
        if slot is not None:
            slot.reply.try_set(Ingested())

    async def _record_reply(self, message: ReplySent) -> None:
        state = "sent" if message.reached else "kept"
        channel = Channel.INLINE if message.reached else Channel.KEPT
        await self._change_delivery(message.delivery_id, ("sending",), state, channel)

    async def _change_delivery(
        self, delivery_id: str, from_states: tuple[str, ...], state: str, channel: Channel
    ) -> bool:
        """Take one step of a delivery; False when it does not stand where it should, or the store failed."""
        change = DeliveryChange(
            delivery_id=delivery_id,
            from_states=from_states,
            state=state,
            channel=channel,
            changed_at=self.runtime.clock.now_s(),
        )
        try:
            is_changed = await self._deps.store.change_delivery(change)
        except OmiError as exc:
            _log.warning("delivery_step_not_stored", delivery=delivery_id, state=state, error=type(exc).__name__)
            return False
        if is_changed:
            metrics.DELIVERIES.labels(channel or "none", state).inc()
        return is_changed

    # --- leaving

    def _passivate(self) -> None:
        """Leave memory, unless a webhook waits here or mail has come meanwhile."""
        if not self._slots and not len(self.handle.mailbox):
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
