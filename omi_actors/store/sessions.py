"""Reads of sessions: for activation, for a transcript, for the context of an answer.

Not here: writing them (commits.py). Threads: a reader's.
"""

from collections.abc import Callable, Sequence
from itertools import starmap
from typing import Any

from omi_actors.domain.answers.prompt import EarlierMessage, TranscriptLine
from omi_actors.domain.hearing.segments import StoredSegment, version_of
from omi_actors.domain.hearing.state import SPOKEN_PREFIX, Place, read_place
from omi_actors.domain.people.prompts import fill
from omi_actors.domain.sessions.keys import account_in
from omi_actors.domain.sessions.records import AnswerContext, SessionRecord, StoredMessage, Transcript
from omi_actors.store.answers import load_open_answers
from omi_actors.store.model_use import load_use
from omi_actors.store.ownership import owned_by
from omi_actors.store.transaction import Transaction

_SEGMENT = (
    "key, seq, conversation_id, text, speaker, speaker_id, is_user, person_id, start_s, end_s, created_at"
    " FROM transcript_segment"
)
_MESSAGE = (
    "message.id, conversation_id, role, kind, source, text, model, message.created_at, COALESCE(job_id, ''),"
    " COALESCE(delivery.state, ''), COALESCE(delivery.channel, '')"
    " FROM message LEFT JOIN delivery ON delivery.message_id = message.id"
)
_HEARD = (
    "SELECT speaker, text, created_at FROM transcript_segment WHERE session_id = ? AND text <> ''"
    " ORDER BY seq DESC LIMIT ?"
)
_HISTORY = (
    "SELECT message.role, message.text, COALESCE(asked.speaker, ''),"
    " COALESCE(asked.asker = 'user' OR asked.source = 'frontend', FALSE)"
    " FROM message LEFT JOIN message AS asked ON asked.job_id = message.job_id AND asked.role = 'user'"
    " WHERE message.{} = ? AND message.kind <> 'failure'"
    " ORDER BY message.created_at DESC, message.id DESC LIMIT ?"
)
_OF_SESSION, _OF_CONVERSATION = (_HISTORY.format(column) for column in ("session_id", "conversation_id"))
# A session without a space of its own has its person's. The account is given only if its person allows that memories
# enter prompts.
_ANSWERED_FOR = (
    "SELECT asked.space, session_key, recall_of, prompt.text FROM"
    " (SELECT CASE WHEN session.active_space <> 'default' THEN session.active_space"
    " ELSE COALESCE(preference.active_space, 'default') END AS space, session_key, session.account_id,"
    " CASE WHEN preference.inject_memories THEN session.account_id END AS recall_of"
    " FROM session LEFT JOIN user_preference AS preference ON preference.account_id = session.account_id"
    " WHERE session.id = ?) AS asked"
    " LEFT JOIN prompt ON prompt.account_id = asked.account_id AND prompt.space = asked.space"
)
# Below the number of parameters that every SQLite takes.
_KEYS_PER_QUERY = 500
_STATE_FIELDS = (
    "uid",
    "epoch",
    "conversation_id",
    "conversation_number",
    "last_seq",
    "last_end_s",
    "last_seen_at",
    "listening_until",
    "knows_user",
    "node",
    "account_id",
)
_MESSAGE_FIELDS = (
    *("message_id", "conversation_id", "role", "kind", "source", "text", "model", "created_at", "job_id"),
    *("delivery_state", "delivery_channel"),
)


def load_session(
    tx: Transaction, session_key: str, *, recent: int, asked: int = 0, answers_since: float = 0.0
) -> SessionRecord | None:
    """Load a session; None if it was never stored.

    The record holds its latest `recent` segments, the places of its latest `asked` questions, and its open answers
    since `answers_since` (UTC seconds).
    """
    row = tx.fetch_one(
        "SELECT id, uid, epoch, conversation_id, conversation_number, last_seq, last_end_s, last_seen_at,"
        " listening_until, COALESCE(knows_user, FALSE), node, account_id FROM session WHERE session_key = ?",
        (session_key,),
    )
    if row is None:
        return None
    session_id, *state = row
    return SessionRecord(
        session_id=session_id,
        session_key=session_key,
        **dict(zip(_STATE_FIELDS, state, strict=True)),
        recent_segments=_load_latest_segments(tx, session_id, recent),
        asked=_load_asked(tx, session_id, asked),
        open_answers=load_open_answers(tx, session_id, since=answers_since),
    )


def load_transcript(
    tx: Transaction, session_key: str, *, after_seq: int, limit: int, messages: int
) -> Transcript | None:
    """Load up to `limit` segments after `after_seq`, and the session's latest `messages` messages."""
    row = tx.fetch_one("SELECT id FROM session WHERE session_key = ?", (session_key,))
    if row is None:
        return None
    rows = tx.fetch(
        f"SELECT {_SEGMENT} WHERE session_id = ? AND seq > ? AND text <> '' ORDER BY seq LIMIT ?",
        (row[0], after_seq, limit + 1),
    )
    segments = tuple(map(_build_segment, rows[:limit]))
    return Transcript(
        session_key=session_key,
        segments=segments,
        messages=_load_latest_messages(tx, row[0], messages),
        next_after_seq=segments[-1].seq if len(rows) > limit and segments else None,
    )


