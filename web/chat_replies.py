"""What a chat is answered: one JSON form, whether it goes out at once or as a stream of events.

Not here: sending it (handlers/), errors of other kinds (problems.py). Threads: none, pure.
Source: server-sent events (HTML standard).
"""

from typing import Any

import msgspec

from omi_actors.actors.chat_messages import ChatAnswered
from web.delta_buffer import Delta
from web.problems import Problem

# Sent while nothing else is to be said, so that no proxy takes the silence for an end.
HEARTBEAT = b": still there\n\n"


def answer_form(answered: ChatAnswered, *, label: str, seconds: float) -> dict[str, Any]:
    """Return an answer as it goes out."""
    form: dict[str, Any] = {"response": answered.text, "session_id": label}
    if answered.conversation_id:
        form["conversationId"] = answered.conversation_id
    form["duration"] = round(seconds * 1e3)
    if answered.is_duplicate:
        form["duplicate"] = True
    return form


def failure_problem(answered: ChatAnswered) -> Problem:
    """Return the answer to a question that could not be answered: the honest sentence that the wearer would hear."""
    return Problem(502, "no_answer", answered.text, "Ask again; it is not taken for a repetition.")


def delta_event(delta: Delta) -> bytes:
    """Return the event of a piece; `restart` when all pieces before it are void."""
    return event("delta", msgspec.json.encode({"text": delta.text} | ({"restart": True} if delta.is_anew else {})))


def event(name: str, data: bytes) -> bytes:
    """Return one event; `data` is a line of JSON."""
    return b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"
