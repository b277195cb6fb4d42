"""The `followup` job: sends a person's own words to their wearable as one notification, at most once.

Not here: notified answers (notify.py), rows and the hour's budget (store/people/followups.py). Threads: the event loop;
the store is awaited.
"""

import math

from omi_actors.domain.answers.delivery import Event
from omi_actors.domain.answers.notifications import FOLLOWUP_PREFIX
from omi_actors.domain.sessions.keys import wearable_key
from omi_actors.domain.work.jobs import ClaimedJob, NewJob, PayloadForm
from omi_actors.ids import new_id
from omi_actors.instruments import metrics
from omi_actors.jobs.kinds import JobDeps, stored
from omi_actors.jobs.notify import KIND as NOTIFY
from omi_actors.jobs.notify import find_limits, judge_attempt, send_text
from omi_actors.store.people import followups

KIND = "followup"
# The status of a follow-up's row after an attempt. A queued one waits for the next attempt.
_STATUSES = {Event.ACCEPTED: "sent", Event.REFUSED: "error", Event.UNREACHABLE: "queued", Event.UNCLEAR: "unknown"}
# Attempts. A retry follows only an attempt that certainly sent nothing.
_MAX_ATTEMPTS = 3


def build_followup_job(followup_id: str, uid: str, request_id: str, now_s: float) -> NewJob:
    """Return the job that sends this follow-up. It shares the lane of the wearable's notified answers."""
    return NewJob(
        job_id=new_id(),
        kind=KIND,
        lane=f"{NOTIFY}:{wearable_key(uid)}",
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
        error = await send_text(uid, begun.text, deps, failed="followup_failed")
        event, reason, may_retry = judge_attempt(job, error)
        status = _STATUSES[event]
        await stored(
            lambda: deps.store.write(
                followups.end_followup,
                job_id=job.job_id,
                token=job.token,
                followup_id=followup_id,
                status=status,
                error=reason,
                is_over=not may_retry,
            ),
            deps,
        )
        metrics.NOTIFICATIONS.labels(reason or status).inc()
        if error is not None and may_retry:
            raise error

    def build_failure(self, job: ClaimedJob, error: BaseException, deps: JobDeps) -> None:
        """Return None: the row says how it ended."""

    def longest_wait_s(self, job: ClaimedJob, deps: JobDeps) -> float:  # noqa: ARG002 (the protocol's)
        """Return infinity: `run` checks the age."""
        return math.inf