def load_answer_context(
    tx: Transaction, session_id: str, *, choose_rows: Callable[[str], tuple[int, int]], conversation_id: str = ""
) -> AnswerContext:
    """Load the input of a prompt: the session's latest segments and messages, without failures.

    In a session that an account began by typing, the messages are those of the question's conversation alone.
    `choose_rows` returns the numbers of segments and messages for the name of a space (a subject of prompts).
    """
    row = tx.fetch_one(_ANSWERED_FOR, (session_id,))
    space, session_key, recall_of, wish = row if row is not None else ("default", "", None, None)
    segments, messages = choose_rows(space)
    is_typed = bool(conversation_id) and account_in(session_key) is not None
    turns, of = (_OF_CONVERSATION, conversation_id) if is_typed else (_OF_SESSION, session_id)
    return AnswerContext(
        transcript=tuple(starmap(TranscriptLine, reversed(tx.fetch(_HEARD, (session_id, segments))))),
        history=tuple(starmap(EarlierMessage, reversed(tx.fetch(turns, (of, messages))))),
        space=space,
        use=load_use(tx, session_key),
        recall_of=recall_of,
        wish=fill(wish or "", {}),
    )


def load_space(tx: Transaction, session_key: str) -> str | None:
    """Load the name of a session's space; None if there is no such session."""
    row = tx.fetch_one("SELECT active_space FROM session WHERE session_key = ?", (session_key,))
    return None if row is None else str(row[0])


def load_states(tx: Transaction, session_keys: Sequence[str]) -> dict[str, tuple[str, str | None, bool]]:
    """Load the space and the conversation of sessions by their keys, and whether an answer is under way."""
    if not session_keys:
        return {}
    rows = tx.fetch(
        "SELECT session_key, active_space, conversation_id, EXISTS (SELECT 1 FROM job WHERE session_id = session.id"  # noqa: S608 (marks only)
        f" AND state IN ('ready', 'running')) FROM session WHERE session_key IN ({', '.join('?' * len(session_keys))})",
        session_keys,
    )
    return {key: (space, conversation_id, bool(is_asked)) for key, space, conversation_id, is_asked in rows}


def has_messages(tx: Transaction, conversation_id: str) -> bool:
    """Return True if something was typed or answered in this conversation."""
    return tx.fetch_one("SELECT 1 FROM message WHERE conversation_id = ? LIMIT 1", (conversation_id,)) is not None


def find_segments(tx: Transaction, session_id: str, keys: Sequence[str]) -> dict[str, int]:
    """Return those of `keys` that the session holds, with the versions of their segments."""
    found: dict[str, int] = {}
    for start in range(0, len(keys), _KEYS_PER_QUERY):
        some = keys[start : start + _KEYS_PER_QUERY]
        marks = ", ".join("?" * len(some))
        rows = tx.fetch(
            "SELECT key, length(text), speaker, speaker_id, is_user, person_id FROM transcript_segment"  # noqa: S608
            f" WHERE session_id = ? AND key IN ({marks})",
            (session_id, *some),
        )
        found.update((key, version_of(length, *speaker)) for key, length, *speaker in rows)
    return found


def load_listening(tx: Transaction, *, node: str, until: float, limit: int) -> tuple[str, ...]:
    """Load the keys of this node's sessions with an open question whose deadline is not later than `until`."""
    is_ours, params = owned_by(tx, "node", node)
    rows = tx.fetch(
        f"SELECT session_key FROM session WHERE listening_until <= ? AND {is_ours} ORDER BY listening_until LIMIT ?",  # noqa: S608
        (until, *params, limit),
    )
    return tuple(row[0] for row in rows)


def _load_asked(tx: Transaction, session_id: str, count: int) -> tuple[Place, ...]:
    """Return the places of the latest spoken questions, oldest first. The keys of their answer jobs hold the places."""
    rows = tx.fetch(
        "SELECT idempotency_key FROM job WHERE session_id = ? AND kind = 'answer' AND idempotency_key LIKE ?"
        " ORDER BY seq DESC LIMIT ?",
        (session_id, f"{SPOKEN_PREFIX}%", count),
    )
    return tuple(read_place(row[0]) for row in reversed(rows))


def _load_latest_segments(tx: Transaction, session_id: str, count: int) -> tuple[StoredSegment, ...]:
    if count == 0:
        return ()
    rows = tx.fetch(
        f"SELECT {_SEGMENT} WHERE session_id = ? ORDER BY seq DESC LIMIT ?",
        (session_id, count),
    )
    return tuple(map(_build_segment, reversed(rows)))


def _load_latest_messages(tx: Transaction, session_id: str, count: int) -> tuple[StoredMessage, ...]:
    rows = tx.fetch(
        f"SELECT {_MESSAGE} WHERE message.session_id = ? ORDER BY message.created_at DESC, message.id DESC LIMIT ?",
        (session_id, count),
    )
    return tuple(StoredMessage(**dict(zip(_MESSAGE_FIELDS, row, strict=True))) for row in reversed(rows))


def _build_segment(row: Any) -> StoredSegment:
    key, seq, conversation_id, text, speaker, speaker_id, is_user, *rest = row
    return StoredSegment(key, seq, conversation_id, text, speaker, speaker_id, bool(is_user), *rest)
