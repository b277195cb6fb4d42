"""The delivery table: for each phase of a delivery and each event, the step to commit and its consequences.

A delivery brings one answer to its owner. Each step is committed before it is taken. The store makes a step only from
the states that the table names, so if two actors want to send an answer, only one does.
Not here: the records (delivery_records.py), the execution (actors/session/answers.py, jobs/notify.py), the rows
(store/answers.py, store/notifications.py). Threads: any; pure.
"""

from dataclasses import dataclass
from enum import Enum, StrEnum

from omi_actors.domain.answers.delivery_records import Channel, DeliveryChange, DeliveryRules, DeliveryState, OpenAnswer

_PENDING, _KEPT, _SENDING = DeliveryState.PENDING, DeliveryState.KEPT, DeliveryState.SENDING


class Phase(StrEnum):
    """Phase of a delivery: its stored state, or a more exact one where the session or the channel makes a difference.

    absent: unknown to its session; chosen: pending with a notification job; sending: in a reply; notifying: in a call
    of Omi's API. In sent, expired and gone (another actor has it) the session's part is over. SAME and BEFORE stand
    only as targets of transitions.
    """

    ABSENT = "absent"
    PENDING = "pending"
    CHOSEN = "chosen"
    KEPT = "kept"
    UNKNOWN = "unknown"
    SENDING = "sending"
    NOTIFYING = "notifying"
    SENT = "sent"
    EXPIRED = "expired"
    GONE = "gone"
    SAME = "stays"
    BEFORE = "as before"


class Event(StrEnum):
    """Event that causes a transition. The session causes those before BEGUN, the notification job the others."""

    STORED = "the answer is stored"
    INTENT_STORED = "the answer is stored with the intent to send it in its own reply"
    REPLY_OPEN = "a reply is open"
    NO_REPLY = "no reply is open"
    GRACE_OVER = "no reply came within the grace"
    NO_NOTIFIER = "no reply is open, and its session cannot be notified"
    TOO_OLD = "it is older than `ANSWER_EXPIRES_S`, and no chat waits"
    REACHED = "the reply arrived"
    NOT_REACHED = "the reply certainly did not arrive"
    END_MISSING = "the reply's end is not stored after 5 s (sweep)"
    BEGUN = "the job begins"
    NOT_ALLOWED = "the job finds it too old, unwanted, over budget or the breaker open too long, or is dead"
    ACCEPTED = "Omi accepts it"
    REFUSED = "Omi refuses it, or the last attempt found no connection"
    UNREACHABLE = "no connection, and another attempt follows"
    UNCLEAR = "the call had no clear result, or a crash cut it"


class Effect(StrEnum):
    """Action that the executing actor takes after a step."""

    NONE = ""
    SEND = "put it into the reply"
    START_GRACE = "start the grace"
    CHOOSE = "choose again without a reply"
    RECORD_AGAIN = "record again after 5 s"
    CALL_API = "call Omi's API"


class StepOutcome(Enum):
    """Result of a step in the store: done, lost (another actor changed the row before), or failed."""

    DONE = "done"
    LOST = "lost"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """Phase that a delivery enters, and the effect to execute then."""

    to: Phase = Phase.SAME
    effect: Effect = Effect.NONE


@dataclass(frozen=True, slots=True)
class Transition:
    """One row of the table, for one event in any of `phases`.

    `step_from`: stored states from which the step may be made; empty: nothing is committed. The step leads to the
    stored state of `done`. `enqueues`: the step's transaction enqueues the notification job.
    """

    phases: tuple[Phase, ...]
    event: Event
    done: Next = Next()
    step_from: tuple[DeliveryState, ...] = ()
    lost: Next = Next(to=Phase.GONE)
    failed: Next = Next()
    enqueues: bool = False

    def after(self, outcome: StepOutcome) -> Next:
        """Return the consequences of a step's outcome."""
        return {StepOutcome.DONE: self.done, StepOutcome.LOST: self.lost, StepOutcome.FAILED: self.failed}[outcome]


