"""Memories of a person: lists, changes, and what Omi sends. Each change keeps the index of words true in its commit.

Every function takes the account; another's memory does not exist for it. Not here: rules of texts
(domain/people/memories.py), the index (recall_index.py). Threads: a store actor's; Pony's entities.
"""

# mypy: disallow-untyped-calls=False
# (Pony's stubs leave select untyped.)

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pony import orm

from omi_actors.domain.people.conversations import NEWEST, Position
from omi_actors.domain.people.memories import (
    REPEAT_S,
    Memory,
    NewMemory,
    compose_conversation,
    fold_for_search,
    is_from_omi,
    key_beginnings,
)
from omi_actors.domain.sessions.keys import wearable_in, wearable_key
from omi_actors.ids import new_id
from omi_actors.store.ownership import owned_by
from omi_actors.store.people.recall_index import index_memory
from omi_actors.store.transaction import EntityTransaction, Transaction

# The dedupe key of the memory that a meeting becomes: this, and its conversation's id.
MEETING_KEY = "meeting:"
# Milliseconds are what the wire has: a cursor of it must find the row again.
_DIGITS = 3
_ALL = "SELECT id, created_at FROM memory {index} WHERE account_id = ?"
_FOUND = (
    "SELECT memory.id, memory.text, memory.created_at, total FROM"
    " (SELECT id, created_at, {total} AS total FROM ({held}) AS held ORDER BY created_at DESC, id DESC LIMIT ?"
    " OFFSET ?) AS found CROSS JOIN memory WHERE memory.id = found.id ORDER BY memory.created_at DESC, memory.id DESC"
)


@dataclass(frozen=True, slots=True)
class MemoryPage:
    """Memories, the newest first. `total` counts all that match; None if it was not asked for."""

    memories: tuple[Memory, ...]
    has_more: bool
    total: int | None = None


@dataclass(frozen=True, slots=True)
class HeardConversation:
    """An event of Omi that names a conversation; `memory` is what it becomes, None if it holds nothing to keep."""

    event_id: str
    account_id: str
    memory: NewMemory | None


@dataclass(frozen=True, slots=True)
class Kept:
    """A memory that is stored now. `is_new` is False if it was there before."""

    memory: Memory
    is_new: bool


def list_memories(
    tx: Transaction,
    account_id: str,
    *,
    limit: int,
    search: str = "",
    before: Position = NEWEST,
    offset: int | None = None,
) -> MemoryPage:
    """Return a page of memories that hold `search`, the newest first.

    It begins after the place `before`, or with `offset` after so many; then it has the total.
    """
    words, start = fold_for_search(search), offset or 0
    place, at = ("", ()) if before == NEWEST else (" AND (created_at, id) < (?, ?)", (before.at, before.row_id))
    # To find the last of the texts that hold the words is to read all: then they are counted on the way.
    counts = offset is not None and bool(words) and not at
    held, params = _hold(tx, account_id, words, place, at)
    sql = _FOUND.format(held=held, total="count(*) OVER ()" if counts else "0")
    rows = tx.fetch(sql, (*params, limit + 1, start))
    some, has_more = tuple(_build(row) for row in rows[:limit]), len(rows) > limit
    if offset is None:
        return MemoryPage(some, has_more)
    if rows and (counts or not has_more):
        return MemoryPage(some, has_more, rows[0][3] if counts else start + len(some))
    if not rows and not start:
        return MemoryPage((), has_more, 0)
    held, params = _hold(tx, account_id, words, "", ())
    return MemoryPage(some, has_more, tx.fetch(f"SELECT count(*) FROM ({held}) AS held", params)[0][0])  # noqa: S608


def _hold(
    tx: Transaction, account_id: str, words: str, place: str, at: Sequence[float | str]
) -> tuple[str, list[float | str]]:
    """Return the query of a person's memories that hold these words, all for none, and its parameters."""
    if not words:
        return _ALL.format(index=tx.indexed_by("memory_account_time")) + place, [account_id, *at]
    held = _ALL.format(index=tx.indexed_by("memory_search")) + f" AND {tx.find_in}(folded, ?) > 0{place} AND "
    return " UNION ALL ".join(held + part for part in tx.memory_parts), [account_id, words, *at] * len(tx.memory_parts)


def _build(row: Sequence[Any]) -> Memory:
    return Memory(memory_id=row[0], text=row[1], created_at=row[2])


