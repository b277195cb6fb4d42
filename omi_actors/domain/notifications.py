"""A notification's course as values: what was begun, how it ended.

Not here: whether to notify (domain/answers/delivery.py), rows and budget (store/notifications.py), Omi's API
(clients/omi_api.py). Threads: none, pure.
"""

from dataclasses import dataclass

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