# A kept answer was refused, an unknown one may have arrived, a chosen one has its job: none is notified (again).
_TRIED = (Phase.CHOSEN, Phase.KEPT, Phase.UNKNOWN)
_IN_REPLY = Next(to=Phase.SENDING, effect=Effect.SEND)
_AGAIN = Next(to=Phase.SENDING, effect=Effect.RECORD_AGAIN)
# Another node may move a row between pending and kept. Nothing is sent in either, so a reply takes it from both.
UNSENT = (_PENDING, _KEPT)

TRANSITIONS = (
    Transition((Phase.ABSENT,), Event.STORED, Next(to=Phase.PENDING)),
    Transition((Phase.ABSENT,), Event.INTENT_STORED, _IN_REPLY),
    Transition((Phase.PENDING,), Event.REPLY_OPEN, _IN_REPLY, UNSENT),
    # The job that lost the row to us may give it back: its end says so.
    Transition((Phase.CHOSEN,), Event.REPLY_OPEN, _IN_REPLY, UNSENT, lost=Next()),
    Transition((Phase.KEPT,), Event.REPLY_OPEN, _IN_REPLY, (_KEPT, _PENDING)),
    Transition((Phase.UNKNOWN,), Event.REPLY_OPEN, _IN_REPLY, (DeliveryState.UNKNOWN,)),
    Transition((Phase.PENDING,), Event.NO_REPLY, Next(effect=Effect.START_GRACE)),
    Transition(
        (Phase.PENDING,),
        Event.GRACE_OVER,
        Next(to=Phase.CHOSEN),
        (_PENDING,),
        failed=Next(effect=Effect.START_GRACE),
        enqueues=True,
    ),
    Transition((Phase.PENDING,), Event.NO_NOTIFIER, Next(to=Phase.KEPT), (_PENDING,)),
    Transition(
        (Phase.PENDING,),
        Event.TOO_OLD,
        Next(to=Phase.EXPIRED),
        (_PENDING,),
        lost=Next(to=Phase.EXPIRED),
        failed=Next(to=Phase.EXPIRED),
    ),
    Transition(_TRIED, Event.TOO_OLD, Next(to=Phase.EXPIRED)),
    Transition(
        (Phase.SENDING, Phase.ABSENT),
        Event.REACHED,
        Next(to=Phase.SENT),
        (_SENDING,),
        lost=Next(to=Phase.SENT),
        failed=_AGAIN,
    ),
    Transition(
        (Phase.SENDING, Phase.ABSENT),
        Event.NOT_REACHED,
        Next(to=Phase.BEFORE, effect=Effect.CHOOSE),
        (_SENDING,),
        failed=_AGAIN,
    ),
    Transition(
        (Phase.ABSENT, Phase.PENDING, Phase.KEPT, Phase.UNKNOWN),
        Event.END_MISSING,
        Next(to=Phase.UNKNOWN),
        (_SENDING,),
    ),
    Transition((Phase.CHOSEN,), Event.END_MISSING, Next(to=Phase.UNKNOWN), (_SENDING,), lost=Next()),
    Transition(
        (Phase.PENDING, Phase.CHOSEN), Event.BEGUN, Next(to=Phase.NOTIFYING, effect=Effect.CALL_API), (_PENDING,)
    ),
    Transition((Phase.PENDING, Phase.CHOSEN), Event.NOT_ALLOWED, Next(to=Phase.KEPT), (_PENDING,)),
    Transition((Phase.NOTIFYING,), Event.ACCEPTED, Next(to=Phase.SENT), (_SENDING,)),
    Transition((Phase.NOTIFYING,), Event.REFUSED, Next(to=Phase.KEPT), (_SENDING,)),
    Transition((Phase.NOTIFYING,), Event.UNREACHABLE, Next(to=Phase.CHOSEN), (_SENDING,)),
    Transition((Phase.NOTIFYING,), Event.UNCLEAR, Next(to=Phase.UNKNOWN), (_SENDING,)),
)
# One part in so many of the hour's notifications is only spent after the whole grace.
_SAVED_SHARE = 3
TABLE = {(phase, row.event): row for row in TRANSITIONS for phase in row.phases}
_STAYS = {event: Transition((), event) for event in Event}

