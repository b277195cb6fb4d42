"""Reads of a session's page for the operator: what was said in it and what was written, the newest first.

Not here: a transcript for programs, which has segments alone in pages (sessions.py). Threads: the cold reader's.
"""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from operator import attrgetter
from typing import Any

from omi_actors.domain.hearing.segments import StoredSegment
from omi_actors.domain.people.conversations import NEWEST, Position, position_of
from omi_actors.domain.sessions.records import StoredMessage
from omi_actors.store.transaction import Transaction

_SESSION = "SELECT id, uid, last_seen_at, last_seq, active_space, account_id FROM session WHERE session_key = ?"
_SEGMENTS = (
    "SELECT key, seq, conversation_id, text, speaker, speaker_id, is_user, person_id, start_s, end_s, created_at"
    " FROM transcript_segment WHERE session_id = ? AND seq < ? AND text <> '' ORDER BY seq DESC LIMIT ?"
)
_MESSAGES = (
    "SELECT message.id, conversation_id, role, message.kind, source, text, model, message.created_at,"
    " COALESCE(message.job_id, ''), COALESCE(delivery.state, ''), COALESCE(delivery.channel, ''),"
    " COALESCE(speaker, ''), COALESCE(job.state, ''), COALESCE(job.request_id, '')"
    " FROM message LEFT JOIN delivery ON delivery.message_id = message.id"
    " LEFT JOIN job ON job.job_id = message.job_id"
    " WHERE message.session_id = ? AND (message.created_at, message.id) < (?, ?)"
    " ORDER BY message.created_at DESC, message.id DESC LIMIT ?"
)
_MESSAGE_FIELDS = (
    *("message_id", "conversation_id", "role", "kind", "source", "text", "model", "created_at", "job_id"),
    *("delivery_state", "delivery_channel", "speaker", "job_state", "request_id"),
)


@dataclass(frozen=True, slots=True)
class TalkPlace:
    """A place in a session's talk: before the segment `seq`, and before a message's place."""

    seq: int
    message: Position


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPage:
    """A page of a session's talk, oldest first. `earlier` is the place where the page before it ends, if there is one.

    `segment_count` counts all segments so far. `numbers` are those of the conversations, by their ids.
    """

    session_key: str
    uid: str
    account_id: str | None
    last_seen_at: float
    segment_count: int
    space: str
    numbers: Mapping[str, int]
    entries: tuple[StoredSegment | StoredMessage, ...]
    earlier: TalkPlace | None


# Before it stands every entry; the number is above that of any segment.
LATEST = TalkPlace(2**63 - 1, NEWEST)


def load_session_page(tx: Transaction, session_key: str, *, before: TalkPlace, limit: int) -> SessionPage | None:
    """Load up to `limit` entries before a place, oldest first; None if there is no such session.

    Segments and messages have places of their own, so a clock that was put back hides no entry.
    """
    row = tx.fetch_one(_SESSION, (session_key,))
    if row is None:
        return None
    session_id, uid, last_seen_at, last_seq, space, account_id = row
    segments = [_build_segment(one) for one in tx.fetch(_SEGMENTS, (session_id, before.seq, limit + 1))]
    params = (session_id, before.message.at, before.message.row_id, limit + 1)
    messages = [StoredMessage(**dict(zip(_MESSAGE_FIELDS, one, strict=True))) for one in tx.fetch(_MESSAGES, params)]
    # A question has the time of its segment, and comes after it.
    both: list[list[StoredSegment | StoredMessage]] = [[*messages], [*segments]]
    entries = list(islice(heapq.merge(*both, key=attrgetter("created_at"), reverse=True), limit))
    is_whole = len(segments) + len(messages) <= limit
    return SessionPage(
        session_key=session_key,
        uid=uid,
        account_id=account_id,
        last_seen_at=last_seen_at,
        segment_count=last_seq,
        space=space,
        numbers=_load_numbers(tx, {entry.conversation_id for entry in entries}),
        entries=tuple(reversed(entries)),
        earlier=None if is_whole else _place_of(entries, before),
    )


def _place_of(entries: Iterable[StoredSegment | StoredMessage], before: TalkPlace) -> TalkPlace:
    """Return the place before the oldest of these entries, which are the newest first."""
    seq, message = before.seq, before.message
    for entry in entries:
        if isinstance(entry, StoredSegment):
            seq = entry.seq
        else:
            message = position_of(entry)
    return TalkPlace(seq, Position(message.at, message.row_id))


def _load_numbers(tx: Transaction, conversation_ids: set[str]) -> dict[str, int]:
    """Load the numbers by which a session counts its conversations."""
    if not conversation_ids:
        return {}
    marks = ", ".join("?" * len(conversation_ids))
    rows = tx.fetch(f"SELECT id, number FROM conversation WHERE id IN ({marks})", tuple(conversation_ids))  # noqa: S608
    return dict(rows)


def _build_segment(row: Sequence[Any]) -> StoredSegment:
    key, seq, conversation_id, text, speaker, speaker_id, is_user, *rest = row
    return StoredSegment(key, seq, conversation_id, text, speaker, speaker_id, bool(is_user), *rest)
