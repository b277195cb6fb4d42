"""A session's answers on their way to the wearer: reply slots, answers that are not given yet, their graces.

Part of the session actor: called in its turns only. A step is committed before it is taken; the store decides when
two want to take it, so that an answer goes one way only.
Not here: which way an answer goes (domain/answers/delivery.py), hearing (actor.py). Threads: the event loop.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from omi_actors.actors.queue.messages import AnswerNotified, AnswerReady, JobsEnqueued
from omi_actors.actors.session.commits import SessionDeps
from omi_actors.actors.session.messages import (
    AnswerFound,
    GraceOver,
    Ingested,
    ReplyDeadline,
    ReplySent,
    ReplyUnsettled,
)
from omi_actors.actors.session.slots import ReplySlot, Slot, Slots
from omi_actors.domain.answers.delivery import (
    UNSAID,
    Channel,
    DeliveryChange,
    DeliveryState,
    OpenAnswer,
    Reply,
    Way,
    decide_way,
    format_message,
    is_in_grace,
)
from omi_actors.instruments import metrics
from omi_actors.instruments.logs import current_context, get_logger
from omi_actors.jobs.notify import build_notify_job
from omi_actors.kit.errors import ExpectedError
from omi_actors.kit.future import Future
from omi_actors.kit.loop_actor import LoopActor
from omi_actors.store import answers, notifications

_log = get_logger(__name__)


class DeliverySteps:
    """See the module."""

    __slots__ = ("_actor", "_deps", "_session_key")

    def __init__(self, actor: LoopActor, deps: SessionDeps, session_key: str) -> None:
        self._actor = actor
        self._deps = deps
        self._session_key = session_key

    async def take(
        self, delivery_id: str, before: DeliveryState, after: DeliveryState, channel: Channel
    ) -> bool | None:
        """Take one step of a delivery; False when somebody else took it, None when the store failed."""
        try:
            is_taken = await self._deps.store.write(
                answers.change_delivery, self._build(delivery_id, before, after, channel)
            )
        except ExpectedError as exc:
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
        step = self._build(delivery_id, DeliveryState.PENDING, DeliveryState.PENDING, Channel.NOTIFY)
        try:
            is_chosen = await self._deps.store.write(notifications.enqueue_notification, step, job)
        except ExpectedError as exc:
            _log.warning("notification_not_enqueued", delivery=delivery_id, error=type(exc).__name__)
            return None
        if is_chosen:
            metrics.JOBS_ENQUEUED.labels(job.kind).inc()
            self._deps.job_queue.tell(JobsEnqueued(job.kind))
        return is_chosen

    def _build(self, delivery_id: str, before: DeliveryState, after: DeliveryState, channel: Channel) -> DeliveryChange:
        may_be_either = after is DeliveryState.SENDING and before in UNSAID
        others = [state.value for state in UNSAID if state is not before] if may_be_either else ()
        return DeliveryChange(
            delivery_id=delivery_id,
            from_states=(before.value, *others),
            state=after.value,
            channel=channel.value,
            changed_at=self._actor.runtime.clock.now_s(),
        )


if TYPE_CHECKING:
    from omi_actors.kit.runtime import TimerHandle

AnswerMessage = AnswerReady | AnswerFound | ReplySent | ReplyDeadline | GraceOver | AnswerNotified | ReplyUnsettled

# Seconds after which what became of a reply is recorded again, when the store failed.
_RECORD_AGAIN_S = 5.0
# Sessions of wearables; only these can be reached by Omi's API.
WEARABLE = "omi:"


class SessionAnswers:
    """See the module. Made when a session first has an answer to give: most sessions have none."""

    __slots__ = ("_actor", "_deps", "_graces", "_open", "_rules", "_sending", "_session_key", "_steps", "slots")

    def __init__(self, actor: LoopActor, deps: SessionDeps, session_key: str) -> None:
        self._actor = actor
        self._deps = deps
        self._session_key = session_key
        is_wearable = session_key.startswith(WEARABLE)
        self._rules = deps.delivery_rules if is_wearable else replace(deps.delivery_rules, can_notify=False)
        self.slots = Slots(deps.open_replies)
        # By delivery id, oldest first. While one is being sent, it stands here as it was before.
        self._open: dict[str, OpenAnswer] = {}
        self._sending: dict[str, Channel] = {}
        self._graces: dict[str, TimerHandle] = {}
        self._steps = DeliverySteps(actor, deps, session_key)

    @property
    def is_waiting(self) -> bool:
        """Whether a webhook, a grace or a reply's end would be lost if the session left memory."""
        return bool(self.slots or self._graces or self._sending)

    async def receive(self, message: AnswerMessage) -> None:
        """Take one message that is about answers."""
        match message:
            case AnswerReady():
                await self._give(message)
            case AnswerFound(answer=answer):
                await self._take_found(answer)
            case ReplySent():
                await self._record_reply(message)
            case ReplyDeadline(job_id):
                await self._stop_waiting(job_id)
            case GraceOver(delivery_id):
                await self._end_grace(delivery_id)
            case AnswerNotified():
                self._note_notified(message)
            case ReplyUnsettled(answer=answer):
                await self._clear_up(answer)
            case _:
                assert_never(message)

    def take_over(self, answers: tuple[OpenAnswer, ...]) -> None:
        """Know what the store knows. An answer whose webhook waits here is about to be told of."""
        known = {delivery_id: self._open[delivery_id] for delivery_id in self._sending if delivery_id in self._open}
        loaded = {one.delivery_id: one for one in answers if one.job_id not in self.slots}
        self._open = loaded | known
        for answer in loaded.values():
            if answer.delivery_id not in known and is_in_grace(answer):
                self._start_grace(answer)

    # --- who asked

    def open_slot(self, job_id: str, reply: Future[Ingested], received_at: float) -> None:
        """Keep a webhook's reply open for the answer of this job, until the deadline from its receipt (UTC seconds).

        What it waited for its turn counts: who sent it does not wait longer for that.
        """
        deadline_s = self._deps.reply_deadline_s
        waited_s = min(max(0.0, self._actor.runtime.clock.now_s() - received_at), deadline_s)
        timer = self._actor.timers.after(deadline_s - waited_s, ReplyDeadline(job_id))
        self.slots.add(job_id, ReplySlot(reply, timer, self._actor.runtime.clock.mono_s()))

    async def _give(self, ready: AnswerReady) -> None:
        """Give an answer by the way that is open. It may be told of more than once."""
        slot = self.slots.take(ready.job_id)
        answer = self._open.get(ready.delivery_id)
        is_sending = ready.is_sending and answer is None
        if answer is None:
            answer = OpenAnswer(
                delivery_id=ready.delivery_id,
                job_id=ready.job_id,
                text=ready.text,
                state=DeliveryState.PENDING,
                channel=Channel.NONE,
                asked_at=ready.asked_at,
                kind="failure" if ready.is_failure else "answer",
            )
            self._open[answer.delivery_id] = answer
        if is_sending:
            self._sending[answer.delivery_id] = Channel.INLINE
            metrics.DELIVERIES.labels(Channel.INLINE, DeliveryState.SENDING).inc()
        if slot is None:
            await (self._take_back(Ingested(None, answer.delivery_id)) if is_sending else self._go_on(answer))
            return
        own = Ingested(format_message(answer.text), answer.delivery_id)
        said = own if is_sending else await self._send(answer, slot.kind)
        if said.message is not None:
            metrics.ANSWER_SECONDS.observe(self._actor.runtime.clock.mono_s() - slot.opened_mono_s)
        await self._settle(slot, said)

    async def _take_found(self, answer: OpenAnswer) -> None:
        """Give an answer that another node has stored to the reply that waits for it here.

        Given there, it is not given again: a webhook is let go, while a chat may read what has been said.
        """
        slot = self.slots.find(answer.job_id)
        if slot is None or answer.delivery_id in self._sending:
            return
        if answer.state in UNSAID:
            await self._give(AnswerReady.of(self._session_key, answer))
        elif slot.kind is Reply.CHAT:
            self.slots.take(answer.job_id)
            slot.try_settle(Ingested(answer.text, is_failure=answer.kind == "failure"))
        elif answer.state == DeliveryState.SENT:
            await self._stop_waiting(answer.job_id)

    async def _stop_waiting(self, job_id: str) -> None:
        """Answer the webhook without its answer, which goes another way when it is there."""
        slot = self.slots.take(job_id)
        if slot is not None:
            await self._settle(slot, await self.carry())

    async def settle(self, reply: Future[Ingested] | None, said: Ingested) -> None:
        """Reply to a webhook in which nothing was asked."""
        if reply is None or not reply.try_set(said):
            await self._take_back(said)

    async def _settle(self, slot: Slot, said: Ingested) -> None:
        if not slot.try_settle(said):
            await self._take_back(said)

    async def _take_back(self, said: Ingested) -> None:
        """Let an answer go on by another way: nobody waits any more for the reply that it is in."""
        if said.delivery_id is not None:
            await self._record_reply(ReplySent(self._session_key, said.delivery_id, reached=False))

    # --- later webhooks

    async def carry(self) -> Ingested:
        """Return the reply for a webhook that is answered now: with the oldest answer that waits for one, if any."""
        for answer in tuple(self._open.values()):
            if answer.delivery_id not in self._sending:
                said = await self._send(answer, Reply.NEXT)
                if said.message is not None:
                    return said
        return Ingested()

    async def _record_reply(self, sent: ReplySent) -> None:
        """Record what became of an answer in a reply; one that did not arrive goes on as if never tried."""
        delivery_id = sent.delivery_id
        channel = self._sending.get(delivery_id, Channel.INLINE)
        answer = self._open.get(delivery_id)
        if sent.reached:
            is_recorded = await self._change(delivery_id, DeliveryState.SENDING, DeliveryState.SENT, channel)
        else:
            # Not known here since a crash, it may have been said before: it is never notified.
            back = DeliveryState.KEPT if answer is None else DeliveryState(answer.state)
            is_recorded = await self._change(delivery_id, DeliveryState.SENDING, back, Channel.NONE)
        if is_recorded is None:
            self._sending[delivery_id] = channel
            self._actor.timers.after(_RECORD_AGAIN_S, sent)
            return
        self._sending.pop(delivery_id, None)
        if sent.reached:
            self._drop(delivery_id)
        elif is_recorded and answer is not None:
            self._open[delivery_id] = answer = replace(answer, channel=Channel.NONE)
            await self._go_on(answer)

    async def _clear_up(self, answer: OpenAnswer) -> None:
        """Let go of a reply whose end will never be told: by a crash, or a lost message, nobody knows of it here."""
        if answer.delivery_id in self._sending:
            return
        slot = self.slots.find(answer.job_id)
        if slot is not None and slot.kind is Reply.OWN:
            # Only the news of the answer was lost: the reply that it counts on is still open.
            await self._give(AnswerReady.of(self._session_key, answer, is_sending=True))
        elif await self._change(answer.delivery_id, DeliveryState.SENDING, DeliveryState.UNKNOWN, Channel.NONE):
            self._open[answer.delivery_id] = replace(answer, state=DeliveryState.UNKNOWN, channel=Channel.NONE)

    # --- without a reply

    async def _end_grace(self, delivery_id: str) -> None:
        """No webhook came in time for this answer."""
        self._graces.pop(delivery_id, None)
        answer = self._open.get(delivery_id)
        if answer is not None:
            await self._go_on(answer, is_grace_over=True)

    def _note_notified(self, notified: AnswerNotified) -> None:
        """Know what became of a notification: an answer that it did not bring waits for the next contact."""
        answer = self._open.get(notified.delivery_id)
        if answer is None or notified.delivery_id in self._sending:
            return
        if notified.state in (DeliveryState.KEPT, DeliveryState.UNKNOWN):
            self._open[answer.delivery_id] = replace(answer, state=notified.state, channel=Channel.NONE)
        else:
            self._drop(answer.delivery_id)

    async def _go_on(self, answer: OpenAnswer, *, is_grace_over: bool = False) -> None:
        """Do what is to be done for an answer while no reply is open."""
        if answer.delivery_id in self._sending:
            return
        match self._decide(answer, Reply.NONE, is_grace_over=is_grace_over):
            case Way.NOTIFY:
                await self._notify(answer)
            case Way.KEEP:
                await self._keep(answer)
            case Way.SHOW:
                await self._show(answer)
            case _:
                if is_in_grace(answer):
                    self._start_grace(answer)

    def _decide(self, answer: OpenAnswer, reply: Reply, *, is_grace_over: bool = False) -> Way:
        now_s = self._actor.runtime.clock.now_s()
        return decide_way(answer, reply, self._rules, now_s=now_s, is_grace_over=is_grace_over)

    async def _send(self, answer: OpenAnswer, reply: Reply) -> Ingested:
        """Commit the intent to send an answer in a reply, and return that reply; an empty one if it must not go."""
        way = self._decide(answer, reply)
        if way is Way.SHOW:
            await self._show(answer)
            return Ingested()
        channel = Channel(way.value)
        if not await self._change(answer.delivery_id, DeliveryState(answer.state), DeliveryState.SENDING, channel):
            return Ingested()
        self._end_grace_timer(answer.delivery_id)
        self._sending[answer.delivery_id] = channel
        text = answer.text
        if reply is not Reply.CHAT:
            text = format_message(text, is_repeated=answer.state == DeliveryState.UNKNOWN)
        return Ingested(text, answer.delivery_id, is_failure=answer.kind == "failure")

    async def _notify(self, answer: OpenAnswer) -> None:
        match await self._steps.notify(answer.delivery_id):
            case True:
                self._open[answer.delivery_id] = replace(answer, channel=Channel.NOTIFY)
            case False:
                self._drop(answer.delivery_id)
            case None:
                self._start_grace(answer)

    async def _keep(self, answer: OpenAnswer) -> None:
        if await self._change(answer.delivery_id, DeliveryState.PENDING, DeliveryState.KEPT, Channel.NONE):
            self._open[answer.delivery_id] = replace(answer, state=DeliveryState.KEPT)

    async def _show(self, answer: OpenAnswer) -> None:
        """Let go of an answer that is too old to be spoken; it stands in the transcript."""
        if is_in_grace(answer):
            await self._change(answer.delivery_id, DeliveryState.PENDING, DeliveryState.KEPT, Channel.NONE)
        metrics.DELIVERIES.labels("none", "expired").inc()
        self._drop(answer.delivery_id)

    async def _change(
        self, delivery_id: str, before: DeliveryState, after: DeliveryState, channel: Channel
    ) -> bool | None:
        """Take one step of a delivery; False when somebody else took it, None when the store failed."""
        is_changed = await self._steps.take(delivery_id, before, after, channel)
        if is_changed is False and not self._is_being_notified(delivery_id):
            self._drop(delivery_id)
        return is_changed

    def _is_being_notified(self, delivery_id: str) -> bool:
        """Tell whether a job has this answer, and will say what became of it: perhaps that it is ours again."""
        answer = self._open.get(delivery_id)
        return answer is not None and answer.channel == Channel.NOTIFY

    def _start_grace(self, answer: OpenAnswer) -> None:
        if answer.delivery_id not in self._graces:
            timer = self._actor.timers.after(self._rules.grace_s, GraceOver(answer.delivery_id))
            self._graces[answer.delivery_id] = timer

    def _end_grace_timer(self, delivery_id: str) -> None:
        timer = self._graces.pop(delivery_id, None)
        if timer is not None:
            timer.cancel()

    def _drop(self, delivery_id: str) -> None:
        self._open.pop(delivery_id, None)
        self._end_grace_timer(delivery_id)
