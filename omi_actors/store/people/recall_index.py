"""The index of a person's words: texts enter it, and it forgets.

A memory enters in the transaction of its row (`index_memory`). What was said enters later, in batches
(`index_session`): a webhook's commit does nothing for it. A text leaves with its row, by foreign keys and triggers.
Not here: questions (recall.py), words (domain/people/). Threads: a store actor's.
"""

import datetime as dt
import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from zoneinfo import ZoneInfo

from omi_actors.domain.people.recall import build_terms, fold_names
from omi_actors.store.dialect import build_insert
from omi_actors.store.ownership import owned_by
from omi_actors.store.transaction import Transaction

# Texts of one person that the index can number.
NUMBERS = 2**32
# Characters of folded speakers' names that a person's row keeps: some hundred names.
_SPEAKERS_CHARS = 2_000
_SETTLED_SEGMENT = (
    "transcript_segment.session_id = {session} AND seq > {seq} AND transcript_segment.created_at <= ? AND text <> ''"
)
# Spoken questions are segments, too; failures are not worth remembering.
_SETTLED_MESSAGE = (
    "message.session_id = {session} AND (message.created_at, message.id) > ({at}, {id}) AND message.created_at <= ?"
    " AND kind <> 'failure' AND (role = 'assistant' OR source = 'frontend')"
)
_FIND_SESSIONS = (
    "SELECT session.id FROM session LEFT JOIN recall_progress AS done ON done.session_id = session.id"  # noqa: S608
    " WHERE session.account_id > '' AND {ours} AND (done.account_id <> session.account_id"
    " OR EXISTS (SELECT 1 FROM transcript_segment WHERE "
    + _SETTLED_SEGMENT.format(session="session.id", seq="COALESCE(done.seq, 0)")
    + ") OR EXISTS (SELECT 1 FROM message WHERE "
    + _SETTLED_MESSAGE.format(
        session="session.id", at="COALESCE(done.message_at, 0)", id="COALESCE(done.message_id, '')"
    )
    + ")) LIMIT ?"
)
_FIND_STRAYS = (
    "SELECT session.id FROM recall_progress AS done JOIN session ON session.id = done.session_id"
    " WHERE session.account_id IS NULL LIMIT ?"
)
_FIND_SEGMENTS = (
    "SELECT created_at, seq, conversation_id, text, speaker FROM transcript_segment WHERE "  # noqa: S608 (as above)
    + _SETTLED_SEGMENT.format(session="?", seq="?")
    + " ORDER BY seq LIMIT ?"
)
_FIND_MESSAGES = (
    "SELECT created_at, id, conversation_id, text, '' FROM message WHERE "  # noqa: S608 (as above)
    + _SETTLED_MESSAGE.format(session="?", at="?", id="?")
    + " ORDER BY created_at, id LIMIT ?"
)
_INSERT_TEXT = build_insert(
    "recall_text", "no, memory_id, message_id, session_id, seq, follows, words", "ON CONFLICT DO NOTHING"
)
_OF_SESSION = (
    "SELECT no FROM recall_text WHERE session_id = ?",
    "SELECT no FROM recall_text JOIN message ON message.id = recall_text.message_id WHERE message.session_id = ?",
)
_KEEP_PROGRESS = (
    "INSERT INTO recall_progress (session_id, account_id, seq, message_at, message_id) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (session_id) DO UPDATE SET seq = excluded.seq, message_at = excluded.message_at,"
    " message_id = excluded.message_id"
)


@dataclass(frozen=True, slots=True)
class _IndexOwner:
    """A person's row in the index; `last` is the number of their latest text."""

    no: int
    last: int
    last_conversation_id: str | None
    speakers: str
    zone: dt.tzinfo

    @property
    def base(self) -> int:
        """Return the number before the person's first text."""
        return self.no * NUMBERS


@dataclass(frozen=True, slots=True)
class _NewText:
    """A text that enters the index. `source` is the row's memory id, message id, session id and seq."""

    at: float
    conversation_id: str | None
    text: str
    speaker: str
    source: tuple[str | None, str | None, str | None, int | None]


def index_memory(tx: Transaction, account_id: str, memory_id: str, text: str, *, at: float) -> None:
    """Index a memory; if its text has changed, index it anew. Its row must be there."""
    tx.run("DELETE FROM recall_text WHERE memory_id = ?", (memory_id,))
    index_memories(tx, account_id, [(memory_id, text, at)])


def index_memories(tx: Transaction, account_id: str, memories: Sequence[tuple[str, str, float]]) -> None:
    """Index memories that are new: id, text and time of each. Their rows must be there."""
    _index(tx, account_id, [_NewText(at, None, text, "", (key, None, None, None)) for key, text, at in memories])


def find_sessions(tx: Transaction, *, node: str, until: float, limit: int) -> tuple[str, ...]:
    """Return sessions for `index_session`: those that left their person, and those of persons on this node with news.

    News are texts before `until` (UTC seconds) that are not indexed.
    """
    is_ours, params = owned_by(tx, "session.node", node)
    strays = tx.fetch(_FIND_STRAYS, (limit,))
    news = tx.fetch(_FIND_SESSIONS.format(ours=is_ours), (*params, until, until, limit))
    return tuple(row[0] for row in (*strays, *news))


