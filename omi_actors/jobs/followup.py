"""The `followup` job: sends a person's own words to their wearable as one notification, at most once.

Not here: notified answers (notify.py), rows and the hour's budget (store/people/followups.py). Threads: the event loop;
the store is awaited.
"""

import math

from omi_actors.domain.answers.notifications import FOLLOWUP_PREFIX, format_message
from omi_actors.domain.work.jobs import ClaimedJob, NewJob, PayloadForm
from omi_actors.errors import CircuitOpenError, UpstreamError, UpstreamRejectedError, UpstreamUnavailableError
from omi_actors.ids import new_id
from omi_actors.instruments import metrics
from omi_actors.instruments.logs import get_logger
from omi_actors.jobs.kinds import JobDeps, stored
from omi_actors.jobs.notify import find_limits
from omi_actors.store.people import followups

_log = get_logger(__name__)

KIND = "followup"
# Attempts. A retry follows only an attempt that certainly sent nothing.
_MAX_ATTEMPTS = 3


def build_followup_job(followup_id: str, uid: str, request_id: str, now_s: float) -> NewJob:
    """Return the job that sends this follow-up. It shares the lane of the wearable's notified answers."""
    return NewJob(
        job_id=new_id(),
        kind=KIND,
        lane=f"notify:omi:{uid}",
        idempotency_key=f"{FOLLOWUP_PREFIX}{followup_id}",
        payload={"followup_id": followup_id, "uid": uid},
        created_at=now_s,
        run_at=now_s,
        priority=20,
        max_attempts=_MAX_ATTEMPTS,
        request_id=request_id,
    )


class FollowupJob:
    """Sends one follow-up. Its text stands in its row only, and goes with the person."""

    name = KIND
    form = PayloadForm(1, frozenset({"followup_id", "uid"}))

    async def run(self, job: ClaimedJob, deps: JobDeps) -> None:
        """Send it, unless the wearable is unlinked, the follow-up is too old, or the hour's budget is spent.

        Raises:
            CircuitOpenError: the breaker is open; nothing was sent. UpstreamUnavailableError: the same; another attempt
            may follow. LeaseLostError: another worker has this job by now. StoreError: the store failed.
        """
        followup_id, uid = job.payload["followup_id"], job.payload["uid"]
        begun = await deps.store.write(
            followups.begin_followup,
            job_id=job.job_id,
            token=job.token,
            followup_id=followup_id,
            uid=uid,
            limits=find_limits(job, deps),
        )
        if begun.text is None or deps.notifier is None:
            metrics.NOTIFICATIONS.labels(begun.reason).inc()
            return
        error = await _send(uid, begun.text, deps)
        status, reason, is_over = _end_of(error, job)
        await stored(
            lambda: deps.store.write(
                followups.end_followup,
                job_id=job.job_id,
                token=job.token,
                followup_id=followup_id,
                status=status,
                error=reason,
                is_over=is_over,
            ),
            deps,
        )
        metrics.NOTIFICATIONS.labels(reason or status).inc()
        if error is not None and not is_over:
            raise error

    def build_failure(self, job: ClaimedJob, error: BaseException, deps: JobDeps) -> None:
        """Return None: the row says how it ended."""

    def longest_wait_s(self, job: ClaimedJob, deps: JobDeps) -> float:  # noqa: ARG002 (the protocol's)
        """Return infinity: `run` checks the age."""
        return math.inf


async def _send(uid: str, text: str, deps: JobDeps) -> UpstreamError | None:
    assert deps.notifier is not None  # noqa: S101 (run checked it)
    try:
        await deps.notifier.notify(uid, format_message(text))
    except UpstreamError as error:
        _log.warning("followup_failed", error=type(error).__name__, reason=str(error))
        return error
    return None


def _end_of(error: UpstreamError | None, job: ClaimedJob) -> tuple[str, str, bool]:
    """Return status, reason, and whether no other attempt follows. After an unclear result none does."""
    has_more = job.attempt < job.max_attempts
    match error:
        case None:
            return "sent", "", True
        case UpstreamRejectedError():
            return "error", error.code, True
        case CircuitOpenError():
            return "queued", "unreachable", False
        case UpstreamUnavailableError():
            return ("queued" if has_more else "error"), "unreachable", not has_more
        case _:
            return "unknown", "unclear", True
