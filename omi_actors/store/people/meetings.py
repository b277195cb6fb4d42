"""Meetings: the transcript of a conversation as one memory of its person.

Not here: when a meeting ends (actors/session/actor.py), other memories (memories.py). Threads: the writer's.
"""

# mypy: disallow-untyped-calls=False
# (Pony's stubs leave select untyped.)

from itertools import groupby
from typing import Any

from omi_actors.domain.people.memories import MAX_CHARS, NewMemory, clean_text
from omi_actors.store.people.memories import MEETING_KEY, add_memory, edit_memory
from omi_actors.store.transaction import EntityTransaction

# Latest segments of the session that are searched: a long day of speech.
_SEGMENTS = 10_000
_SPOKEN = (
    "SELECT speaker, text FROM (SELECT seq, conversation_id, speaker, text FROM transcript_segment"
    " WHERE session_id = ? ORDER BY seq DESC LIMIT ?) AS latest WHERE conversation_id = ? AND text <> '' ORDER BY seq"
)


def keep_meeting(tx: EntityTransaction, session_id: str, conversation_id: str) -> bool:
    """Store the transcript of a conversation as one memory. Return False if it was stored before, or holds nothing.

    If more was said since, its memory gets the longer transcript, unless its person has edited it.
    """
    session = tx.db.Session.get(id=session_id)
    text = _compose(tx.fetch(_SPOKEN, (session_id, _SEGMENTS, conversation_id)))
    if session is None or session.account is None or not text:
        return False
    account_id = session.account.id
    kept = add_memory(tx, account_id, NewMemory(text=text, dedupe_key=MEETING_KEY + conversation_id))
    if not kept.is_new and len(text) > len(kept.memory.text) and text.startswith(kept.memory.text):
        edit_memory(tx, account_id, kept.memory.memory_id, text)
    return kept.is_new


def _compose(rows: list[Any]) -> str:
    """Return a transcript, a line for each change of the speaker; the beginning of one that is too long."""
    turns = groupby(rows, key=lambda row: row[0])
    lines = (f"{speaker or 'Someone'}: {' '.join(text for _, text in said)}" for speaker, said in turns)
    return clean_text("\n".join(lines))[:MAX_CHARS]
