"""A session's answers: open reply slots, and answers that are not sent yet with their graces (waits for a webhook).

Part of the session actor: called in its turns only. It executes the delivery table: commit a step, remember the phase,
do the effect.
Not here: the table (domain/answers/delivery.py), the steps in the store (commits.py). Threads: the event loop.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from omi_actors.actors.queue.messages import AnswerNotified, AnswerReady, QuestionWithdrawn
from omi_actors.actors.session.commits import DeliverySteps, SessionDeps
from omi_actors.actors.session.messages import (
    AnswerFound,
    GraceOver,
    Ingested,
    ReplyDeadline,
    ReplySent,
    ReplyUnsettled,
)
from omi_actors.actors.session.slots import OutgoingAnswer, ReplySlot, Slot, Slots, build_reply
from omi_actors.domain.answers.delivery import (
    FINAL,
    UNSENT,
    Effect,
    Event,
    Phase,
    StepOutcome,
    build_change,
    choose_event,
    decide_grace_s,
    find_transition,
    phase_after_job,
    phase_of,
    resolve,
    state_of,
)
from omi_actors.domain.answers.delivery_records import Channel, DeliveryState, OpenAnswer
from omi_actors.domain.answers.notifications import format_message
from omi_actors.domain.hearing.state import Question
from omi_actors.domain.sessions.keys import wearable_in
from omi_actors.domain.work.jobs import NewJob
from omi_actors.instruments import metrics
from omi_actors.instruments.latencies import ANSWER, RECORDERS
from omi_actors.instruments.requests import REQUESTS
from omi_actors.kit.errors import ExpectedError
from omi_actors.kit.future import Future
from omi_actors.kit.loop_actor import LoopActor
from omi_actors.store.notifications import count_spent

if TYPE_CHECKING:
    from omi_actors.kit.runtime import TimerHandle

AnswerMessage = (
    AnswerReady
    | AnswerFound
    | ReplySent
    | ReplyDeadline
    | GraceOver
    | AnswerNotified
    | ReplyUnsettled
    | QuestionWithdrawn
)

# Seconds until a reply's end is recorded again, when the store failed.
_RECORD_AGAIN_S = 5.0
# Seconds after which the end of a reply is not waited for: the node that held it is gone, or its word was lost. This
# node's own replies end at once, when they are written or their connections close.
_END_LOST_S = 10.0


class SessionAnswers:
    """Answers of one session, and their execution of the delivery table.

    It is made when the session first has an answer to give; most sessions have none.

        answers.open_slot(job_id, reply, received_at)     # a webhook waits for the answer of this job
        await answers.receive(AnswerReady(...))           # the answer goes into that reply, after its step's commit
        await answers.receive(ReplySent(key, delivery_id, reached=True))
    """

    __slots__ = (
        "_actor",
        "_deps",
        "_ended_by",
        "_graces",
        "_heard_at",
        "_is_silent",
        "_open",
        "_rules",
        "_sending",
        "_session_key",
        "_steps",
        "slots",
    )

    def __init__(
        self,
        actor: LoopActor,
        deps: SessionDeps,
        session_key: str,
        is_silent: Callable[[], bool] = bool,
        heard_at: Callable[[], float] = float,
    ) -> None:
        """Make a session's answers. `is_silent`: its person wants to hear nothing now; `heard_at`: the latest words."""
        self._actor = actor
        self._is_silent = is_silent
        self._heard_at = heard_at
        self._deps = deps
        self._session_key = session_key
        # Omi's API reaches only wearables.
        is_wearable = wearable_in(session_key) is not None
        self._rules = deps.delivery_rules if is_wearable else replace(deps.delivery_rules, can_notify=False)
        self.slots = Slots(deps.open_replies)
        # By delivery id, oldest first. While one is in a reply, it stands here as it was before.
        self._open: dict[str, OpenAnswer] = {}
        # The channels of the replies that answers are in, and since when (monotonic seconds).
        self._sending: dict[str, tuple[Channel, float]] = {}
        self._graces: dict[str, TimerHandle] = {}
        # The signs that ended the questions, by job id, until their answers have left. A restart forgets them.
        self._ended_by: dict[str, str] = {}
        self._steps = DeliverySteps(deps, session_key)

    @property
    def is_waiting(self) -> bool:
        """Return True if an open reply, a grace or the end of a reply would be lost when the session leaves memory."""
        return bool(self.slots or self._graces or self._sending)

    async def receive(self, message: AnswerMessage) -> None:
        """Handle one message about answers."""
        match message:
            case AnswerReady():
                await self._give(message)
            case AnswerFound(answer=answer):
                await self._take_found(answer)
            case ReplySent():
                await self._record_reply(message)
            case ReplyDeadline(job_id) | QuestionWithdrawn(job_id=job_id):
                await self._stop_waiting(job_id)
            case GraceOver(delivery_id):
                self._graces.pop(delivery_id, None)
                await self._go_on(delivery_id, is_grace_over=True)
            case AnswerNotified():
                self._note_notified(message)
            case ReplyUnsettled(answer=answer):
                await self._settle_missing_end(answer)
            case _:
                assert_never(message)

    def take_over(self, answers: Iterable[OpenAnswer]) -> None:
        """Take over the stored answers, but not those in replies, nor those with an open slot: they come by message."""
        known = {delivery_id: self._open[delivery_id] for delivery_id in self._sending if delivery_id in self._open}
        loaded = {one.delivery_id: one for one in answers if one.job_id not in self.slots}
        self._open = loaded | known
        for delivery_id, answer in loaded.items():
            if delivery_id not in known and phase_of(answer) is Phase.PENDING:
                self._start_grace(delivery_id, self._rules.grace_s)

    def forget(self) -> None:
        """End all open replies and graces without an answer, since the session is no longer in the store."""
        for timer in self._graces.values():
            timer.cancel()
        for slot in self.slots.take_all():
            slot.close()

    def note_asked(self, questions: Sequence[Question], jobs: Sequence[NewJob]) -> None:
        """Count these questions, and remember the signs that ended them, for the time to their answers."""
        metrics.QUESTIONS.inc(len(jobs))
        metrics.JOBS_ENQUEUED.labels(jobs[0].kind).inc(len(jobs))
        self._ended_by.update((job.job_id, one.ended_by) for one, job in zip(questions, jobs, strict=True))

    # --- replies that wait for their own answer

    def open_slot(self, job_id: str, reply: Future[Ingested], received_at: float) -> None:
        """Keep a webhook's reply open for the answer of this job until the reply deadline.

        The deadline counts from `received_at` (UTC seconds), since the sender has waited from then on.
        """
        deadline_s = self._deps.reply_deadline_s
        waited_s = min(max(0.0, self._actor.runtime.clock.now_s() - received_at), deadline_s)
        timer = self._actor.timers.after(deadline_s - waited_s, ReplyDeadline(job_id))
        self.slots.add(job_id, ReplySlot(reply, timer, self._actor.runtime.clock.mono_s()))

    async def _give(self, ready: AnswerReady) -> None:
        """Send an answer in its reply slot, or choose another channel. The same answer may come twice."""
        slot = self.slots.take(ready.job_id)
        answer = self._open.get(ready.delivery_id) or ready.to_open_answer()
        event = Event.INTENT_STORED if ready.is_sending else Event.STORED
        effect = await self._fire(answer.delivery_id, event, reply=Channel.INLINE, answer=answer)
        has_intent = effect is Effect.SEND
        if has_intent:
            metrics.DELIVERIES.labels(Channel.INLINE, DeliveryState.SENDING).inc()
        if slot is not None:
            outgoing = _build_outgoing(answer, slot.channel) if has_intent else await self._send(answer, slot.channel)
            if outgoing is not None:
                seconds = self._actor.runtime.clock.mono_s() - slot.opened_mono_s
                metrics.ANSWER_SECONDS.observe(seconds)
            await self._settle(slot, outgoing)
        elif has_intent:
            await self._take_back(answer.delivery_id)
        else:
            await self._go_on(answer.delivery_id)

    async def _take_found(self, answer: OpenAnswer) -> None:
        """Give an answer that another node has stored to the reply that waits for it on this node.

        If the other node has sent it already, a waiting webhook gets a reply without it; a chat still gets it.
        """
        slot = self.slots.find(answer.job_id)
        if slot is None or answer.delivery_id in self._sending:
            return
        if answer.state in UNSENT:
            await self._give(AnswerReady.of(self._session_key, answer))
        elif slot.channel is Channel.CHAT:
            self.slots.take(answer.job_id)
            slot.try_settle(replace(_build_outgoing(answer, Channel.CHAT), delivery_id=None))
        elif answer.state == DeliveryState.SENT:
            await self._stop_waiting(answer.job_id)

    async def _stop_waiting(self, job_id: str) -> None:
        """Reply to the waiting webhook without its answer. The answer goes over another channel later."""
        slot = self.slots.take(job_id)
        if slot is not None:
            await self._settle(slot, await self.carry())

    async def _settle(self, slot: Slot, outgoing: OutgoingAnswer | None) -> None:
        if not slot.try_settle(outgoing) and outgoing is not None and outgoing.delivery_id is not None:
            await self._take_back(outgoing.delivery_id)

    async def _take_back(self, delivery_id: str) -> None:
        """Record that an answer did not arrive because its reply was closed; another channel is chosen."""
        await self._record_reply(ReplySent(self._session_key, delivery_id, reached=False))

    # --- replies of later webhooks

    async def settle(self, reply: Future[Ingested] | None, outgoing: OutgoingAnswer) -> None:
        """Reply with this answer to a webhook that holds no question."""
        if (reply is None or not reply.try_set(build_reply(outgoing))) and outgoing.delivery_id is not None:
            await self._take_back(outgoing.delivery_id)

    async def carry(self) -> OutgoingAnswer | None:
        """Commit the intent to send the oldest unsent answer in a webhook's reply, and return it; or return None."""
        if self._is_silent():
            return None
        for answer in tuple(self._open.values()):
            if answer.delivery_id not in self._sending:
                outgoing = await self._send(answer, Channel.NEXT_WEBHOOK)
                if outgoing is not None:
                    return outgoing
        return None

    async def _send(self, answer: OpenAnswer, reply: Channel) -> OutgoingAnswer | None:
        """Commit the intent to send an answer in a reply, and return the answer; None if it must not be sent."""
        event = choose_event(answer, reply, self._rules, now_s=self._actor.runtime.clock.now_s())
        effect = await self._fire(answer.delivery_id, event, reply=reply)
        return _build_outgoing(answer, reply) if effect is Effect.SEND else None

    async def _record_reply(self, sent: ReplySent) -> None:
        """Record the end of a reply with an answer. If the answer did not arrive, choose a channel for it again."""
        delivery_id = sent.delivery_id
        reply, since_mono_s = self._sending.get(delivery_id, (Channel.INLINE, math.inf))
        if delivery_id in self._open:
            self._sending[delivery_id] = reply, since_mono_s
        event = Event.REACHED if sent.reached else Event.NOT_REACHED
        if await self._fire(delivery_id, event, reply=reply) is Effect.RECORD_AGAIN:
            self._actor.timers.after(_RECORD_AGAIN_S, sent)

    async def _settle_missing_end(self, answer: OpenAnswer) -> None:
        """Settle an answer in a reply without a recorded end, after a crash or a lost message. It may have arrived."""
        _, since_mono_s = self._sending.get(answer.delivery_id, (Channel.NONE, math.inf))
        if self._actor.runtime.clock.mono_s() - since_mono_s > _END_LOST_S:
            del self._sending[answer.delivery_id]
        slot = self.slots.find(answer.job_id)
        if slot is not None and slot.channel is Channel.INLINE and answer.delivery_id not in self._sending:
            # Only the news of the answer was lost: the reply that it was stored for is still open.
            await self._give(AnswerReady.of(self._session_key, answer, is_sending=True))
        else:
            await self._fire(answer.delivery_id, Event.END_MISSING, answer=answer)

    # --- without a reply

    async def _go_on(self, delivery_id: str, *, is_grace_over: bool = False) -> None:
        """Choose the next event for an unsent answer that no reply is open for, and execute it."""
        answer = self._open.get(delivery_id)
        if answer is not None and delivery_id not in self._sending:
            now_s = self._actor.runtime.clock.now_s()
            event = choose_event(answer, Channel.NONE, self._rules, now_s=now_s, is_grace_over=is_grace_over)
            await self._fire(delivery_id, event)

    def _note_notified(self, notified: AnswerNotified) -> None:
        """Remember the result of a notification job. An answer that did not arrive waits for the next reply."""
        if notified.delivery_id in self._open and notified.delivery_id not in self._sending:
            if notified.state == DeliveryState.SENT:
                self._measure(self._open[notified.delivery_id], Channel.NOTIFY)
            self._enter(notified.delivery_id, phase_after_job(notified.state))

    # --- the table

    async def _fire(
        self, delivery_id: str, event: Event, *, reply: Channel = Channel.NONE, answer: OpenAnswer | None = None
    ) -> Effect:
        """Execute one transition and return its effect. The caller executes the effects SEND and RECORD_AGAIN.

        `reply` is the channel of the reply that is open or was sent. `answer` is given if the session may not have it.
        """
        before = phase_of(self._open.get(delivery_id))
        row = find_transition(Phase.SENDING if delivery_id in self._sending else before, event)
        outcome = StepOutcome.DONE
        if row.step_from:
            change = build_change(row, before, reply, delivery_id, self._actor.runtime.clock.now_s())
            outcome = await self._steps.commit(change, enqueues=row.enqueues)
        after = row.after(outcome)
        if after.to is not Phase.SAME:
            self._enter(delivery_id, resolve(after.to, before), reply, answer)
        if after.effect is Effect.START_GRACE:
            # After a failure of the store the whole grace passes.
            self._start_grace(
                delivery_id, await self._grace_s(delivery_id) if event is Event.NO_REPLY else self._rules.grace_s
            )
        elif after.effect is Effect.CHOOSE:
            await self._go_on(delivery_id)
        return after.effect

    def _enter(
        self, delivery_id: str, phase: Phase, reply: Channel = Channel.NONE, answer: OpenAnswer | None = None
    ) -> None:
        """Remember the phase of a delivery. If the answer is not known here, remember only that it is being sent."""
        known = self._open.get(delivery_id, answer)
        if phase is Phase.SENT and known is not None:
            by_reply, _ = self._sending.get(delivery_id, (Channel.NOTIFY, 0.0))
            REQUESTS.note_delivered(known.job_id, by_reply)
            self._measure(known, by_reply)
        if phase is Phase.SENDING:
            self._end_grace(delivery_id)
            self._sending[delivery_id] = reply, self._actor.runtime.clock.mono_s()
            if known is not None:
                self._open[delivery_id] = known
            return
        self._sending.pop(delivery_id, None)
        if phase in FINAL:
            self._drop(delivery_id, phase)
        elif known is not None:
            channel = Channel.NOTIFY if phase is Phase.CHOSEN else Channel.NONE
            self._open[delivery_id] = replace(known, state=state_of(phase), channel=channel)

    def _drop(self, delivery_id: str, phase: Phase) -> None:
        if phase is Phase.EXPIRED:
            metrics.DELIVERIES.labels("none", "expired").inc()
        dropped = self._open.pop(delivery_id, None)
        if dropped is not None:
            self._ended_by.pop(dropped.job_id, None)
        self._end_grace(delivery_id)

    def _measure(self, answer: OpenAnswer, channel: Channel) -> None:
        """Record the time from the last words of a question to the moment when its answer has left."""
        seconds = max(0.0, self._actor.runtime.clock.now_s() - answer.asked_at)
        ended_by = "typed" if channel is Channel.CHAT else self._ended_by.get(answer.job_id, "unknown")
        metrics.TIME_TO_ANSWER.labels(channel, ended_by).observe(seconds)
        RECORDERS[ANSWER].note(seconds)

    # --- graces

    async def _grace_s(self, delivery_id: str) -> float:
        """Return the seconds of an answer's grace, by the notifications that are left and the silence so far.

        A question that was asked elsewhere, or before a restart, has the whole grace: another node may hold its reply.
        """
        rules = self._rules
        if not rules.per_hour or self._open[delivery_id].job_id not in self._ended_by:
            return rules.grace_s
        try:
            spent, _ = await self._deps.store.read(count_spent, self._session_key)
        except ExpectedError:
            return rules.grace_s
        silent_s = self._actor.runtime.clock.now_s() - self._heard_at()
        return decide_grace_s(rules, spent=spent, silent_s=silent_s)

    def _start_grace(self, delivery_id: str, grace_s: float) -> None:
        if delivery_id not in self._graces:
            self._graces[delivery_id] = self._actor.timers.after(grace_s, GraceOver(delivery_id))

    def _end_grace(self, delivery_id: str) -> None:
        timer = self._graces.pop(delivery_id, None)
        if timer is not None:
            timer.cancel()


def _build_outgoing(answer: OpenAnswer, reply: Channel) -> OutgoingAnswer:
    """Return an answer for a reply of this channel. A chat gets the unchanged text."""
    text = answer.text
    if reply is not Channel.CHAT:
        text = format_message(text, is_repeated=answer.state == DeliveryState.UNKNOWN)
    return OutgoingAnswer(text, answer.delivery_id, is_failure=answer.kind == "failure", job_id=answer.job_id)
