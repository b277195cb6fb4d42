"""Conversations of a person: lists, messages, titles, deletion. A person owns the sessions that name the account.

Not here: messages and segments as their session writes them (store/commits.py), the deletion of one (entries.py),
windows (windows.py). Threads: lists run in the cold reader, what clients poll in a session's reader, changes in the
writer.
"""
# mypy: disallow-untyped-calls=False
# (Pony's stubs leave select untyped.)

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pony import orm

from omi_actors.domain.hearing.segments import StoredSegment
from omi_actors.domain.people.conversations import (
    NEWEST,
    Conversation,
    CountedConversation,
    CurrentConversation,
    Position,
)
from omi_actors.domain.sessions.records import StoredMessage
from omi_actors.store.messages import enqueues
from omi_actors.store.transaction import EntityTransaction, Transaction

_CONVERSATION_FIELDS = ("conversation_id", "session_id", "session_key", "number", "title", "summary", "started_at")
# The fields in their order.
CONVERSATION_COLUMNS = "conversation.id, session.id, session_key, number, title, summary, started_at"
_CONVERSATION = f"SELECT {CONVERSATION_COLUMNS} FROM conversation JOIN session ON session.id = session_id"  # noqa: S608
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
_KEYS = (
    "SELECT session_key FROM session WHERE account_id = ?"
    " UNION SELECT 'omi:' || omi_uid FROM omi_link WHERE account_id = ? AND is_verified"
)
_NEWS = (
    f"{_MESSAGE} JOIN session ON session.id = message.session_id WHERE session.account_id = ?"
    " AND (message.created_at, message.id) > (?, ?) ORDER BY message.created_at, message.id LIMIT ?"
)
# The active window may have lost its conversation.
_ACTIVATE_FIRST = (
    "UPDATE context_window SET is_active = TRUE WHERE account_id = ? AND slot = (SELECT min(slot) FROM context_window"
    " WHERE account_id = ?) AND NOT EXISTS (SELECT 1 FROM context_window WHERE account_id = ? AND is_active)"
)


# --- what clients poll


def find_conversation(tx: Transaction, account_id: str, conversation_id: str) -> Conversation | None:
    """Load a conversation of an account; None if it has no such one."""
    row = tx.fetch_one(f"{_CONVERSATION} WHERE conversation.id = ? AND account_id = ?", (conversation_id, account_id))
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
    tx: Transaction, account_id: str, conversation_id: str, *, before: Position, limit: int
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


def list_conversations(
    tx: EntityTransaction, account_id: str, *, before: Position, limit: int
) -> tuple[Conversation, ...]:
    """Load conversations of an account, newest first.

    An index orders the conversations of each session, and a person has few sessions. So a page costs the same at any
    depth.
    """
    at, row_id = before.at, before.row_id
    found: list[Conversation] = []
    for session_id, session_key in orm.select(
        (s.id, s.session_key) for s in tx.db.Session if s.account.id == account_id
    ):
        rows = orm.select(
            (one.started_at, one.id, one.number, one.title, one.summary)
            for one in tx.db.Conversation
            if one.session.id == session_id and one.started_at <= at and (one.started_at < at or one.id < row_id)
        )
        page = rows.order_by(orm.desc(1), orm.desc(2))[:limit]
        found.extend(
            Conversation(
                conversation_id=conversation_id,
                session_id=session_id,
                session_key=session_key,
                number=number,
                title=title,
                summary=summary,
                started_at=started_at,
            )
            for started_at, conversation_id, number, title, summary in page
        )
    return tuple(sorted(found, key=lambda one: one.position, reverse=True)[:limit])


def list_by_offset(
    tx: EntityTransaction, account_id: str, *, offset: int, limit: int
) -> tuple[int, tuple[CountedConversation, ...]]:
    """Count the conversations of an account, and load those from `offset` on, newest first."""
    page = list_conversations(tx, account_id, before=NEWEST, limit=offset + limit)[offset:]
    total = orm.count(one for one in tx.db.Conversation if one.session.account.id == account_id)
    return int(total), tuple(_count(tx, one) for one in page)


def _count(tx: Transaction, conversation: Conversation) -> CountedConversation:
    conversation_id = conversation.conversation_id
    (count,) = tx.fetch("SELECT count(*) FROM message WHERE conversation_id = ?", (conversation_id,))[0]
    latest = _load_latest(tx, conversation_id, 1)
    return CountedConversation(conversation, count, latest[0] if latest else None)


def _load_latest(tx: Transaction, conversation_id: str, limit: int) -> tuple[StoredMessage, ...]:
    rows = tx.fetch(
        f"{_MESSAGE} WHERE conversation_id = ? ORDER BY created_at DESC, id DESC LIMIT ?", (conversation_id, limit)
    )
    return tuple(map(_build_message, rows))


def load_latest_of_session(tx: Transaction, session_id: str, limit: int) -> tuple[StoredMessage, ...]:
    """Load the latest messages of a session, newest first. The caller has found it by its account."""
    rows = tx.fetch(f"{_MESSAGE} WHERE session_id = ? ORDER BY created_at DESC, id DESC LIMIT ?", (session_id, limit))
    return tuple(map(_build_message, rows))


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
