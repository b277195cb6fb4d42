"""Commits of a session: a turn with its jobs and messages, and the steps of deliveries.

Not here: deciding it (domain/), the commit (actor.py), statements (store/commits.py). Threads: the event loop.
"""

import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple, TypeVar

from msgspec import structs

from omi_actors.actors.queue.messages import JobsEnqueued, ReservationEnded
from omi_actors.actors.queue.slots import WorkerSlots
from omi_actors.actors.session.slots import OpenReplies
from omi_actors.actors.session.watchers import SessionWatchers
from omi_actors.domain.answers.delivery import StepOutcome
from omi_actors.domain.answers.delivery_records import DeliveryChange, DeliveryRules
from omi_actors.domain.hearing.state import HearingOptions, Question
from omi_actors.domain.sessions.chat import ChatQuestion
from omi_actors.domain.sessions.records import NewMessage, RawEvent, SessionCommit
from omi_actors.domain.sessions.transcript import Growth, Progress
from omi_actors.domain.work.jobs import ClaimedJob, NewJob
from omi_actors.errors import FencedError
from omi_actors.ids import new_id
from omi_actors.instruments import metrics
from omi_actors.instruments.logs import current_context, get_logger
from omi_actors.instruments.requests import REQUESTS
from omi_actors.jobs.answer import KIND as ANSWER
from omi_actors.jobs.answer import build_answer_job
from omi_actors.jobs.kinds import JobDeps
from omi_actors.jobs.notify import KIND as NOTIFY
from omi_actors.jobs.notify import build_notify_job
from omi_actors.kit.errors import ExpectedError
from omi_actors.kit.future import Future
from omi_actors.kit.handle import Handle
from omi_actors.store import answers, jobs, notifications
from omi_actors.store.facade import Store

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SessionDeps:
    """Dependencies of all sessions. A webhook waits up to `reply_deadline_s` for its answer, a chat `chat_deadline_s`.

    `answer_slots` belong to the queue; sessions reserve them. A job that is committed with a reserved slot is leased
    for `job_lease_s` seconds. In one lane up to `lane_cap` jobs may wait. All sessions share `open_replies` and
    `watchers`. `asking` is what completions need, the same as of answer jobs.
    """

    store: Store
    job_queue: Handle
    reply_deadline_s: float
    job_max_attempts: int
    delivery_rules: DeliveryRules = field(default_factory=DeliveryRules)
    chat_deadline_s: float = 60.0
    hearing: HearingOptions = field(default_factory=HearingOptions)
    answer_slots: WorkerSlots = field(default_factory=lambda: WorkerSlots((ANSWER,), 0))
    job_lease_s: float = 30.0
    lane_cap: int = 1_000
    open_replies: OpenReplies = field(default_factory=OpenReplies)
    watchers: SessionWatchers = field(default_factory=SessionWatchers)
    node_name: str = ""
    asking: JobDeps | None = None


class TurnChanges(NamedTuple):
    """Changes of one turn. At `listening_until` (UTC seconds) a pause ends the open utterance; None: none is open.

    `active_space` is the session's new space, None for no change.
    """

    progress: Progress
    listening_until: float | None
    growth: Growth | None = None
    jobs: tuple[NewJob, ...] = ()
    messages: tuple[NewMessage, ...] = ()
    raw_events: tuple[RawEvent, ...] = ()
    active_space: str | None = None


def build_commit(turn: TurnChanges, session_key: str) -> SessionCommit:
    """Return the commit of one turn, with the next epoch.

    So a commit that timed out but was stored fences the later turns, which were decided without it.
    """
    progress, growth = turn.progress, turn.growth
    return SessionCommit(
        session_id=progress.session_id,
        session_key=session_key,
        uid=session_key.partition(":")[2],
        epoch_before=progress.epoch,
        epoch=progress.epoch + 1,
        conversation_id=progress.conversation_id,
        conversation_number=progress.conversation_number,
        last_seq=progress.last_seq,
        last_end_s=progress.last_end_s,
        last_seen_at=progress.last_seen_at,
        listening_until=turn.listening_until,
        active_space=turn.active_space,
        meets_user=growth.meets_user if growth else False,
        new_conversation=growth.new_conversation if growth else None,
        segments=growth.fresh + growth.corrected if growth else (),
        messages=turn.messages,
        jobs=turn.jobs,
        raw_events=turn.raw_events,
    )


def build_jobs(
    questions: Sequence[Question], progress: Progress, session_key: str, deps: SessionDeps, reply_until: float | None
) -> tuple[NewJob, ...]:
    """Return the jobs that answer these questions, in the order of the questions.

    A webhook's reply waits for the first answer until `reply_until` (UTC seconds); None: no reply waits.
    """
    context = current_context()
    return tuple(
        build_answer_job(
            session_id=progress.session_id,
            session_key=session_key,
            question=question,
            max_attempts=deps.job_max_attempts,
            request_id=context.request_id if context else "",
            reply_until=None if number else reply_until,
        )
        for number, question in enumerate(questions)
    )


