"""The workers: run attempts at jobs, each in a task of its own, and renew their leases by heartbeats.

Not here: the steps of an attempt (jobs/attempt.py), dispatch (dispatcher.py). Threads: the event loop.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from omi_actors.actors.queue.messages import (
    AnswerGrew,
    AnswerNotified,
    AnswerReady,
    AttemptEnded,
    CancelAttempts,
    CancelJob,
    Drain,
    HeartbeatTick,
    JobFinished,
    LeasesRenewed,
    QuestionWithdrawn,
    RunJob,
    SessionMail,
    WorkersReady,
)
from omi_actors.domain.answers.delivery_records import DeliveryState
from omi_actors.domain.answers.notifications import Notified
from omi_actors.domain.sessions.records import AnswerDone, Withdrawn
from omi_actors.domain.work.jobs import ClaimedJob
from omi_actors.instruments.logs import LogContext, bound_context, get_logger
from omi_actors.jobs.attempt import Attempted, attempt_job
from omi_actors.jobs.kinds import JobDeps
from omi_actors.kit.errors import ExpectedError
from omi_actors.kit.future import Future
from omi_actors.kit.handle import Handle
from omi_actors.kit.loop_actor import LoopActor
from omi_actors.store import jobs

_log = get_logger(__name__)

# Seconds that a session may take for a piece of an answer; a slower one gets the whole answer only.
_PIECE_TIMEOUT_S = 5.0
# Seconds after a heartbeat that failed: less than other nodes wait before they take back jobs after an outage.
_RENEW_AGAIN_S = 1.0


class AnswerStream:
    """Sends the pieces of a streamed answer to its session, one message at a time. Pieces that wait are joined.

    If the session refuses a piece, no more are sent. The session still gets the whole answer at the end.
    """

    def __init__(self, sessions: SessionMail, session_key: str, job_id: str) -> None:
        self._sessions = sessions
        self._session_key = session_key
        self._job_id = job_id
        self._waiting = ""
        self._is_first = True
        self._is_sending = False
        self._is_over = False

    def add(self, text: str) -> None:
        """Add a piece. An empty one discards the waiting text and begins the answer again."""
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
        self._sessions.ask(piece, timeout_s=_PIECE_TIMEOUT_S).add_done_callback(self._sent)

    def _sent(self, taken: Future[bool]) -> None:
        self._is_sending = False
        try:
            self._is_over = not taken.result()
        except ExpectedError:
            self._is_over = True
        if not self._is_over:
            self._send()


class Workers(LoopActor):
    """Runs the attempts that the queue sends, and reports each end.

    State it owns: the running tasks by lease token. Messages it takes: RunJob, AttemptEnded, HeartbeatTick,
    LeasesRenewed, CancelJob, CancelAttempts, Drain. Messages it sends: WorkersReady and JobFinished to the queue;
    AnswerReady, QuestionWithdrawn, AnswerNotified and AnswerGrew to sessions; to other nodes a hint at an answer that
    no reply of this node waits for. What kills it: an unexpected error.
    What survives a restart: every job. Attempts under way are cancelled, and each releases its job.
    """

    def __init__(
        self,
        deps: JobDeps,
        queue: Handle,
        sessions: SessionMail,
        *,
        lease_s: float,
        hint_answered: Callable[[str], None],
    ) -> None:
        super().__init__()
        self._deps = deps
        self._queue = queue
        self._sessions = sessions
        self._lease_s = lease_s
        self._hint_answered = hint_answered
        self._tasks: dict[str, asyncio.Task[Attempted]] = {}
        self._drained: list[Future[None]] = []
        self._is_renewal_due = False

    def on_start(self) -> None:
        """Start the heartbeats and load the model."""
        self.timers.after(self._lease_s / 3, HeartbeatTick())
        self._loading = asyncio.get_running_loop().create_task(self._load())

    def receive(self, message: object) -> object:
        """Take one message."""
        match message:
            case RunJob(job):
                self._start(job)
            case AttemptEnded():
                self._note_ended(message)
            case HeartbeatTick():
                self._heartbeat()
            case LeasesRenewed():
                self._note_renewed(message)
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
        """Cancel running attempts; each releases its job."""
        self._loading.cancel()
        self._cancel_all()

    def on_failure(self, *_error: object) -> None:
        """Cancel running attempts: no heartbeat renews their leases any more."""
        self.on_stop()

    async def _load(self) -> None:
        """Load the model, then tell the queue to begin. Otherwise leases would run while a library is imported."""
        try:
            await self._deps.model.load()
        except Exception as exc:  # noqa: BLE001 (every attempt will meet it again and record it)
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
        """Send the end of an attempt to this actor, also after a crash. Without this message its slot stays held."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            _log.error("attempt_crashed", job=job.job_id, kind=job.kind, error=type(error).__name__, exc_info=error)
        is_whole = error is None and not task.cancelled()
        # Of a crash the store knows nothing: the lease expires, and the queue takes the job back.
        self.handle.tell_always(AttemptEnded(task.result() if is_whole else Attempted(job, "failed")))

    def _note_ended(self, ended: AttemptEnded) -> None:
        job, result = ended.attempted.job, ended.attempted.result
        self._tasks.pop(job.token, None)
        self._queue.tell_always(JobFinished(job.token, job.kind))
        if result is not None:
            self._send_result(job, result)
        if not self._tasks:
            self._settle_drained()

    def _send_result(self, job: ClaimedJob, result: AnswerDone | Notified | Withdrawn) -> None:
        """Send the result to the session.

        If no reply on this node waits for the answer, or for its absence, send a hint to the other nodes.
        """
        self._sessions.tell(_build_fact(job, result))
        if isinstance(result, AnswerDone | Withdrawn) and not self._deps.is_awaited(job.job_id):
            self._hint_answered(job.job_id)

    def _heartbeat(self) -> None:
        """Renew the leases of running attempts. The result sets the timer of the next heartbeat."""
        asked = frozenset(self._tasks)
        if not asked:
            self.timers.after(self._lease_s / 3, HeartbeatTick())
            return
        renewal = self._deps.store.write(jobs.heartbeat_jobs, tuple(asked), lease_s=self._lease_s)
        renewal.add_done_callback(lambda held: self._report_renewal(asked, held))

    def _report_renewal(self, asked: frozenset[str], renewal: Future[frozenset[str]]) -> None:
        """Send the heartbeat's result to this actor. Runs in the writer's thread."""
        try:
            renewed = LeasesRenewed(asked, renewal.result())
        except ExpectedError as exc:
            renewed = LeasesRenewed(asked, frozenset(), type(exc).__name__)
        self.handle.tell_always(renewed)

    def _note_renewed(self, renewed: LeasesRenewed) -> None:
        """Cancel attempts that lost their leases, since another worker has these jobs. Set the next heartbeat's timer.

        There are three heartbeats in a lease; after a failed one the next comes soon.
        """
        if renewed.error:
            if not self._is_renewal_due:
                _log.warning("leases_not_renewed", count=len(renewed.asked), error=renewed.error)
            self._is_renewal_due = True
            self.timers.after(_RENEW_AGAIN_S, HeartbeatTick())
            return
        self._is_renewal_due = False
        self.timers.after(self._lease_s / 3, HeartbeatTick())
        for token in renewed.asked - renewed.held:
            if task := self._tasks.get(token):
                _cancel_soon(task)

    def _cancel(self, job_id: str) -> None:
        """Cancel the running attempt at this job, if there is one."""
        for task in self._tasks.values():
            if task.get_name() == job_id:
                _cancel_soon(task)

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
            _cancel_soon(task)

    def _settle_drained(self) -> None:
        for reply in self._drained:
            reply.try_set(None)
        self._drained.clear()


def _cancel_soon(task: asyncio.Task[Attempted]) -> None:
    """Cancel a task soon, after its first step. A task that is cancelled before it begins would not release its job."""
    asyncio.get_running_loop().call_soon(_cancel_once, task)


def _cancel_once(task: asyncio.Task[Attempted]) -> None:
    """Cancel a task once. A second cancellation would interrupt the release of its job."""
    if not task.cancelling():
        task.cancel()


def _build_fact(
    job: ClaimedJob, result: AnswerDone | Notified | Withdrawn
) -> AnswerReady | AnswerNotified | QuestionWithdrawn:
    """Return the message to the session about a finished job."""
    session_key = job.payload["session_key"]
    if isinstance(result, Notified):
        return AnswerNotified(session_key, result.delivery_id, result.state)
    if isinstance(result, Withdrawn):
        return QuestionWithdrawn(session_key, job.job_id)
    return AnswerReady(
        session_key,
        result.job_id,
        result.delivery.delivery_id,
        result.message.text,
        job.created_at,
        is_failure=result.message.kind == "failure",
        is_sending=result.delivery.state == DeliveryState.SENDING,
    )
