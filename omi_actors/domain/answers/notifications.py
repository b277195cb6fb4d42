"""Values and rules of one notification: its limits, the records of its begin and end, its text.

Not here: when an answer is notified (delivery.py), the rows (store/notifications.py), the call (clients/).
Threads: any; pure. Source: Omi drops a `message` of fewer than 6 characters.
"""

from dataclasses import dataclass
from enum import Enum

from omi_actors.domain.answers.sentences import SENTENCES
from omi_actors.domain.hearing.language import guess_language

# Omi pushes a message only when it is longer than this many characters.
_DROPPED_UP_TO = 5
# Seconds that a notification is put off while Omi's API fails. A later one would come out of any context.
_NOTIFY_WITHIN_S = 60.0
# Seconds. Omi counts notifications in hours of the UTC clock, not in sliding ones.
HOUR_S = 3600.0
# Begins the idempotency key of a notification's job; the delivery's id follows. The store finds the delivery by it.
KEY_PREFIX = "notify:"
# The same of a person's own words; the notification's id follows.
FOLLOWUP_PREFIX = "followup:"


class NotifyTime(Enum):
    """Time of a notification: now, after the breaker's pause, or never, since it would come too late."""

    NOW = "now"
    LATER = "later"
    TOO_LATE = "too late"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationLimits:
    """Limits of a notification: the question's greatest age in seconds, and the wearer's notifications in an hour.

    `is_set_aside`: it must not be sent, since the breaker's pause is longer than the answer may wait.
    """

    expires_s: float
    per_hour: int
    is_set_aside: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationBegun:
    """Result of the begin of a notification in the store.

    If there is a `text`, the intent is committed, and the text must be sent now. If it is None, nothing may be sent:
    the delivery is in `state` because of `reason`, and the job is done.
    """

    state: str
    reason: str = ""
    uid: str = ""
    text: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationEnd:
    """End of one attempt: the delivery's new `state`, and the reason in `error`, without any text of a transcript.

    `is_over`: the job is done; otherwise another attempt follows. Only the holder of `token` can store this.
    """

    job_id: str
    token: str
    delivery_id: str
    state: str
    error: str = ""
    is_over: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Notified:
    """Result of a notification job: the state of its delivery."""

    delivery_id: str
    state: str


def decide_notify_time(waited_s: float, pause_s: float) -> NotifyTime:
    """Decide when to notify if the breaker is open for `pause_s` more seconds (0: it is closed).

    The notification's job was enqueued `waited_s` seconds ago. The notification may be late by a minute at most;
    meanwhile a reply may carry the answer.
    """
    if pause_s <= 0:
        return NotifyTime.NOW
    return NotifyTime.LATER if waited_s + pause_s <= _NOTIFY_WITHIN_S else NotifyTime.TOO_LATE


def format_message(text: str, *, is_repeated: bool = False) -> str:
    """Return an answer in a form that Omi accepts: a short one gets "Omi: " in front, since Omi drops short messages.

    `is_repeated`: the wearer may have heard it before, so it begins with "Again:" in the answer's language.
    """
    answer = text.strip()
    if is_repeated:
        answer = f"{SENTENCES[guess_language(answer)].again}{answer}"
    return answer if len(answer) > _DROPPED_UP_TO else f"Omi: {answer}"


def hour_start_s(now_s: float) -> float:
    """Return the beginning of the UTC hour of `now_s`, in UTC seconds."""
    return now_s - now_s % HOUR_S
