"""Conversations of a person: lists, messages, titles, deletion. A person owns the sessions that name the account.

Not here: messages and segments as their session writes them (store/commits.py), the deletion of one (entries.py),
windows (windows.py). Threads: lists run in the cold reader, what clients poll in a session's reader, changes in the
writer.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from omi_actors.domain.hearing.segments import StoredSegment
from omi_actors.domain.people.conversations import (
    NEWEST,
    Conversation,
    CountedConversation,
    CurrentConversation,
    Position,
    position_of,
)
from omi_actors.domain.sessions.records import StoredMessage
from omi_actors.store.messages import enqueues
from omi_actors.store.transaction import Transaction

R = TypeVar("R")
# A value that changes whenever what is shown does.
Stamp = tuple[Any, ...]

_CONVERSATION_FIELDS = ("conversation_id", "session_id", "session_key", "number", "title", "summary", "started_at")
# The fields in their order.
CONVERSATION_COLUMNS = "conversation.id, session.id, session_key, number, title, summary, started_at"
_OWN = "FROM conversation JOIN session ON session.id = session_id WHERE conversation.id = ? AND account_id = ?"
_MESSAGE_FIELDS = ("message_id", "conversation_id", "role", "kind", "source", "text", "model", "created_at")
_MESSAGE = (
    "SELECT message.id, message.conversation_id, role, kind, source, text, model, message.created_at FROM message"
)
_SEGMENT = (
    "SELECT key, seq, conversation_id, text, speaker, speaker_id, is_user, person_id, start_s, end_s, created_at"
    " FROM transcript_segment"
)
_CURRENT = (
    f"SELECT {CONVERSATION_COLUMNS} FROM session"  # noqa: S608
    " JOIN conversation ON conversation.id = session.conversation_id WHERE account_id = ?"
    " ORDER BY last_seen_at DESC, session.id LIMIT 1"
)
# For a stamp, whose columns need names of their own.
_CURRENT_TALK = _CURRENT.replace("conversation.id, session.id,", "conversation.id AS talk, session.id AS sid,", 1)
_IDS = "SELECT id AS line FROM message WHERE conversation_id = {conversation} ORDER BY created_at DESC, id DESC LIMIT ?"
_KEYS = (
    "SELECT session_key FROM session WHERE account_id = ?"
    " UNION SELECT 'omi:' || omi_uid FROM omi_link WHERE account_id = ? AND is_verified"
)
_NEWS = (
    f"{_MESSAGE} JOIN session ON session.id = message.session_id WHERE session.account_id = ?"
    " AND (message.created_at, message.id) > (?, ?) ORDER BY message.created_at, message.id LIMIT ?"
)
# The newest conversations of one session, by its index.
_LATEST_OF_SESSION = (
    "SELECT * FROM (SELECT id, session_id, CAST(? AS TEXT), number, title, summary, started_at FROM conversation"
    " WHERE session_id = ? AND (started_at, id) < (?, ?) ORDER BY started_at DESC, id DESC LIMIT ?) AS latest"
)
_LATEST_MESSAGES = (
    f"SELECT * FROM ({_MESSAGE} WHERE session_id = ? ORDER BY created_at DESC, id DESC LIMIT ?) AS latest"  # noqa: S608
)
_MERGED = "SELECT * FROM ({parts}) AS page ORDER BY {at} DESC, {key} DESC LIMIT ?"
# Below the number of parts of a compound statement that every SQLite takes.
_SESSIONS_PER_QUERY = 100
_COUNT = "SELECT count(*) FROM session JOIN conversation ON session_id = session.id WHERE account_id = ?"
_COUNT_MESSAGES = (
    "SELECT conversation_id, count(*) FROM message WHERE conversation_id IN ({marks}) GROUP BY conversation_id"
)
_LATEST = (
    f"{_MESSAGE} WHERE message.id IN (SELECT (SELECT said.id FROM message AS said"  # noqa: S608
    " WHERE said.conversation_id = conversation.id ORDER BY said.created_at DESC, said.id DESC LIMIT 1)"
    " FROM conversation WHERE conversation.id IN ({marks}))"
)
# The active window may have lost its conversation.
_ACTIVATE_FIRST = (
    "UPDATE context_window SET is_active = TRUE WHERE account_id = ? AND slot = (SELECT min(slot) FROM context_window"
    " WHERE account_id = ?) AND NOT EXISTS (SELECT 1 FROM context_window WHERE account_id = ? AND is_active)"
)


# --- what clients poll

# A stamp is one row with all that is shown of a conversation, and the ids of its messages, which never change. Indexes
# have the ids; and one row is fast: after each row a thread waits until a busy event loop gives up Python's lock.


def stamp_current(tx: Transaction, account_id: str, *, limit: int) -> Stamp | None:
    """Return a value that changes whenever what `load_current` loads does; None if it loads nothing. One statement."""
    ids = tx.join_lines(_IDS.format(conversation="current.talk"))
    row: Stamp | None = tx.fetch_one(f"SELECT current.*, {ids} FROM ({_CURRENT_TALK}) AS current", (limit, account_id))  # noqa: S608 (our own words)
    return row


def stamp_messages(tx: Transaction, account_id: str, conversation_id: str, *, limit: int) -> Stamp | None:
    """Return a value that changes whenever the newest page of `list_messages` does; None if that is None."""
    ids = tx.join_lines(_IDS.format(conversation="conversation.id"))
    row: Stamp | None = tx.fetch_one(f"SELECT {ids} {_OWN}", (limit, conversation_id, account_id))
    return row


def stamp_load(
    tx: Transaction, stamp: Callable[..., Stamp | None], load: Callable[..., R], *args: str, limit: int
) -> tuple[Stamp | None, R]:
    """Return a stamp and what it stands for, of one snapshot."""
    return stamp(tx, *args, limit=limit), load(tx, *args, limit=limit)


def read_stamps(tx: Transaction, stamps: Sequence[Callable[[Transaction], Stamp | None]]) -> list[Stamp | None]:
    """Return several stamps in order; they need no common snapshot."""
    return [stamp(tx) for stamp in stamps]


def find_conversation(tx: Transaction, account_id: str, conversation_id: str) -> Conversation | None:
    """Load a conversation of an account; None if it has no such one."""
    row = tx.fetch_one(f"SELECT {CONVERSATION_COLUMNS} {_OWN}", (conversation_id, account_id))
    return None if row is None else build_conversation(row)


def load_current(tx: Transaction, account_id: str, *, limit: int) -> CurrentConversation | None:
    """Load the conversation of the session that was active last, with its latest messages."""
    row = tx.fetch_one(_CURRENT, (account_id,))
    if row is None:
        return None
    conversation = build_conversation(row)
    latest = _load_latest(tx, conversation.conversation_id, limit)
    return CurrentConversation(conversation, tuple(reversed(latest)))


def list_messages(
    tx: Transaction, account_id: str, conversation_id: str, *, before: Position = NEWEST, limit: int
) -> tuple[StoredMessage, ...] | None:
    """Load messages of a conversation, newest first; None if the account has no such conversation."""
    if find_conversation(tx, account_id, conversation_id) is None:
        return None
    rows = tx.fetch(
        f"{_MESSAGE} WHERE conversation_id = ? AND (created_at, id) < (?, ?) ORDER BY created_at DESC, id DESC LIMIT ?",
        (conversation_id, before.at, before.row_id, limit),
    )
    return tuple(map(_build_message, rows))


@dataclass(frozen=True, slots=True)
class News:
    """The state of an account's talk: its sessions' keys, its current conversation, messages since a position.

    The keys are also those of linked wearables that have not said anything yet.
    """

    session_keys: tuple[str, ...]
    conversation_id: str | None
    messages: tuple[StoredMessage, ...]


def load_news(tx: Transaction, account_id: str, *, after: Position, limit: int) -> News:
    """Load the messages of all sessions of an account after a position, oldest first; and the rest of its state."""
    keys = tx.fetch(_KEYS, (account_id, account_id))
    current = tx.fetch_one(_CURRENT, (account_id,))
    messages = tx.fetch(_NEWS, (account_id, after.at, after.row_id, limit))
    return News(
        tuple(key for (key,) in keys), None if current is None else current[0], tuple(map(_build_message, messages))
    )


# --- lists


def list_conversations(tx: Transaction, account_id: str, *, before: Position, limit: int) -> tuple[Conversation, ...]:
    """Load conversations of an account, newest first.

    An index orders the conversations of each session, and a person has few sessions. So a page costs the same at any
    depth.
    """
    sessions = tx.fetch("SELECT session_key, id FROM session WHERE account_id = ?", (account_id,))
    found: list[Conversation] = []
    for at in range(0, len(sessions), _SESSIONS_PER_QUERY):
        some = sessions[at : at + _SESSIONS_PER_QUERY]
        params = [value for session in some for value in (*session, before.at, before.row_id, limit)]
        sql = _MERGED.format(parts=" UNION ALL ".join([_LATEST_OF_SESSION] * len(some)), at="started_at", key="id")
        rows = tx.fetch(sql, (*params, limit))
        found.extend(map(build_conversation, rows))
    return tuple(sorted(found, key=lambda one: one.position, reverse=True)[:limit])


def list_by_offset(
    tx: Transaction, account_id: str, *, offset: int, limit: int
) -> tuple[int, tuple[CountedConversation, ...]]:
    """Count the conversations of an account, and load those from `offset` on, newest first."""
    page = list_conversations(tx, account_id, before=NEWEST, limit=offset + limit)[offset:]
    (total,) = tx.fetch(_COUNT, (account_id,))[0]
    return int(total), _count(tx, page)


def _count(tx: Transaction, page: Sequence[Conversation]) -> tuple[CountedConversation, ...]:
    """Load the number of messages and the latest message of each conversation."""
    if not page:
        return ()
    ids = [one.conversation_id for one in page]
    marks = ", ".join("?" * len(ids))
    counts = dict(tx.fetch(_COUNT_MESSAGES.format(marks=marks), ids))
    latest = {one.conversation_id: one for one in map(_build_message, tx.fetch(_LATEST.format(marks=marks), ids))}
    return tuple(
        CountedConversation(one, counts.get(one.conversation_id, 0), latest.get(one.conversation_id)) for one in page
    )


def _load_latest(tx: Transaction, conversation_id: str, limit: int) -> tuple[StoredMessage, ...]:
    rows = tx.fetch(
        f"{_MESSAGE} WHERE conversation_id = ? ORDER BY created_at DESC, id DESC LIMIT ?", (conversation_id, limit)
    )
    return tuple(map(_build_message, rows))


def load_latest(tx: Transaction, session_ids: Sequence[str], limit: int) -> tuple[StoredMessage, ...]:
    """Load the latest messages of some sessions, newest first. The caller has found these by their account."""
    found: list[StoredMessage] = []
    for at in range(0, len(session_ids), _SESSIONS_PER_QUERY):
        some = session_ids[at : at + _SESSIONS_PER_QUERY]
        params = [value for session_id in some for value in (session_id, limit)]
        sql = _MERGED.format(parts=" UNION ALL ".join([_LATEST_MESSAGES] * len(some)), at="created_at", key="id")
        rows = tx.fetch(sql, (*params, limit))
        found.extend(map(_build_message, rows))
    return tuple(sorted(found, key=position_of, reverse=True)[:limit])


# --- export


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a conversation: segments by seq, messages by time. Each is shorter than the limit at its end."""

    segments: tuple[StoredSegment, ...]
    messages: tuple[StoredMessage, ...]


