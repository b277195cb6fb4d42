"""Records of deliveries: stored states, channels, rows and their changes, open answers.

Not here: the transitions (delivery.py), the statements (store/answers.py). Threads: any; pure.
"""

from dataclasses import dataclass
from enum import StrEnum


class Channel(StrEnum):
    """Channel of an answer as stored: its own reply, a later webhook's reply, a notification, a chat, or none yet."""

    INLINE = "inline"
    NEXT_WEBHOOK = "next_webhook"
    NOTIFY = "notify"
    CHAT = "chat"
    NONE = ""


class DeliveryState(StrEnum):
    """Stored state of a delivery. `kept` waits for the next reply; `unknown` may or may not have arrived."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    KEPT = "kept"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDelivery:
    """Row of a new delivery, stored together with its answer; each answer has one.

    With state `sending` and a channel, the intent to send the answer in its open reply is stored, too.
    """

    delivery_id: str
    session_id: str
    message_id: str
    created_at: float
    state: str = "pending"
    channel: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryChange:
    """Step of a delivery (delivery.py). The store makes it only if the row's state is one of `from_states`."""

    delivery_id: str
    from_states: tuple[str, ...]
    state: str
    channel: str
    changed_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAnswer:
    """Answer that is not sent, or not for certain: pending, kept or unknown.

    `asked_at` (UTC seconds) is its question's time; the answer's age counts from it. `kind` is answer or failure.
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
    """Open answer, with the key of its session."""

    session_key: str
    answer: OpenAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawnQuestion:
    """Question that the model found to be for somebody else, with the key of its session. There will be no answer."""

    session_key: str
    job_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRules:
    """Rules of a node. An answer waits `grace_s` for the next webhook's reply before it is sent as a notification.

    When its question is `expires_s` old, it is sent no more. `can_notify`: there is a key for Omi's API. While much of
    the `per_hour` notifications is left, the wait ends after `silence_s` without speech; 0: it never ends early.
    """

    grace_s: float = 5.0
    expires_s: float = 600.0
    can_notify: bool = False
    per_hour: int = 0
    silence_s: float = 0.8