def index_session(tx: Transaction, session_id: str, *, until: float, limit: int) -> bool:
    """Index the next texts of a session, at most `limit`. Return True if there may be more.

    A segment may still grow, so `until` is some time ago. If the session has left the person for whom it was indexed,
    these texts leave the index first.
    """
    row = tx.fetch_one(
        "SELECT session.account_id, done.account_id, COALESCE(done.seq, 0), COALESCE(done.message_at, 0),"
        " COALESCE(done.message_id, '')"
        " FROM session LEFT JOIN recall_progress AS done ON done.session_id = session.id WHERE session.id = ?",
        (session_id,),
    )
    if row is None:
        return False
    account_id, indexed_for, seq, message_at, message_id = row
    if indexed_for is not None and indexed_for != account_id:
        return erase_session(tx, session_id, limit=limit) or account_id is not None
    if account_id is None:
        return False
    segments = tx.fetch(_FIND_SEGMENTS, (session_id, seq, until, limit))
    messages = tx.fetch(_FIND_MESSAGES, (session_id, message_at, message_id, until, limit))
    said = [
        _NewText(at, talk, text, speaker, (None, None, session_id, key)) for at, key, talk, text, speaker in segments
    ]
    typed = [_NewText(at, talk, text, speaker, (None, key, None, None)) for at, key, talk, text, speaker in messages]
    chosen = list(islice(heapq.merge(said, typed, key=lambda one: one.at), limit))
    for one in chosen:
        _memory, message, _session, number = one.source
        seq = max(seq, number or 0)
        if message is not None:
            message_at, message_id = one.at, message
    if chosen:
        _index(tx, account_id, chosen)
        tx.run(_KEEP_PROGRESS, (session_id, account_id, seq, message_at, message_id))
    return len(said) + len(typed) >= limit


def _index(tx: Transaction, account_id: str, texts: Sequence[_NewText]) -> None:
    owner = _take_numbers(tx, account_id, len(texts))
    number, conversation_id = owner.base + owner.last - len(texts), owner.last_conversation_id
    rows = []
    for one in texts:
        number += 1
        follows = one.conversation_id is not None and one.conversation_id == conversation_id
        conversation_id = one.conversation_id
        terms = build_terms(one.text, at=one.at, zone=owner.zone, speaker=one.speaker)
        rows.append((number, *one.source, follows, " ".join(f"{owner.no}_{term}" for term in terms)))
    tx.run_bulk(_INSERT_TEXT, rows)
    tx.run(
        "UPDATE recall_owner SET last_conversation_id = ?, speakers = ? WHERE no = ?",
        (conversation_id, _add_speakers(owner.speakers, (one.speaker for one in texts)), owner.no),
    )


def _take_numbers(tx: Transaction, account_id: str, count: int) -> _IndexOwner:
    """Reserve the next numbers of a person; the row stays locked until the transaction ends."""
    tx.run("INSERT INTO recall_owner (account_id) VALUES (?) ON CONFLICT DO NOTHING", (account_id,))
    row = tx.fetch_one(
        "UPDATE recall_owner SET last_text = last_text + ? WHERE account_id = ?"
        " RETURNING no, last_text, last_conversation_id, speakers",
        (count, account_id),
    )
    assert row is not None  # noqa: S101 (inserted above)
    no, last, conversation_id, speakers = row
    return _IndexOwner(no, last, conversation_id, speakers, _load_zone(tx, account_id))


def _load_zone(tx: Transaction, account_id: str) -> dt.tzinfo:
    row = tx.fetch_one("SELECT time_zone FROM user_preference WHERE account_id = ?", (account_id,))
    return parse_zone(row[0] if row is not None else None)


def _add_speakers(known: str, speakers: Iterable[str]) -> str:
    names = dict.fromkeys(known.split())
    for speaker in set(speakers):
        names.update(dict.fromkeys(fold_names(speaker)))
    added = " ".join(names)
    return added if len(added) <= _SPEAKERS_CHARS else known


def parse_zone(name: str | None) -> dt.tzinfo:
    """Return a person's time zone; UTC if they have not named one, or only half of it."""
    try:
        return ZoneInfo(name) if name else dt.UTC
    except (ValueError, OSError, KeyError):
        return dt.UTC


def erase_texts(tx: Transaction, account_id: str, *, limit: int) -> bool:
    """Delete up to `limit` texts of a person from the index, at the end the person. Return True if there are more.

    On SQLite call `merge_words` afterwards, until it returns False: only then the words have left the files.
    """
    row = tx.fetch_one("SELECT no FROM recall_owner WHERE account_id = ?", (account_id,))
    if row is None:
        return False
    base = row[0] * NUMBERS
    deleted = tx.run(
        "DELETE FROM recall_text WHERE no IN (SELECT no FROM recall_text WHERE no > ? AND no < ? LIMIT ?)",
        (base, base + NUMBERS, limit),
    )
    if deleted < limit:
        tx.run("DELETE FROM recall_owner WHERE account_id = ?", (account_id,))
    return deleted == limit


def erase_session(tx: Transaction, session_id: str, *, limit: int) -> bool:
    """Delete up to `limit` texts of a session from the index, at last its progress. Return True if there are more."""
    deleted = 0
    for sql in _OF_SESSION:
        deleted += tx.run(f"DELETE FROM recall_text WHERE no IN ({sql} LIMIT ?)", (session_id, limit - deleted))  # noqa: S608 (our own constants)
    if deleted < limit:
        tx.run("DELETE FROM recall_progress WHERE session_id = ?", (session_id,))
    return deleted == limit


def merge_words(tx: Transaction, *, is_first: bool) -> bool:
    """Make one bounded step that removes deleted words from the index. Return False if nothing is left to do.

    `is_first` begins with the whole index; the later steps go on with it.
    """
    tx.has_erased = True
    return tx.merge_words(is_first=is_first)
