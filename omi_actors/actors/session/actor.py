"""The session actor: handles the messages of one owner's session, one at a time, in order.

Not here: decisions about segments, questions and deliveries (domain/), SQL (store/), mail to it (messages.py).
Threads: the event loop.
"""

from typing import TYPE_CHECKING

from msgspec.structs import replace

from omi_actors.actors.queue.messages import AnswerReady
from omi_actors.actors.session.answers import AnswerMessage, SessionAnswers
from omi_actors.actors.session.chat import ChatMessage, SessionChat, Typed
from omi_actors.actors.session.commits import (
    SessionDeps,
    TurnChanges,
    build_commit,
    build_jobs,
    build_message,
    commit_jobs,
    decide_anew_if_fenced,
)
from omi_actors.actors.session.completions import CompletionMessage, SessionCompletions
from omi_actors.actors.session.hearing import SessionHearing
from omi_actors.actors.session.messages import (
    AnswerFound,
    Forget,
    Ingested,
    IngestSegments,
    KeepRaw,
    Passivate,
    PauseOver,
    PreferencesChanged,
)
from omi_actors.domain.hearing.segments import RECENT_LIMIT
from omi_actors.domain.hearing.state import HearingResult
from omi_actors.domain.sessions.records import RawEvent
from omi_actors.domain.sessions.transcript import Growth, Progress, build_progress, decide_growth, possible_keys
from omi_actors.domain.work.jobs import NewJob
from omi_actors.errors import FencedError
from omi_actors.ids import new_id
from omi_actors.instruments import metrics
from omi_actors.instruments.logs import LogContext, bound_context, current_context, get_logger
from omi_actors.instruments.requests import REQUESTS
from omi_actors.jobs.answer import in_language
from omi_actors.kit.errors import ExpectedError
from omi_actors.kit.loop_actor import LoopActor
from omi_actors.store import sessions
from omi_actors.store.people.preferences import load_for_session

if TYPE_CHECKING:
    from omi_actors.kit.runtime import TimerHandle

__all__ = ["SessionActor", "SessionDeps"]

_log = get_logger(__name__)

# Looked up once: for each webhook a look-up costs as much as the count.
_NEW, _UPDATED, _DUPLICATE, _BLANK = map(metrics.SEGMENTS.labels, ("new", "updated", "duplicate", "blank"))
# Accepted questions that a session loads. The jobs' idempotency keys guarantee that none is asked twice.
_ASKED_LIMIT = 8
# The kind of Omi's webhook that ends a conversation, and so a meeting.
CONVERSATION = "memory_created"