def add_memory(tx: EntityTransaction, account_id: str, new: NewMemory) -> Kept:
    """Store a memory, unless it is there: under its key, or with the same text within the last hours."""
    now_s = round(tx.now_s(), _DIGITS)
    known = _find_same(tx, account_id, new, since=now_s - REPEAT_S)
    if known is not None:
        return Kept(known, is_new=False)
    return Kept(_insert(tx, account_id, new, now_s), is_new=True)


def _find_same(tx: EntityTransaction, account_id: str, new: NewMemory, *, since: float) -> Memory | None:
    """Return the memory with the same key, or with the same text since then. Each question has an index of its own."""
    memory_of, text, key = tx.db.Memory, new.text, new.dedupe_key
    of_person = orm.select((m.id, m.text, m.created_at) for m in memory_of if m.account.id == account_id)
    found = of_person.where(lambda m: m.dedupe_key == key)[:1] if key is not None else []
    found = found or of_person.where(lambda m: m.created_at >= since and m.text == text)[:1]
    return _build(found[0]) if found else None


def _insert(tx: EntityTransaction, account_id: str, new: NewMemory, now_s: float) -> Memory:
    memory_id = new_id()
    at = now_s if new.created_at is None else round(new.created_at, _DIGITS)
    tx.db.Memory(
        id=memory_id,
        account=account_id,
        dedupe_key=new.dedupe_key or new.key_beginning + memory_id,
        text=new.text,
        folded=fold_for_search(new.text),
        created_at=at,
    )
    tx.db.flush()
    index_memory(tx, account_id, memory_id, new.text, at=at)
    return Memory(memory_id=memory_id, text=new.text, created_at=at)


def import_memories(tx: EntityTransaction, account_id: str, omi_uid: str, some: Sequence[NewMemory]) -> int:
    """Store those of a wearable's memories at Omi that are new, at most 100; return their number.

    Not new is one with a known key or a known text, and one that the person has deleted. None is stored if the link was
    removed meanwhile.
    """
    if not tx.db.OmiLink.exists(account=account_id, omi_uid=omi_uid, is_verified=True):
        return 0
    known_keys, known_texts = find_known(tx, account_id, some)
    now_s, count = round(tx.now_s(), _DIGITS), 0
    for new in some:
        if new.dedupe_key in known_keys or new.text in known_texts:
            continue
        _insert(tx, account_id, new, now_s)
        known_texts.add(new.text)
        known_keys.add(new.dedupe_key or "")
        count += 1
    return count


def has_unknown(tx: EntityTransaction, account_id: str, some: Sequence[NewMemory]) -> bool:
    """Return True if `import_memories` would store at least one of these memories."""
    keys, texts = find_known(tx, account_id, some)
    return any(new.dedupe_key not in keys and new.text not in texts for new in some)


def find_known(tx: EntityTransaction, account_id: str, some: Sequence[NewMemory]) -> tuple[set[str], set[str]]:
    """Return the keys and the texts of these memories that a person has, or had and deleted."""
    keys = [new.dedupe_key for new in some if new.dedupe_key]
    memory_of, forgotten = tx.db.Memory, tx.db.ForgottenMemory
    known = {*orm.select(m.dedupe_key for m in memory_of if m.account.id == account_id and m.dedupe_key in keys)}
    known.update(orm.select(f.dedupe_key for f in forgotten if f.account.id == account_id and f.dedupe_key in keys))
    texts = [new.text for new in some if new.dedupe_key not in known]
    if not texts:
        return known, set()
    return known, {*orm.select(m.text for m in memory_of if m.account.id == account_id and m.text in texts)}


def edit_memory(tx: EntityTransaction, account_id: str, memory_id: str, text: str) -> Memory | None:
    """Change the text of a memory; None if the person has no such memory."""
    found = tx.db.Memory.get(id=memory_id, account=account_id)
    if found is None:
        return None
    found.set(text=text, folded=fold_for_search(text), updated_at=round(tx.now_s(), _DIGITS))
    tx.db.flush()
    index_memory(tx, account_id, memory_id, text, at=found.created_at)
    return Memory(memory_id=memory_id, text=text, created_at=found.created_at)