def load_first_seq(tx: Transaction, conversation: Conversation) -> int:
    """Return a seq before the conversation's first segment.

    Segments of a session have no index of time or conversation, but their seq grows with the time: halve the range.
    """
    low, high = 0, int(tx.fetch("SELECT last_seq FROM session WHERE id = ?", (conversation.session_id,))[0][0])
    while low < high:
        middle = (low + high + 1) // 2
        row = tx.fetch_one(
            "SELECT seq, created_at FROM transcript_segment WHERE session_id = ? AND seq <= ?"
            " ORDER BY seq DESC LIMIT 1",
            (conversation.session_id, middle),
        )
        if row is None or row[1] < conversation.started_at:
            low = middle
        else:
            high = min(row[0], middle) - 1
    return low


def load_part(
    tx: Transaction, account_id: str, conversation: Conversation, *, after_seq: int, after: Position, limit: int
) -> Part:
    """Load the next segments and messages of a conversation; nothing when the account has lost it meanwhile."""
    conversation_id = conversation.conversation_id
    if find_conversation(tx, account_id, conversation_id) is None:
        return Part((), ())
    segments = tx.fetch(
        f"{_SEGMENT} WHERE session_id = ? AND seq > ? AND conversation_id = ? AND text <> '' ORDER BY seq LIMIT ?",
        (conversation.session_id, after_seq, conversation_id, limit),
    )
    messages = tx.fetch(
        f"{_MESSAGE} WHERE conversation_id = ? AND (created_at, id) > (?, ?) ORDER BY created_at, id LIMIT ?",
        (conversation_id, after.at, after.row_id, limit),
    )
    return Part(tuple(_build_segment(row) for row in segments), tuple(map(_build_message, messages)))


