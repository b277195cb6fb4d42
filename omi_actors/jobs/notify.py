"""The `notify` job: sends one answer that no reply could carry as one notification by Omi's API.

Sent at most once: the intent is committed first, and an attempt without a clear result is never repeated.
Not here: the decision to notify (domain/answers/delivery.py), rows and the hour's budget (store/notifications.py), HTTP
(clients/omi_api.py). Threads: the event loop; the store is awaited.
"""

import math

from omi_actors.domain.answers.delivery import Event, Phase, state_after
from omi_actors.domain.answers.notifications import (
    KEY_PREFIX,
    NotificationEnd,
    NotificationLimits,
    Notified,
    NotifyTime,
    decide_notify_time,
    format_message,
)
from omi_actors.domain.work.jobs import ClaimedJob, NewJob, PayloadForm
from omi_actors.errors import CircuitOpenError, UpstreamError, UpstreamRejectedError, UpstreamUnavailableError
from omi_actors.ids import new_id
from omi_actors.instruments import metrics
from omi_actors.instruments.logs import get_logger
from omi_actors.jobs.kinds import JobDeps, stored
from omi_actors.store import notifications

_log = get_logger(__name__)

KIND = "notify"
# Attempts. A retry follows only an attempt that certainly sent nothing: the address refused the connection.
_MAX_ATTEMPTS = 3


def build_notify_job(delivery_id: str, session_key: str, request_id: str, now_s: float) -> NewJob:
    """Return the job that sends this delivery as a notification. A delivery never gets a second one."""
    return NewJob(
        job_id=new_id(),
        kind=KIND,
        lane=f"{KIND}:{session_key}",
        idempotency_key=f"{KEY_PREFIX}{delivery_id}",
        payload={"session_key": session_key, "delivery_id": delivery_id},
        created_at=now_s,
        run_at=now_s,
        priority=20,
        max_attempts=_MAX_ATTEMPTS,
        request_id=request_id,
    )


class NotifyJob:
    """Sends one notification. After a failure the answer waits for the wearer's next webhook."""

    name = KIND
    form = PayloadForm(1, frozenset({"session_key", "delivery_id"}))

    async def run(self, job: ClaimedJob, deps: JobDeps) -> Notified:
        """Send the notification, unless another channel has the answer, it expired, or the hour's budget is spent.

        Raises:
            CircuitOpenError: the breaker is open; nothing was sent, and the answer can wait until its pause is over.
            UpstreamUnavailableError: the notification was certainly not sent; another attempt may follow.
            LeaseLostError: another worker has this job by now.
            StoreError: the store failed.
        """
        delivery_id = job.payload["delivery_id"]
        begun = await deps.store.write(
            notifications.begin_notification,
            job_id=job.job_id,
            token=job.token,
            delivery_id=delivery_id,
            limits=find_limits(job, deps),
        )
        if begun.text is None or deps.notifier is None:
            _count(begun.state, begun.reason or begun.state, deps.clock.now_s())
            return Notified(delivery_id=delivery_id, state=begun.state)
        error = await send_text(begun.uid, begun.text, deps, failed="notification_failed")
        end = _build_end(job, delivery_id, error)
        await stored(lambda: deps.store.write(notifications.end_notification, end), deps)
        _count(end.state, end.error or end.state, deps.clock.now_s())
        if not end.is_over and error is not None:
            raise error
        return Notified(delivery_id=delivery_id, state=end.state)

    def build_failure(self, job: ClaimedJob, error: BaseException, deps: JobDeps) -> None:
        """Return None: a dead job stores no failure, and the answer waits for the wearer's next webhook."""

    def longest_wait_s(self, job: ClaimedJob, deps: JobDeps) -> float:  # noqa: ARG002 (the protocol's)
        """Return infinity: a retry may be delayed without limit, since `run` checks whether the answer has expired."""
        return math.inf


def find_limits(job: ClaimedJob, deps: JobDeps) -> NotificationLimits:
    """Return the limits of the notification.

    Raises:
        CircuitOpenError: the notification waits until the breaker's pause is over.
    """
    notifier, expires_s = deps.notifier, deps.answer_expires_s
    if notifier is None:
        return NotificationLimits(expires_s=expires_s, per_hour=0)
    pause_s = notifier.circuit.wait_s
    time = decide_notify_time(deps.clock.now_s() - job.created_at, pause_s)
    if time is NotifyTime.LATER:
        raise CircuitOpenError("Omi's API failed several times; the notification waits", retry_after_s=pause_s)
    return NotificationLimits(expires_s=expires_s, per_hour=notifier.per_hour, is_set_aside=time is NotifyTime.TOO_LATE)


async def send_text(uid: str, text: str, deps: JobDeps, *, failed: str) -> UpstreamError | None:
    """Call Omi's API once. Return its failure, which is logged as the event `failed`; None: the text is sent."""
    assert deps.notifier is not None  # noqa: S101 (run checked it)
    try:
        await deps.notifier.notify(uid, format_message(text))
    except UpstreamError as error:
        _log.warning(failed, error=type(error).__name__, reason=str(error))
        return error
    return None


def judge_attempt(job: ClaimedJob, error: UpstreamError | None) -> tuple[Event, str, bool]:
    """Return the event that ends an attempt, the reason in a word, and whether another attempt may follow.

    After an unclear result nothing is sent again.
    """
    may_retry = isinstance(error, CircuitOpenError) or (
        isinstance(error, UpstreamUnavailableError) and job.attempt < job.max_attempts
    )
    match error:
        case None:
            return Event.ACCEPTED, "", may_retry
        case UpstreamRejectedError():
            return Event.REFUSED, error.code, may_retry
        case UpstreamUnavailableError():
            return (Event.UNREACHABLE if may_retry else Event.REFUSED), "unreachable", may_retry
        case _:
            return Event.UNCLEAR, "unclear", may_retry


def _build_end(job: ClaimedJob, delivery_id: str, error: UpstreamError | None) -> NotificationEnd:
    event, word, may_retry = judge_attempt(job, error)
    state = state_after(Phase.NOTIFYING, event).value
    return NotificationEnd(
        job_id=job.job_id, token=job.token, delivery_id=delivery_id, state=state, error=word, is_over=not may_retry
    )


def _count(state: str, outcome: str, now_s: float) -> None:
    metrics.NOTIFICATIONS.labels(outcome).inc()
    metrics.NOTIFICATION_LAST.labels(outcome).set(now_s)
    # A delivery that another channel took is counted by that channel.
    if outcome != "taken" and state in ("sent", "unknown", "kept"):
        metrics.DELIVERIES.labels(KIND, state).inc()