class SessionActor(LoopActor):
    """One session. Each turn is decided on a copy of the state and committed; only then the state in memory changes.

    State it owns: the transcript's progress, its hearing (hearing.py), its answers (answers.py), its chat (chat.py).
    Messages it takes: IngestSegments, KeepRaw, PauseOver, PreferencesChanged, Passivate, Forget; those of its parts.
    Messages it sends: JobsEnqueued, ReservationEnded and CancelJob to the queue. What kills it: an unexpected error.
    What survives a restart: everything but open reply slots and completions; the next message loads the session.

        session = Handle(ChildSpec(key, "session", build=lambda: SessionActor(deps, key)), runtime)
        reply = session.ask(IngestSegments(key, uid, segments, received_at=now_s), timeout_s=15.0)
        message = (await reply).message     # the answer, if a question was asked and answered in time
    """

    def __init__(self, deps: SessionDeps, session_key: str) -> None:
        super().__init__()
        self._deps = deps
        self._session_key = session_key
        # None until it is loaded, and after a failed commit, which may have been stored.
        self._progress: Progress | None = None
        # The session's id as it was last found in the store. Another one there: the person of this one was erased.
        self._stored_id: str | None = None
        # None until it has an answer; most sessions have none.
        self._answers: SessionAnswers | None = None
        self._chat: SessionChat | None = None
        self._completions: SessionCompletions | None = None
        # Another commit came before ours; it may be another node's.
        self._was_fenced = False
        self._hearing = SessionHearing(deps.hearing)
        # False: they are loaded before the next turn that needs them.
        self._knows_preferences = False
        # The timer that ends the open utterance.
        self._pause: TimerHandle | None = None
        # The request whose words the open utterance holds last: a question that a pause ends is that request's.
        self._spoken_in: LogContext | None = None

    def receive(self, message: object) -> object:
        """Handle one message."""
        match message:
            case IngestSegments():
                return decide_anew_if_fenced(lambda: self._hear(message))
            case KeepRaw():
                return decide_anew_if_fenced(lambda: self._keep_raw(message))
            case PauseOver():
                return self._end_pause()
            case PreferencesChanged() | Passivate() | Forget():
                self._take_note(message)
                return None
        if isinstance(message, AnswerMessage):
            return self._take_answer(message)
        if isinstance(message, ChatMessage):
            return self._my_chat().receive(message)
        if isinstance(message, CompletionMessage):
            return self._my_completions().receive(message)
        return super().receive(message)

    # --- hearing: decide on a copy, commit, apply

    async def _hear(self, message: IngestSegments) -> Ingested | None:
        growth = await self._grow(message)
        _count(growth)
        if message.is_quiet:
            return await self._pass_over(growth, message)
        heard = await self._hearing.hear(growth, message.received_at, self.runtime)
        jobs = await self._accept(heard, growth.progress, growth)
        if (
            message.ends_meeting
            and (said := await self._hearing.end_meeting(growth.progress, self._deps.store, message.received_at))
            is not None
        ):
            return Ingested(said)
        if not jobs:
            return Ingested() if message.needs_news and not growth.fresh else await self._reply()
        reply = self.take_reply()
        if reply is not None:
            # The reply waits for the first question; the answers to the others go over other channels.
            self._my_answers().open_slot(jobs[0].job_id, reply, message.received_at)
        return None

    async def _pass_over(self, growth: Growth, message: IngestSegments) -> Ingested:
        """Only store the segments. If they end a meeting, it is kept."""
        await self._accept(self._hearing.pass_over(growth), growth.progress, growth)
        if message.ends_meeting:
            await self._hearing.end_meeting(growth.progress, self._deps.store, message.received_at)
        return Ingested()

    async def _grow(self, message: IngestSegments) -> Growth:
        progress = await self._loaded()
        now_s = message.received_at
        growth = decide_growth(progress, message.segments, received_at=now_s, new_id=new_id)
        if growth.new_conversation is None or progress.conversation_id is None:
            return growth
        # Times that fall back begin a conversation, unless the segments are a late repetition. Only the store knows.
        stored = await self._deps.store.read(
            sessions.find_segments, progress.session_id, possible_keys(message.segments, progress)
        )
        return decide_growth(progress, message.segments, received_at=now_s, new_id=new_id, stored=stored)

    async def _end_pause(self) -> None:
        """Accept the questions in the utterance that a pause has ended. No webhook's reply waits for their answers."""
        try:
            with bound_context(self._spoken_in):
                await decide_anew_if_fenced(self._accept_pause)
        except ExpectedError as exc:
            # The row still holds the deadline, so that the answer sweeper sends PauseOver again.
            self._stop_pause_timer()
            _log.warning("question_not_taken_in", error=type(exc).__name__)

    async def _accept_pause(self) -> None:
        progress = await self._loaded()
        await self._accept(self._hearing.end_pause(self.runtime.clock.now_s()), progress)

    async def _accept(
        self, heard: HearingResult, progress: Progress, growth: Growth | None = None
    ) -> tuple[NewJob, ...]:
        """Commit the new state of hearing with one answer job for each question. Return the jobs."""
        jobs: tuple[NewJob, ...] = ()
        if heard.questions:
            REQUESTS.note("heard")
            jobs = build_jobs(heard.questions, progress, self._session_key, self._deps, self._reply_until())
        if self._hearing.is_news(heard) or (growth is not None and (growth.fresh or growth.corrected)):
            asked = zip(heard.questions, jobs, strict=True)
            messages = tuple(build_message(question, progress.session_id, job) for question, job in asked)
            await self._commit(TurnChanges(progress, heard.deadline, growth, jobs, messages))
        self._hearing.keep(heard)
        self._set_pause_timer()
        if heard.repeated:
            metrics.QUESTIONS_REPEATED.inc(heard.repeated)
        if jobs:
            self._my_answers().note_asked(heard.questions, jobs)
        return jobs

    def _set_pause_timer(self) -> None:
        """Set the timer for the pause that ends the open utterance."""
        self._stop_pause_timer()
        if self._hearing.deadline is not None:
            self._spoken_in = current_context()
            delay_s = max(0.0, self._hearing.deadline - self.runtime.clock.now_s())
            self._pause = self.timers.after(delay_s, PauseOver(self._session_key))

    def _stop_pause_timer(self) -> None:
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None

    def _reply_until(self) -> float | None:
        """Return the time (UTC seconds) until which this turn's webhook waits for an answer; None without a webhook."""
        envelope = self.current_envelope
        if envelope.reply_to is None or not isinstance(envelope.message, IngestSegments):
            return None
        return envelope.message.received_at + self._deps.reply_deadline_s

    async def _keep_raw(self, message: KeepRaw) -> Ingested:
        """Store a webhook's payload unchanged; no feature reads its kind yet."""
        progress = await self._loaded()
        if progress.epoch == 0:
            # The session begins with this event. An event is no speech: it moves no other time.
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
        await self._commit(TurnChanges(progress, self._hearing.listening_until, raw_events=(event,)))
        if message.kind != CONVERSATION:
            return Ingested()
        return Ingested(await self._hearing.end_meeting(progress, self._deps.store, message.received_at))

    # --- the store

    async def _loaded(self) -> Progress:
        if self._progress is None:
            now_s = self.runtime.clock.now_s()
            record = await self._deps.store.read(
                sessions.load_session,
                self._session_key,
                recent=RECENT_LIMIT,
                asked=_ASKED_LIMIT,
                answers_since=now_s - self._deps.delivery_rules.expires_s,
            )
            if self._stored_id is not None and (record is None or record.session_id != self._stored_id):
                self._forget()
            progress = build_progress(record, new_id)
            self._stored_id = None if record is None else record.session_id
            self._knows_preferences = record is not None and record.account_id is None
            if self._knows_preferences:
                self._hearing.follow(None)
            else:
                await self._load_preferences()
            self._progress = progress
            if self._was_fenced and record is not None and record.node != self._deps.node_name:
                metrics.SESSION_RETAKES.inc()
            self._was_fenced = False
            if record is not None:
                self._hearing.take_over(record, now_s)
                self._set_pause_timer()
                if record.open_answers or self._answers is not None:
                    self._my_answers().take_over(record.open_answers)
        elif not self._knows_preferences:
            await self._load_preferences()
        return self._progress

    async def _load_preferences(self) -> None:
        self._hearing.follow(await self._deps.store.read(load_for_session, self._session_key))
        self._knows_preferences = True

    async def _commit(self, turn: TurnChanges) -> None:
        """Commit one turn. Change the state in memory only after the commit.

        Raises:
            StoreError: nothing of the turn is remembered; the next message loads the session again.
        """
        if turn.jobs and self._hearing.language:
            turn = turn._replace(jobs=tuple(in_language(job, self._hearing.language) for job in turn.jobs))
        commit = build_commit(turn, self._session_key)
        try:
            await (commit_jobs(commit, self._deps) if turn.jobs else self._deps.store.commit(commit))
        except ExpectedError as exc:
            self._progress = None
            self._was_fenced = isinstance(exc, FencedError)
            raise
        if not turn.jobs:
            REQUESTS.note("committed")
        self._progress = replace(turn.progress, epoch=commit.epoch)
        self._stored_id = commit.session_id
        self._hearing.listening_until = turn.listening_until
        if commit.messages or commit.new_conversation is not None:
            self._deps.watchers.note(self._session_key)

    # --- answering

    def _my_answers(self) -> SessionAnswers:
        if self._answers is None:
            heard_at = lambda: self._progress.last_seen_at if self._progress is not None else 0.0  # noqa: E731
            self._answers = SessionAnswers(self, self._deps, self._session_key, self._is_silent, heard_at)
        return self._answers

    def _take_answer(self, message: AnswerMessage) -> object:
        self._hearing.note(message, self.runtime.clock.now_s())
        if isinstance(message, AnswerReady | AnswerFound):
            self._deps.watchers.note(self._session_key)
        return self._my_answers().receive(message)

    def _is_silent(self) -> bool:
        return self._hearing.is_silent(self.runtime.clock.now_s())

    def _my_chat(self) -> SessionChat:
        if self._chat is None:
            answers = self._my_answers()
            self._chat = SessionChat(
                self,
                self._deps,
                self._session_key,
                answers=answers,
                load=self._loaded,
                commit=self._commit_chat,
            )
        return self._chat

    def _my_completions(self) -> SessionCompletions:
        if self._completions is None:
            self._completions = SessionCompletions(self, self._deps, self._session_key)
        return self._completions

    async def _commit_chat(self, growth: Growth, typed: Typed) -> None:
        """Commit a turn of chat; the open utterance stays open."""
        jobs, messages, space = typed
        turn = TurnChanges(growth.progress, self._hearing.listening_until, growth, jobs, messages, active_space=space)
        await self._commit(turn)

    async def _reply(self) -> Ingested | None:
        """Reply to a webhook that holds no question. The reply may carry an older answer that is not sent yet."""
        outgoing = await self._answers.carry() if self._answers is not None else None
        if self._answers is None or outgoing is None:
            return Ingested()
        # Set here and not returned: should the reply be closed by now, the answer goes over another channel.
        await self._answers.settle(self.take_reply(), outgoing)
        return None

    # --- leaving

    def _take_note(self, message: PreferencesChanged | Passivate | Forget) -> None:
        match message:
            case PreferencesChanged():
                self._knows_preferences = False
            case Passivate():
                self._passivate()
            case Forget():
                self._forget()

    def _forget(self) -> None:
        """Forget a session that is no longer in the store. Open replies end without an answer."""
        self._progress = self._stored_id = self._chat = None
        self._hearing = SessionHearing(self._deps.hearing)
        self._set_pause_timer()
        answers, self._answers = self._answers, None
        if answers is not None:
            answers.forget()
        self.on_stop()

    def on_stop(self) -> None:
        """Stop the completions under way."""
        if self._completions is not None:
            self._completions.cancel_all()

    def on_failure(self, *_error: object) -> None:
        """Remove the reply slots, so that the sweeper no longer searches for their answers; stop the completions."""
        self.on_stop()
        if self._answers is not None:
            self._answers.slots.forget()

    def _passivate(self) -> None:
        """Stop this actor, unless a timer, a reply or a message in its mailbox still waits."""
        parts = (self._answers, self._completions)
        is_waiting = self._pause is not None or any(part is not None and part.is_waiting for part in parts)
        if not is_waiting and not len(self.handle.mailbox):
            metrics.SESSION_PASSIVATIONS.inc()
            self.stop_self()


def _count(growth: Growth) -> None:
    """Count a webhook's segments by their kind."""
    for counter, count in (
        (_NEW, len(growth.fresh) - growth.updated),
        (_UPDATED, growth.updated + len(growth.corrected)),
        (_DUPLICATE, growth.duplicates),
        (_BLANK, growth.blank),
    ):
        if count:
            counter.inc(count)