# --- changes


def rename_conversation(tx: Transaction, account_id: str, conversation_id: str, title: str | None) -> None:
    """Set the title of a conversation of an account, if it has one."""
    tx.run(
        "UPDATE conversation SET title = ? WHERE id = ?"
        " AND session_id IN (SELECT id FROM session WHERE account_id = ?)",
        (title, conversation_id, account_id),
    )


@enqueues
def erase_conversation(tx: Transaction, account_id: str, conversation_id: str, *, limit: int) -> bool | None:
    """Delete up to `limit` messages and segments of a conversation, then itself. False: call again; None: not there.

    Its session leaves it first, so that the next words begin another one. The session in memory is fenced: it loads
    its state again. Questions under way lose their jobs, so no answer comes back.
    """
    conversation = find_conversation(tx, account_id, conversation_id)
    if conversation is None:
        return None
    tx.has_erased = True
    session_id = conversation.session_id
    tx.run(
        "UPDATE session SET epoch = epoch + 1, conversation_id = NULL WHERE id = ? AND conversation_id = ?",
        (session_id, conversation_id),
    )
    some = "SELECT id FROM message WHERE conversation_id = ? ORDER BY created_at, id LIMIT ?"
    asked = f"SELECT job_id FROM message WHERE id IN ({some}) AND job_id IS NOT NULL"  # noqa: S608 (our own words)
    tx.run(f"DELETE FROM job WHERE job_id IN ({asked})", (conversation_id, limit))  # noqa: S608 (the same)
    messages = tx.run(f"DELETE FROM message WHERE id IN ({some})", (conversation_id, limit))  # noqa: S608 (the same)
    segments = tx.run(
        "DELETE FROM transcript_segment WHERE session_id = ? AND seq IN (SELECT seq FROM transcript_segment"
        " WHERE session_id = ? AND seq > ? AND conversation_id = ? ORDER BY seq LIMIT ?)",
        (session_id, session_id, load_first_seq(tx, conversation), conversation_id, limit),
    )
    if limit in (messages, segments):
        return False
    tx.run("DELETE FROM conversation WHERE id = ?", (conversation_id,))
    tx.run(_ACTIVATE_FIRST, (account_id, account_id, account_id))
    return True


def build_conversation(row: Sequence[Any]) -> Conversation:
    """Return the conversation of CONVERSATION_COLUMNS."""
    return Conversation(**dict(zip(_CONVERSATION_FIELDS, row, strict=True)))


def _build_message(row: Sequence[Any]) -> StoredMessage:
    return StoredMessage(**dict(zip(_MESSAGE_FIELDS, row, strict=True)))


def _build_segment(row: Sequence[Any]) -> StoredSegment:
    key, seq, conversation_id, text, speaker, speaker_id, is_user, *rest = row
    return StoredSegment(key, seq, conversation_id, text, speaker, speaker_id, bool(is_user), *rest)