def build_message(question: Question | ChatQuestion, session_id: str, job: NewJob) -> NewMessage:
    """Return a question as a message, tied to the job that answers it. A typed question is its owner's."""
    spoken = question if isinstance(question, Question) else None
    other = spoken if spoken is not None and not spoken.is_user else None
    return NewMessage(
        message_id=new_id(),
        session_id=session_id,
        conversation_id=question.conversation_id,
        role="user",
        kind="question",
        source="omi_transcript" if spoken else "frontend",
        text=question.text,
        job_id=job.job_id,
        model="",
        created_at=job.created_at,
        asker="other" if other else "user",
        speaker=other.speaker if other else "",
    )


def commit_jobs(commit: SessionCommit, deps: SessionDeps) -> Future[None] | Future[ClaimedJob | None]:
    """Commit a turn with answer jobs, and send them to the queue. Raises what `Store.commit` raises."""
    commit = structs.replace(commit, lane_cap=deps.lane_cap)
    first = commit.jobs[0]
    token = deps.answer_slots.reserve()
    if token is None:
        stored = deps.store.commit(commit)
        stored.add_done_callback(partial(_report_stored, deps.job_queue, commit.jobs))
        return stored
    leased = deps.store.write(jobs.commit_leased, commit, token=token, lease_s=deps.job_lease_s)
    ended = ReservationEnded(first.kind, first.job_id, token)
    leased.add_done_callback(partial(_report_leased, deps.job_queue, commit.jobs, ended))
    return leased


def _report_stored(queue: Handle, enqueued: Sequence[NewJob], stored: Future[None]) -> None:
    try:
        stored.result()
    except ExpectedError:
        return
    _note_committed(enqueued)
    queue.tell(JobsEnqueued(enqueued[0].kind))


def _note_committed(enqueued: Sequence[NewJob]) -> None:
    """Note the commit before a worker can begin its jobs. Runs in the writer's thread."""
    REQUESTS.note_for(enqueued[0].request_id, "committed")
    for job in enqueued:
        REQUESTS.note_enqueued(job.request_id, job.job_id, job.kind)


def _report_leased(
    queue: Handle, enqueued: Sequence[NewJob], ended: ReservationEnded, leased: Future[ClaimedJob | None]
) -> None:
    try:
        ended = replace(ended, job=leased.result())
        _note_committed(enqueued)
    except FencedError:
        pass  # nothing was stored
    except ExpectedError:
        ended = replace(ended, is_unknown=True)
    # One for each reserved slot; without it the slot is never free again.
    queue.tell_always(ended)


class DeliverySteps:
    """Commits steps of deliveries. The store refuses a step if the delivery is in another state by then."""

    __slots__ = ("_deps", "_session_key")

    def __init__(self, deps: SessionDeps, session_key: str) -> None:
        self._deps = deps
        self._session_key = session_key

    async def commit(self, change: DeliveryChange, *, enqueues: bool) -> StepOutcome:
        """Commit one step. With `enqueues` the same transaction enqueues the notification job."""
        try:
            step = self._enqueue(change) if enqueues else self._deps.store.write(answers.change_delivery, change)
            is_done = await step
        except ExpectedError as exc:
            event = "notification_not_enqueued" if enqueues else "delivery_step_not_stored"
            _log.warning(event, delivery=change.delivery_id, state=change.state, error=type(exc).__name__)
            return StepOutcome.FAILED
        if is_done and enqueues:
            metrics.JOBS_ENQUEUED.labels(NOTIFY).inc()
            self._deps.job_queue.tell(JobsEnqueued(NOTIFY))
        elif is_done:
            metrics.DELIVERIES.labels(change.channel or "none", change.state).inc()
        return StepOutcome.DONE if is_done else StepOutcome.LOST

    def _enqueue(self, change: DeliveryChange) -> Future[bool]:
        context = current_context()
        request_id = context.request_id if context else ""
        job = build_notify_job(change.delivery_id, self._session_key, request_id, change.changed_at)
        return self._deps.store.write(notifications.enqueue_notification, change, job)


R = TypeVar("R")

# Webhooks and chats of one session at a few nodes lose against each other two or three times in a row.
_TRIES = 10


async def decide_anew_if_fenced(act: Callable[[], Awaitable[R]]) -> R:
    """Run a turn; repeat it on newly loaded state when another node has committed to the session.

    Raises:
        FencedError: all tries were fenced.
    """
    for _ in range(_TRIES - 1):
        with contextlib.suppress(FencedError):
            return await act()
    return await act()
