"""The workers: attempts at jobs, each in a task of its own, and the heartbeat that keeps their leases.

State it owns: the running tasks by lease token. Messages it takes: RunJob, AttemptEnded, HeartbeatTick, LeasesRenewed,
CancelJob, Drain. It sends: JobFinished to the queue; AnswerReady, AnswerNotified and AnswerGrew to sessions; of an
answer that no reply waits for here it tells the other nodes. What kills it: an unexpected error. What survives a
restart: every job; attempts under way are cancelled and handed back.
Not here: an attempt's course (jobs/attempt.py), dispatch (dispatcher.py). Threads: the event loop.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from omi_actors.actors.queue.messages import (
    AttemptEnded,
    CancelAttempts,
    CancelJob,
    Drain,
    HeartbeatTick,
    JobFinished,
    LeasesRenewed,
    RunJob,
    WorkersReady,
)
from omi_actors.actors.session.messages import AnswerGrew, AnswerNotified, AnswerReady
from omi_actors.domain.answers.delivery_records import DeliveryState
from omi_actors.domain.answers.notifications import Notified
from omi_actors.domain.sessions.records import AnswerDone
from omi_actors.domain.work.jobs import ClaimedJob
from omi_actors.errors import OmiError
from omi_actors.instruments.logs import LogContext, bound_context, get_logger
from omi_actors.jobs.attempt import Attempted, attempt_job
from omi_actors.jobs.kinds import JobDeps
from omi_actors.kit.future import Future
from omi_actors.kit.handle import Handle
from omi_actors.kit.loop_actor import LoopActor

# Seconds that a session may take for a piece; one that is slower gets the whole answer only.
_TIMEOUT_S = 5.0


class AnswerStream:
    """Sends one attempt's pieces, in order, one message at a time: what comes meanwhile goes together in the next.

    When a piece is not taken, none is sent after it: who listens still gets the whole answer at its end.
    """

    def __init__(self, sessions: Handle, session_key: str, job_id: str) -> None:
        self._sessions = sessions
        self._session_key = session_key
        self._job_id = job_id
        self._waiting = ""
        self._is_first = True
        self._is_sending = False
        self._is_over = False

    def add(self, text: str) -> None:
        """Take a piece; an empty one voids all before it."""
        if not text:
            self._waiting, self._is_first = "", True
        elif not self._is_over:
            self._waiting += text
            self._send()

    def _send(self) -> None:
        if self._is_sending or not self._waiting:
            return
        piece = AnswerGrew(self._session_key, self._job_id, self._waiting, self._is_first)
        self._waiting, self._is_first, self._is_sending = "", False, True
        self._sessions.ask(piece, timeout_s=_TIMEOUT_S).add_done_callback(self._sent)

    def _sent(self, taken: Future[bool]) -> None:
        self._is_sending = False
        try:
            self._is_over = not taken.result()
        except OmiError:
            self._is_over = True
        if not self._is_over:
            self._send()


_log = get_logger(__name__)


class Workers(LoopActor):
    """See the module."""

    def __init__(
        self, deps: JobDeps, queue: Handle, sessions: Handle, *, lease_s: float, tell_others: Callable[[str], None]
    ) -> None:
        super().__init__()
        self._deps = deps
        self._queue = queue
        self._sessions = sessions
        self._lease_s = lease_s
        self._tell_others = tell_others
        self._tasks: dict[str, asyncio.Task[Attempted]] = {}
        self._drained: list[Future[None]] = []

    def on_start(self) -> None:
        """Begin to keep leases, three heartbeats to a lease, so that one may be lost; and get the model ready."""
        self.timers.every(self._lease_s / 3, HeartbeatTick())
        self._loading = asyncio.get_running_loop().create_task(self._load())

    def receive(self, message: object) -> object:
        """Take one message; see the module."""
        match message:
            case RunJob(job):
                self._start(job)
            case AttemptEnded():
                self._note_ended(message)
            case HeartbeatTick():
                self._heartbeat()
            case LeasesRenewed():
                self._abandon(message.asked - message.held)
            case CancelJob(job_id):
                self._cancel(job_id)
            case Drain(grace_s):
                self._drain(grace_s)
            case CancelAttempts():
                self._cancel_all()
            case _:
                return super().receive(message)
        return None

    def on_stop(self) -> None:
        """Cancel what still runs; each attempt hands its job back."""
        self._loading.cancel()
        self._cancel_all()

    def on_failure(self, *_error: object) -> None:
        """Cancel what still runs: its leases are not renewed any more."""
        self._loading.cancel()
        self._cancel_all()

    async def _load(self) -> None:
        """Ask for work once it can be begun: a lease that runs while a library is imported helps nobody."""
        try:
            await self._deps.model.load()
        except Exception as exc:  # noqa: BLE001 (every job will meet it again, and has an outcome for it)
            _log.error("model_not_loaded", error=type(exc).__name__, exc_info=exc)
        self._queue.tell(WorkersReady())

    def _start(self, job: ClaimedJob) -> None:
        deps = self._deps
        if job.payload.get("is_streamed"):
            deps = replace(deps, on_text=AnswerStream(self._sessions, job.payload["session_key"], job.job_id).add)
        with bound_context(LogContext(job.request_id, job.payload.get("session_key", ""))):
            task = asyncio.get_running_loop().create_task(attempt_job(job, deps), name=job.job_id)
        self._tasks[job.token] = task
        task.add_done_callback(partial(self._report_ended, job))

    def _report_ended(self, job: ClaimedJob, task: asyncio.Task[Attempted]) -> None:
        """Turn an attempt's end into mail, whatever it was: without it the attempt's place is never free again."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            _log.error("attempt_crashed", job=job.job_id, kind=job.kind, error=type(error).__name__, exc_info=error)
        is_whole = error is None and not task.cancelled()
        # Otherwise the lease runs out, and the job is taken back.
        self.handle.tell_always(AttemptEnded(task.result() if is_whole else Attempted(job, "failed")))

    def _note_ended(self, ended: AttemptEnded) -> None:
        job, said = ended.attempted.job, ended.attempted.said
        self._tasks.pop(job.token, None)
        self._queue.tell_always(JobFinished(job.token, job.kind))
        if said is not None:
            self._tell(job, said)
        if not self._tasks:
            self._settle_drained()

    def _tell(self, job: ClaimedJob, said: AnswerDone | Notified) -> None:
        """Tell the session here, and, unless it waits for this, the nodes on one of which it may."""
        self._sessions.tell(_build_fact(job, said))
        if isinstance(said, AnswerDone) and not self._deps.is_awaited(job.job_id):
            self._tell_others(job.job_id)

    def _heartbeat(self) -> None:
        asked = frozenset(self._tasks)
        if asked:
            renewal = self._deps.store.heartbeat_jobs(tuple(asked), lease_s=self._lease_s)
            renewal.add_done_callback(lambda held: self._report_renewal(asked, held))

    def _report_renewal(self, asked: frozenset[str], renewal: Future[frozenset[str]]) -> None:
        """Turn the store's answer into mail. Runs in the writer's thread."""
        try:
            self.handle.tell(LeasesRenewed(asked, renewal.result()))
        except OmiError as exc:
            # The leases still run; the fenced completion decides in the end.
            _log.warning("leases_not_renewed", count=len(asked), error=type(exc).__name__)

    def _abandon(self, lost: frozenset[str]) -> None:
        """Stop attempts whose job is another worker's by now."""
        for token in lost:
            if task := self._tasks.get(token):
                _end_soon(task)

    def _cancel(self, job_id: str) -> None:
        """End the attempt at a job that was called off."""
        for task in self._tasks.values():
            if task.get_name() == job_id:
                _end_soon(task)

    def _drain(self, grace_s: float) -> None:
        reply = self.take_reply()
        if reply is not None:
            self._drained.append(reply)
        if self._tasks:
            self.timers.after(grace_s, CancelAttempts())
        else:
            self._settle_drained()

    def _cancel_all(self) -> None:
        for task in self._tasks.values():
            _end_soon(task)

    def _settle_drained(self) -> None:
        for reply in self._drained:
            reply.try_set(None)
        self._drained.clear()


def _end_soon(task: asyncio.Task[Attempted]) -> None:
    """Cancel an attempt once it has taken its first step: one that was never begun could not hand its job back."""
    asyncio.get_running_loop().call_soon(_end_once, task)


def _end_once(task: asyncio.Task[Attempted]) -> None:
    """Cancel an attempt, unless it is being ended already: a second time would cut the handing back short."""
    if not task.cancelling():
        task.cancel()


def _build_fact(job: ClaimedJob, said: AnswerDone | Notified) -> AnswerReady | AnswerNotified:
    """Return what the session is told of a job that is over."""
    session_key = job.payload["session_key"]
    if isinstance(said, Notified):
        return AnswerNotified(session_key, said.delivery_id, said.state)
    return AnswerReady(
        session_key,
        said.job_id,
        said.delivery.delivery_id,
        said.message.text,
        job.created_at,
        is_failure=said.message.kind == "failure",
        is_sending=said.delivery.state == DeliveryState.SENDING,
    )