FINAL = (Phase.SENT, Phase.EXPIRED, Phase.GONE)
_STORED_STATES = {
    Phase.PENDING: DeliveryState.PENDING,
    Phase.CHOSEN: DeliveryState.PENDING,
    Phase.KEPT: DeliveryState.KEPT,
    Phase.UNKNOWN: DeliveryState.UNKNOWN,
    Phase.SENDING: DeliveryState.SENDING,
    Phase.NOTIFYING: DeliveryState.SENDING,
    Phase.SENT: DeliveryState.SENT,
    Phase.EXPIRED: DeliveryState.KEPT,
}
_BEFORE = {Phase.ABSENT: Phase.KEPT, Phase.CHOSEN: Phase.PENDING}
_NOTIFIED = {DeliveryState.KEPT: Phase.KEPT, DeliveryState.UNKNOWN: Phase.UNKNOWN}


def find_transition(phase: Phase, event: Event) -> Transition:
    """Return the table's row for a phase and an event. If there is none, return a row that changes nothing."""
    return TABLE.get((phase, event), _STAYS[event])


def phase_of(answer: OpenAnswer | None) -> Phase:
    """Return the phase of an answer that is in no reply. None stands for an answer that the session does not know."""
    if answer is None:
        return Phase.ABSENT
    if answer.state == _PENDING:
        return Phase.CHOSEN if answer.channel == Channel.NOTIFY else Phase.PENDING
    return Phase(answer.state)


def phase_after_job(state: str) -> Phase:
    """Return the phase of a delivery whose notification job stored `state`. A reply may send a kept or unknown one."""
    return next((phase for stored, phase in _NOTIFIED.items() if stored == state), Phase.GONE)


def state_of(phase: Phase) -> DeliveryState:
    """Return the stored state of a phase. The phase must have one."""
    return _STORED_STATES[phase]


def state_after(phase: Phase, event: Event) -> DeliveryState:
    """Return the stored state after the step for this event."""
    return state_of(TABLE[phase, event].done.to)


def resolve(to: Phase, before: Phase) -> Phase:
    """Return the phase that a target means. `before`: the phase before the reply, to which BEFORE leads back."""
    return _BEFORE.get(before, before) if to is Phase.BEFORE else to


def choose_event(
    answer: OpenAnswer, reply: Channel, rules: DeliveryRules, *, now_s: float, is_grace_over: bool = False
) -> Event:
    """Return the next event of an open answer; `reply` is the channel of an open reply, NONE if none is open.

    For a chat no answer is too old. Only a wearable's session can be notified (`can_notify`).
    """
    if reply is not Channel.CHAT and now_s - answer.asked_at >= rules.expires_s:
        return Event.TOO_OLD
    if reply is not Channel.NONE:
        return Event.REPLY_OPEN
    if not rules.can_notify:
        return Event.NO_NOTIFIER
    return Event.GRACE_OVER if is_grace_over else Event.NO_REPLY


def decide_grace_s(rules: DeliveryRules, *, spent: int, silent_s: float) -> float:
    """Return the seconds that an answer waits for a webhook. `silent_s`: seconds since words were heard.

    While more than a third of the hour's notifications is left, and more than one, silence ends the wait: people wait
    in silence. The last ones are saved, since a webhook may still carry the answer for nothing.
    """
    left = rules.per_hour - spent
    if left <= 1 or left * _SAVED_SHARE <= rules.per_hour:
        return rules.grace_s
    return min(rules.grace_s, max(0.0, rules.silence_s - silent_s))


def build_change(row: Transition, before: Phase, reply: Channel, delivery_id: str, now_s: float) -> DeliveryChange:
    """Return the change that the store makes for a transition; `reply` is the channel of the reply that is sent."""
    to = resolve(row.done.to, before)
    channel = {Phase.SENDING: reply, Phase.SENT: reply, Phase.CHOSEN: Channel.NOTIFY}.get(to, Channel.NONE)
    return DeliveryChange(
        delivery_id=delivery_id,
        from_states=tuple(state.value for state in row.step_from),
        state=state_of(to).value,
        channel=channel.value,
        changed_at=now_s,
    )