def delete_memory(tx: EntityTransaction, account_id: str, memory_id: str) -> bool:
    """Delete a memory; return False if the person has no such memory. One of Omi is not imported again."""
    found = tx.db.Memory.get(id=memory_id, account=account_id)
    if found is None:
        return False
    key = found.dedupe_key
    found.delete()
    if is_from_omi(key) and tx.db.ForgottenMemory.get(account=account_id, dedupe_key=key) is None:
        tx.db.ForgottenMemory(account=account_id, dedupe_key=key)
    tx.has_erased = True
    return True


def load_verified_uids(tx: EntityTransaction, account_id: str) -> tuple[str, ...]:
    """Return the wearables that a person has proved to be theirs."""
    link = tx.db.OmiLink
    return tuple(orm.select(one.omi_uid for one in link if one.account.id == account_id and one.is_verified))


# In SQLite a CROSS JOIN fixes the order: from the few sessions with an account to their events.
_FIND_EVENTS = (
    "SELECT raw_event.id, session.account_id, raw_event.body, session_key FROM session CROSS JOIN raw_event"
    " WHERE raw_event.session_id = session.id AND raw_event.kind = 'memory_created' AND NOT raw_event.is_read"
    " AND session.account_id > '' AND {ours} LIMIT ?"
)


def find_conversations(tx: Transaction, *, node: str, limit: int) -> tuple[HeardConversation, ...]:
    """Return conversations of Omi that belong to a person and became no memory yet; a body takes 10 ms a megabyte."""
    is_ours, params = owned_by(tx, "session.node", node)
    rows = tx.fetch(_FIND_EVENTS.format(ours=is_ours), (*params, limit))
    return tuple(
        HeardConversation(event_id, account_id, compose_conversation(_decode(bytes(body)), wearable_in(key) or key))
        for event_id, account_id, body, key in rows
    )


def _decode(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


_READ_EVENT = (
    "UPDATE raw_event SET is_read = TRUE WHERE id = ? AND NOT is_read"
    " AND session_id IN (SELECT id FROM session WHERE account_id = ?)"
)


def keep_conversation(tx: EntityTransaction, heard: HeardConversation) -> bool:
    """Store the memory of a conversation and mark its event as read. Return True if the memory is new.

    Nothing is done if its session has left the person meanwhile.
    """
    if not tx.run(_READ_EVENT, (heard.event_id, heard.account_id)):
        return False
    if heard.memory is None or _is_forgotten(tx, heard):
        return False
    return add_memory(tx, heard.account_id, heard.memory).is_new


def _is_forgotten(tx: EntityTransaction, heard: HeardConversation) -> bool:
    key = heard.memory.dedupe_key if heard.memory is not None else None
    return key is not None and tx.db.ForgottenMemory.get(account=heard.account_id, dedupe_key=key) is not None


# Whatever came from a wearable: by its keys at Omi, and as transcripts of its meetings.
_COMES_FROM = "(substr(dedupe_key, 1, ?) = ? OR substr(dedupe_key, 1, ?) = ?)"
_ERASE_OF_WEARABLE = (
    f"DELETE FROM memory WHERE id IN (SELECT id FROM memory WHERE account_id = ? AND ({_COMES_FROM} OR dedupe_key IN"  # noqa: S608 (our own words)
    f" (SELECT '{MEETING_KEY}' || conversation.id FROM conversation JOIN session ON session.id = session_id"
    " WHERE session_key = ?)) LIMIT ?)"
)


def erase_of_wearable(tx: EntityTransaction, account_id: str, omi_uid: str, *, limit: int) -> bool:
    """Delete up to `limit` memories that a person has from a wearable. Return True if there may be more.

    At last nothing tells any more which ones they had deleted, and the wearable's next person gets its conversations.
    """
    comes_from = [part for begin in key_beginnings(omi_uid) for part in (len(begin), begin)]
    session_key = wearable_key(omi_uid)
    tx.has_erased = True
    if tx.run(_ERASE_OF_WEARABLE, (account_id, *comes_from, session_key, limit)) == limit:
        return True
    tx.run(f"DELETE FROM forgotten_memory WHERE account_id = ? AND {_COMES_FROM}", (account_id, *comes_from))  # noqa: S608 (the same)
    tx.run(
        "UPDATE raw_event SET is_read = FALSE WHERE kind = 'memory_created' AND is_read"
        " AND session_id IN (SELECT id FROM session WHERE session_key = ?)",
        (session_key,),
    )
    return False
