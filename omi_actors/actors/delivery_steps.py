"""The steps of deliveries, as a session takes them: each is made durable, counted, and never taken twice.

Part of the session actor: called in its turns only. Not here: which step comes next (domain/answers/delivery.py,
actors/session/answers.py), rows (store/). Threads: the event loop.
"""

from omi_actors.actors.queue.messages import JobsEnqueued
from omi_actors.actors.session_deps import SessionDeps
from omi_actors.domain.answers.delivery import UNSAID, Channel, State
from omi_actors.domain.sessions.records import DeliveryChange
from omi_actors.errors import OmiError
from omi_actors.instruments import metrics
from omi_actors.instruments.logs import current_context, get_logger
from omi_actors.jobs.notify import build_notify_job
from omi_actors.kit.loop_actor import LoopActor

_log = get_logger(__name__)


class DeliverySteps:
    """See the module."""

    __slots__ = ("_actor", "_deps", "_session_key")

    def __init__(self, actor: LoopActor, deps: SessionDeps, session_key: str) -> None:
        self._actor = actor
        self._deps = deps
        self._session_key = session_key

    async def take(self, delivery_id: str, before: State, after: State, channel: Channel) -> bool | None:
        """Take one step of a delivery; False when somebody else took it, None when the store failed."""
        try:
            is_taken = await self._deps.store.change_delivery(self._build(delivery_id, before, after, channel))
        except OmiError as exc:
            _log.warning("delivery_step_not_stored", delivery=delivery_id, state=after, error=type(exc).__name__)
            return None
        if is_taken:
            metrics.DELIVERIES.labels(channel or "none", after).inc()
        return is_taken

    async def notify(self, delivery_id: str) -> bool | None:
        """Leave an answer to a job that notifies; choosing that and enqueueing the job are one transaction.

        False when the answer has gone another way, None when the store failed.
        """
        now_s = self._actor.runtime.clock.now_s()
        context = current_context()
        job = build_notify_job(delivery_id, self._session_key, context.request_id if context else "", now_s)
        step = self._build(delivery_id, State.PENDING, State.PENDING, Channel.NOTIFY)
        try:
            is_chosen = await self._deps.store.enqueue_notification(step, job)
        except OmiError as exc:
            _log.warning("notification_not_enqueued", delivery=delivery_id, error=type(exc).__name__)
            return None
        if is_chosen:
            metrics.JOBS_ENQUEUED.labels(job.kind).inc()
            self._deps.job_queue.tell(JobsEnqueued(job.kind))
        return is_chosen

    def _build(self, delivery_id: str, before: State, after: State, channel: Channel) -> DeliveryChange:
        may_be_either = after is State.SENDING and before in UNSAID
        others = [state.value for state in UNSAID if state is not before] if may_be_either else ()
        return DeliveryChange(
            delivery_id=delivery_id,
            from_states=(before.value, *others),
            state=after.value,
            channel=channel.value,
            changed_at=self._actor.runtime.clock.now_s(),
        )
