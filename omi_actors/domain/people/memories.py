"""Memories: short texts that a person keeps. Rules of their texts, of what Omi sends, and of repetition.

Not here: rows (store/people/memories.py), recall (recall.py). Threads: any; pure.
"""

import datetime as dt
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# Characters of a memory: some pages. A longer text is no memory.
MAX_CHARS = 10_000
# Seconds in which the same text is not kept twice.
REPEAT_S = 12 * 3_600.0
# The first UTC second of the year 9999: times before it can be written in every zone, rounded or not.
_END_S = 253_370_764_800.0
# The composed text of a conversation of Omi, in characters.
_COMPOSED_CHARS = 500
_ACTIONS = 2
# Kinds of dedupe keys: Omi's memories and conversations have ids of their own.
_OMI_MEMORY, _OMI_CONVERSATION = "omi-memory:", "omi-conversation:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """A stored memory; times are UTC seconds."""

    memory_id: str
    text: str
    created_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMemory:
    """A memory to store. `dedupe_key` is unique for its person; None: only its text tells whether it is a repetition.

    Its key begins with `key_beginning` also then. `created_at` None: now.
    """

    text: str
    dedupe_key: str | None = None
    key_beginning: str = ""
    created_at: float | None = None


def clean_text(text: str) -> str:
    """Return a text as it is stored: without blanks around it and without characters that no database takes."""
    return text.replace("\0", "").encode(errors="ignore").decode().strip()


def fold_for_search(text: str) -> str:
    """Return a text in the form in which searches compare it: without regard to case."""
    return clean_text(text).casefold()


def build_memory_key(uid: str, omi_id: str) -> str:
    """Return the dedupe key of a memory of a wearable at Omi."""
    return f"{_OMI_MEMORY}{uid}/{_shorten(omi_id)}"


def build_conversation_key(uid: str, omi_id: str) -> str:
    """Return the dedupe key of the memory that a conversation of a wearable at Omi becomes."""
    return f"{_OMI_CONVERSATION}{uid}/{_shorten(omi_id)}"


def key_beginnings(uid: str) -> tuple[str, str]:
    """Return the beginnings of the dedupe keys of all that comes from a wearable at Omi."""
    return build_memory_key(uid, ""), build_conversation_key(uid, "")


def is_from_omi(dedupe_key: str) -> bool:
    """Return True if Omi may send the memory again, so that its key must be kept when it is deleted."""
    return dedupe_key.startswith((_OMI_MEMORY, _OMI_CONVERSATION))


def _shorten(omi_id: str) -> str:
    """Return an id in a form that every database takes."""
    is_plain = len(omi_id) <= 64 and omi_id == clean_text(omi_id)  # noqa: PLR2004 (of a sha256, too)
    return omi_id if is_plain else hashlib.sha256(omi_id.encode(errors="surrogatepass")).hexdigest()


def compose_conversation(body: Any, uid: str) -> NewMemory | None:
    """Return the memory of a conversation that Omi has created of a wearable; None if it holds nothing worth keeping.

    The text is "emoji title: overview", else what was said, and at most two things to do.
    """
    if not isinstance(body, Mapping) or body.get("discarded") is True:
        return None
    structured = body.get("structured")
    parts = structured if isinstance(structured, Mapping) else {}
    head = " ".join(filter(None, (_text(parts.get("emoji")), _text(parts.get("title")))))
    overview = _text(parts.get("overview"))
    text = f"{head}: {overview}" if head and overview else head or overview
    # Omi sends its default sign where a conversation has no title.
    if not overview and not _text(parts.get("title")):
        text = " ".join(_texts(body.get("transcript_segments"), "text")) or text
    actions = [*_texts(parts.get("action_items"), "description")][:_ACTIONS]
    if actions:
        text = f"{text} Action: {'; '.join(actions)}"
    text = " ".join(clean_text(text).split())
    if not text:
        return None
    omi_id = body.get("id")
    key = build_conversation_key(uid, omi_id) if isinstance(omi_id, str) and omi_id else None
    return NewMemory(text=_cut(text), dedupe_key=key, key_beginning=build_conversation_key(uid, ""))


def _cut(text: str) -> str:
    return text if len(text) <= _COMPOSED_CHARS else f"{text[: _COMPOSED_CHARS - 3]}..."


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _texts(items: Any, name: str) -> Iterator[str]:
    for item in items if isinstance(items, Sequence) and not isinstance(items, str) else ():
        text = _text(item.get(name)) if isinstance(item, Mapping) else ""
        if text:
            yield text


def read_omi_memory(item: Any, uid: str) -> NewMemory | None:
    """Return a memory of a wearable from Omi's API; None if it has no text."""
    if not isinstance(item, Mapping):
        return None
    text = clean_text(_text(item.get("content")) or _text(item.get("text")))[:MAX_CHARS]
    if not text:
        return None
    omi_id = item.get("id")
    key = build_memory_key(uid, omi_id) if isinstance(omi_id, str) and omi_id else None
    begins = build_memory_key(uid, "")
    return NewMemory(text=text, dedupe_key=key, key_beginning=begins, created_at=_parse_time(item.get("created_at")))


def _parse_time(value: Any) -> float | None:
    """Return a time of Omi in UTC seconds; None if it is no time. Without a zone it is UTC."""
    try:
        at = dt.datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    seconds = (at if at.tzinfo else at.replace(tzinfo=dt.UTC)).timestamp()
    return seconds if 0 < seconds < _END_S else None
