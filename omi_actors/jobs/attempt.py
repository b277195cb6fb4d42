"""One attempt at a job, from claim to a stored outcome: done, retried, buried or released.

Not here: dispatch (actors/queue/dispatcher.py), the work of a kind (answer.py, notify.py). Threads: the event loop, in
a task.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace

from omi_actors.domain.answers.failures import find_cause
from omi_actors.domain.answers.notifications import Notified
from omi_actors.domain.sessions.records import AnswerDone, Withdrawn
from omi_actors.domain.work.jobs import ClaimedJob, check_payload
from omi_actors.domain.work.retry import Bury, Retry, decide_retry
from omi_actors.errors import LeaseLostError, UnreadableJobError
from omi_actors.instruments import metrics
from omi_actors.instruments.logs import get_logger
from omi_actors.instruments.requests import REQUESTS
from omi_actors.jobs.answer import KIND as ANSWER
from omi_actors.jobs.answer import AnswerJob
from omi_actors.jobs.followup import FollowupJob
from omi_actors.jobs.kinds import JobDeps, JobKind, stored
from omi_actors.jobs.notify import NotifyJob
from omi_actors.kit.errors import ExpectedError
from omi_actors.kit.future import Future
from omi_actors.store import dead_jobs, jobs

_log = get_logger(__name__)

KINDS: Mapping[str, JobKind] = {kind.name: kind for kind in (AnswerJob(), NotifyJob(), FollowupJob())}


# The outcomes of attempts that end a question.
_ENDS = {"done": "answered", "buried": "failed"}


@dataclass(frozen=True, slots=True)
class Attempted:
    """The end of an attempt: done, retried, buried, lease_lost, released, cancelled, or failed (not recorded).

    `result` is stored, and its session must get a message about it. `cause` is why a buried one failed, in one word.
    """

    job: ClaimedJob
    outcome: str
    result: AnswerDone | Notified | Withdrawn | None = None
    cause: str = ""


async def attempt_job(job: ClaimedJob, deps: JobDeps) -> Attempted:
    """Make one attempt. Never raises. If the store cannot record the outcome, the lease expires; the job runs again."""
    started = deps.clock.mono_s()
    REQUESTS.note_job(job.job_id, job.kind, "running", attempt=job.attempt)
    REQUESTS.note(f"{job.kind} begins")
    try:
        ended = await _attempt(job, deps)
    except asyncio.CancelledError:
        ended = await _release(job, deps)
    seconds = deps.clock.mono_s() - started
    REQUESTS.note_job(job.job_id, job.kind, ended.outcome, attempt=job.attempt, seconds=seconds)
    metrics.JOB_SECONDS.labels(job.kind).observe(seconds)
    if seconds >= deps.slow_s:
        ms = round(seconds * 1e3, 1)
        _log.warning("slow job", job=job.job_id, kind=job.kind, ms=ms, **REQUESTS.slow_fields(job.request_id, started))
    metrics.JOB_ATTEMPTS.labels(job.kind, ended.outcome).inc()
    if isinstance(ended.result, Withdrawn):
        metrics.NOT_MEANT.labels("model").inc()
    elif job.kind == ANSWER and ended.outcome in _ENDS:
        metrics.ANSWERS.labels(_ENDS[ended.outcome], ended.cause).inc()
    return ended


async def _attempt(job: ClaimedJob, deps: JobDeps) -> Attempted:
    try:
        check_payload(job, KINDS[job.kind].form)
        return Attempted(job, "done", await KINDS[job.kind].run(job, deps))
    except UnreadableJobError as error:
        return await _bury_unread(job, deps, error)
    except LeaseLostError:
        _log.warning("job_lease_lost", job=job.job_id, kind=job.kind, attempt=job.attempt)
        return Attempted(job, "lease_lost")
    except Exception as error:  # noqa: BLE001 (the marked place: every failure of a job gets an outcome)
        return await _settle_failure(job, deps, error)


async def _release(job: ClaimedJob, deps: JobDeps) -> Attempted:
    """Release the job. If the job was cancelled or another worker has it, there is no lease to release."""
    try:
        await deps.store.write(jobs.release_job, job.job_id, job.token)
    except LeaseLostError:
        return Attempted(job, "cancelled")
    except ExpectedError as exc:
        return _note_unrecorded(job, "released", exc)
    return Attempted(job, "released")


async def _settle_failure(job: ClaimedJob, deps: JobDeps, error: Exception) -> Attempted:
    wait_s = KINDS[job.kind].longest_wait_s(job, deps)
    decision = decide_retry(error, attempt=job.attempt, max_attempts=job.max_attempts, rng=deps.rng, wait_s=wait_s)
    is_expected = isinstance(error, ExpectedError)
    _log.warning(
        "job_attempt_failed",
        job=job.job_id,
        kind=job.kind,
        attempt=job.attempt,
        error=type(error).__name__,
        reason=str(error) if is_expected else None,
        exc_info=None if is_expected else error,
        retry_in_s=round(decision.delay_s, 3) if isinstance(decision, Retry) else None,
    )
    match decision:
        case Retry():
            return await _retry(job, deps, error, decision)
        case Bury():
            failure = KINDS[job.kind].build_failure(job, error, deps)
            return replace(await _bury(job, deps, type(error).__name__, failure), cause=find_cause(error))


async def _bury_unread(job: ClaimedJob, deps: JobDeps, error: UnreadableJobError) -> Attempted:
    """Bury a job with a payload that cannot be read. The store writes the failure for its wearer."""
    _log.error("job_unreadable", job=job.job_id, kind=job.kind, reason=str(error))
    return await _bury(job, deps, str(error), failure=None)


async def _retry(job: ClaimedJob, deps: JobDeps, error: Exception, retry: Retry) -> Attempted:
    run_at, name = deps.clock.now_s() + retry.delay_s, type(error).__name__

    def write() -> Future[None]:
        return deps.store.write(
            jobs.retry_job, job.job_id, job.token, run_at=run_at, error=name, is_counted=retry.is_counted
        )

    try:
        await stored(write, deps)
    except ExpectedError as exc:
        return _note_unrecorded(job, "retried", exc)
    return Attempted(job, "retried")


async def _bury(job: ClaimedJob, deps: JobDeps, error: str, failure: AnswerDone | None) -> Attempted:
    def write() -> Future[None]:
        return deps.store.write(dead_jobs.bury_job, job.job_id, job.token, error=error, failure=failure)

    try:
        await stored(write, deps)
    except ExpectedError as exc:
        return _note_unrecorded(job, "buried", exc)
    return Attempted(job, "buried", failure, cause="unreadable_job")


def _note_unrecorded(job: ClaimedJob, outcome: str, error: ExpectedError) -> Attempted:
    """Log that the store could not record the outcome. The lease then expires, and the queue takes the job back."""
    _log.warning("job_outcome_not_stored", job=job.job_id, outcome=outcome, error=type(error).__name__)
    return Attempted(job, "failed")
