"""Delivery: by which way an answer reaches the wearer, and in what form.

Not here: the steps (actors/session/answers.py), the rows (store/answers.py), the budget (store/notifications.py).
Threads: none, pure.
Source: Omi reads `message` of a webhook's reply and drops it when it has fewer than 6 characters.
"""

from dataclasses import dataclass
from enum import StrEnum

from omi_actors.domain.answers.language import guess_language
from omi_actors.domain.answers.sentences import SENTENCES

# Omi pushes a message only when it is longer than this many characters.
_DROPPED_UP_TO = 5
# Seconds that a notification is put off while Omi's API fails: later, out of the blue, it would puzzle its wearer.
_NOTIFY_WITHIN_S = 60.0


class Channel(StrEnum):
    """The ways by which an answer may go, as the store knows them."""

    INLINE = "inline"
    NEXT_WEBHOOK = "next_webhook"
    NOTIFY = "notify"
    CHAT = "chat"
    NONE = ""


class DeliveryState(StrEnum):
    """Where a delivery stands. `kept` waits for the next contact; of `unknown` nobody knows whether it was heard."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    KEPT = "kept"
    UNKNOWN = "unknown"


# Nobody has heard such an answer. Another node may move it from the one to the other, so it may be said from either.
UNSAID = (DeliveryState.PENDING, DeliveryState.KEPT)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDelivery:
    """An answer that waits to be given: one row per answer, made with the answer in one transaction.

    At `sending`, on a channel, it is the intent to say it in the reply that is open for it.
    """

    delivery_id: str
    session_id: str
    message_id: str
    created_at: float
    state: str = "pending"
    channel: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryChange:
    """A step of a delivery, made only if it stands at one of `from_states`.

    States: pending, kept or unknown → sending → sent; pending → kept; sending → unknown (a crash cut it), or back
    where it came from when it certainly did not arrive. `channel` is inline, next_webhook, notify, chat or "" while
    nothing is chosen; pending on `notify` means that a job will notify.
    """

    delivery_id: str
    from_states: tuple[str, ...]
    state: str
    channel: str
    changed_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAnswer:
    """An answer that the wearer has not got yet, as far as anybody knows: pending, kept or unknown.

    `asked_at` (UTC seconds) is its question's time: that is what makes an answer old. `kind` is answer or failure.
    """

    delivery_id: str
    job_id: str
    text: str
    state: str
    channel: str
    asked_at: float
    kind: str = "answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingAnswer:
    """An answer that nobody has begun to give, and the session that owes it."""

    session_key: str
    answer: OpenAnswer


class Reply(StrEnum):
    """The reply that an answer could go into now: of the chat or webhook that asked, of a later webhook, or none."""

    CHAT = "chat"
    OWN = "own"
    NEXT = "next"
    NONE = "none"


class Way(StrEnum):
    """What to do with an answer now.

    AWAIT: nothing yet; a webhook, the end of the grace or the notification's outcome decides. KEEP: nothing can be
    sent, the next contact gets it. SHOW: too old to be spoken; it stands in the transcript.
    """

    CHAT = "chat"
    INLINE = "inline"
    NEXT_WEBHOOK = "next_webhook"
    AWAIT = "await"
    NOTIFY = "notify"
    KEEP = "keep"
    SHOW = "show"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRules:
    """`grace_s` is how long an answer without a reply waits for the next webhook before it costs a notification.

    An answer whose question is `expires_s` old is not spoken any more. `can_notify` tells whether there is a key.
    """

    grace_s: float = 5.0
    expires_s: float = 600.0
    can_notify: bool = False


def decide_way(answer: OpenAnswer, reply: Reply, rules: DeliveryRules, *, now_s: float, is_grace_over: bool) -> Way:
    """Choose how an answer that is not being sent goes on.

    Only an answer that nothing was tried with is notified: one that is `unknown` may have been heard, one that is
    `kept` has been refused, one on channel `notify` has its job already. All of them ride on the next reply.
    A chat reads its answer, however old. Without it (it left, or it was late) the answer goes as the session's others:
    a wearable hears it, and what nobody wears has no key to notify with (`can_notify`), so it is kept and shown.
    """
    if reply is Reply.CHAT:
        return Way.CHAT
    if now_s - answer.asked_at >= rules.expires_s:
        return Way.SHOW
    if reply is not Reply.NONE:
        return Way.INLINE if reply is Reply.OWN else Way.NEXT_WEBHOOK
    if answer.state != DeliveryState.PENDING or answer.channel == Channel.NOTIFY:
        return Way.AWAIT
    if not rules.can_notify:
        return Way.KEEP
    return Way.NOTIFY if is_grace_over else Way.AWAIT


def decide_pause(waited_s: float, pause_s: float) -> Way:
    """Choose how an answer goes on whose notification cannot be tried for `pause_s` seconds; 0: it can.

    It was chosen to be notified `waited_s` ago. Meanwhile it is pending, and rides on the next reply. What cannot
    be tried within a minute is kept for the next contact.
    """
    if pause_s <= 0:
        return Way.NOTIFY
    return Way.AWAIT if waited_s + pause_s <= _NOTIFY_WITHIN_S else Way.KEEP


def is_in_grace(answer: OpenAnswer) -> bool:
    """Tell whether an answer that awaits does so for the next webhook, and not for a job or the next contact."""
    return answer.state == DeliveryState.PENDING and answer.channel != Channel.NOTIFY


def format_message(text: str, *, is_repeated: bool = False) -> str:
    """Return an answer in a form that Omi will speak: a short one gets the speaker's name before it.

    Of one that is repeated nobody knows whether it was heard already: it says so first, in its own language.
    """
    answer = text.strip()
    if is_repeated:
        answer = f"{SENTENCES[guess_language(answer)].again}{answer}"
    return answer if len(answer) > _DROPPED_UP_TO else f"Omi: {answer}"


# Seconds. Omi counts notifications in hours of the UTC clock, not in sliding ones.
HOUR_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationLimits:
    """What a notification must keep to: the question's age in seconds, the hour's budget of its wearer.

    `is_set_aside`: Omi's API is not asked for longer than the answer shall wait.
    """

    expires_s: float
    per_hour: int
    is_set_aside: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationBegun:
    """What the store says when a notification is about to be sent.

    With `text` its intent is committed, and it must be sent now; without, it must not, the delivery stands at `state`
    because of `reason`, and the job is done.
    """

    state: str
    reason: str = ""
    uid: str = ""
    text: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationEnd:
    """How an attempt ended: the delivery stands at `state`; `error` says why, in words without any spoken text.

    `is_over` finishes the job; otherwise its next attempt follows. Stored only by the holder of `token`.
    """

    job_id: str
    token: str
    delivery_id: str
    state: str
    error: str = ""
    is_over: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Notified:
    """What became of a delivery by its notification."""

    delivery_id: str
    state: str


def hour_start_s(now_s: float) -> float:
    """Return the beginning of the UTC hour of `now_s`, in UTC seconds."""
    return now_s - now_s % HOUR_S
