"""Bodies of chat requests: from bytes to a message, with errors that name the field.

Not here: the owner (web/auth.py), tolerant JSON (edge/tolerant_json.py). Threads: any; pure.
"""

import re
from dataclasses import dataclass
from typing import Any

import msgspec

from omi_actors.errors import BadRequestError
from web.auth import DEFAULT_LABEL
from web.edge.tolerant_json import read_object

# Bytes of JSON: the most that a character takes, as two escapes; and the room around the texts.
_CHAR_BYTES = 12
_FRAME_BYTES = 4_096
# Characters that no store can hold.
_NO_TEXT = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class ChatBody:
    """A message for the session `label`. `context` is the client's data as text, "" if there is none."""

    label: str
    message: str
    context: str


def read_chat(body: bytes, *, max_chars: int) -> ChatBody:
    """Parse the body of a chat.

    Raises:
        BadRequestError: a field is missing or invalid; the message names it. TooLargeError: the body is longer than any
        valid one.
    """
    fields = read_object(body, max_bytes=2 * _CHAR_BYTES * max_chars + _FRAME_BYTES)
    message = fields.get("message")
    if message is None or message == "":
        raise BadRequestError("session_id and message are required: `message` is missing.")
    text = _text("message", message, max_chars).strip()
    if not text:
        raise BadRequestError("`message` must not be blank.")
    return ChatBody(read_label(fields), text, _read_context(fields.get("context"), max_chars))


def read_label(fields: dict[str, Any]) -> str:
    """Return the session's label; "default" if the body has none.

    Raises:
        BadRequestError: the label is not a string.
    """
    label = fields.get("session_id")
    if label is None or label == "":
        return DEFAULT_LABEL
    if not isinstance(label, str):
        raise BadRequestError("`session_id` must be a string.")
    return label


def _read_context(value: Any, max_chars: int) -> str:
    """Return the client's data as text: a string unchanged, other values as JSON."""
    if value is None:
        return ""
    return _text("context", value if isinstance(value, str) else _as_json(value), max_chars)


def _as_json(value: Any) -> str:
    try:
        return msgspec.json.encode(value).decode()
    except (msgspec.MsgspecError, ValueError, RecursionError) as exc:
        raise BadRequestError("`context` cannot be written as JSON.") from exc


def _text(name: str, value: Any, max_chars: int) -> str:
    if not isinstance(value, str):
        raise BadRequestError(f"`{name}` must be a string.")
    if len(value) > max_chars:
        raise BadRequestError(f"`{name}` must have at most {max_chars} characters; it has {len(value)}.")
    if _NO_TEXT.search(value):
        raise BadRequestError(f"`{name}` must be text: it holds a NUL or half a surrogate pair.")
    return value
