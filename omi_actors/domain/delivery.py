"""Delivery: by which way an answer reaches the wearer, and in what form.

Not here: the sending (web/), the rows (store/). Threads: none, pure.
Source: Omi reads `message` of a webhook's reply and drops it when it has fewer than 6 characters.
"""

from enum import StrEnum

# Omi pushes a message only when it is longer than this many characters.
_DROPPED_UP_TO = 5


class Channel(StrEnum):
    """The ways by which an answer may go."""

    INLINE = "inline"
    KEPT = ""


def decide_channel(*, reply_slot_open: bool) -> Channel:
    """Choose how an answer goes: in the reply of the webhook that still waits for it, else kept for later contact."""
    return Channel.INLINE if reply_slot_open else Channel.KEPT


def format_message(text: str) -> str:
    """Return an answer in a form that Omi will speak: a short one gets the speaker's name before it."""
    answer = text.strip()
    return answer if len(answer) > _DROPPED_UP_TO else f"Omi: {answer}"
