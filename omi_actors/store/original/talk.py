"""Turns what was said at the original into ours: wearables' sessions, conversations, segments, messages.

A row that does not fit is left out, and its reason counted. Not here: persons (persons.py), reading (source.py).
Threads: the command's.
"""

import uuid
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from omi_actors.domain.hearing.segments import Segment, build_key
from omi_actors.domain.people.memories import clean_text
from omi_actors.domain.sessions.keys import account_prefix, wearable_key
from omi_actors.store.dialect import Row as Values
from omi_actors.store.dialect import build_insert
from omi_actors.store.original.batch import THERE, Moved, find, find_accounts, keep
from omi_actors.store.original.source import Row
from omi_actors.store.transaction import Transaction

_SESSION = build_insert(
    "session",
    "id, session_key, uid, account_id, node, incarnation, epoch, conversation_number, last_seq, last_end_s, created_at,"
    " last_seen_at",
    THERE,
)
_CONVERSATION = build_insert("conversation", "id, session_id, number, title, summary, started_at, ended_at", THERE)
_SEGMENT = build_insert(
    "transcript_segment",
    "session_id, seq, key, conversation_id, text, speaker, speaker_id, is_user, start_s, end_s, created_at",
    THERE,
)
_MESSAGE = build_insert("message", "id, session_id, conversation_id, role, kind, source, text, created_at", THERE)
_ROLES = {"USER": ("user", "question"), "ASSISTANT": ("assistant", "answer")}
_SOURCES = {"FRONTEND": "frontend", "OMI_TRANSCRIPT": "omi_transcript", "SYSTEM": "system", "TOOL": "tool"}
# What the original stored as an answer when it had none.
_FAILURES = (
    "I'm sorry, I'm having trouble responding right now.",
    "I'm having trouble right now. Please try again.",
    "I'm sorry, I'm experiencing technical difficulties.",
    "I'm processing your request. Please try again in a moment.",
    "I'm sorry, please try again later.",
    "I'm taking a bit longer to think. Please try again.",
)
# Seconds into a conversation: no column holds infinity.
_MAX_S = 1e9
# A namespace of our own for the ids of sessions and conversations that the original had not.
_MADE = uuid.UUID("6d0a6c1e-5d0b-4b8e-9b7a-9a4c3b0f7a11")
_NO_CONVERSATION = "its conversation is not here"


def move_sessions(tx: Transaction, rows: Sequence[Row]) -> Moved:
    """Keep wearables' sessions. One belongs to the account with the confirmed link, else to its user there.

    In the original one could take a wearable's session without a link.
    """
    moved, values, accounts = Moved(), [], find_accounts(tx, rows)
    uids = {row["omiSessionId"] for row in rows}
    linked = find(tx, "SELECT omi_uid, account_id FROM omi_link WHERE is_verified AND omi_uid IN ({marks})", uids)
    for row in rows:
        uid = row["omiSessionId"]
        owner = linked[uid][1] if uid in linked else row["userId"]
        account_id = owner if uid in linked or owner in accounts else None
        seen_at = row["lastSeenAt"] or row["createdAt"]
        values.append(_session_values(tx, row["id"], wearable_key(uid), account_id, row["createdAt"], seen_at))
    keep(tx, moved, _SESSION, values)
    return moved


def _session_values(
    tx: Transaction, session_id: str, key: str, account_id: str | None, created_at: float, seen_at: float
) -> Values:
    # Incarnation 0 marks a session that has not spoken here yet.
    return session_id, key, key.partition(":")[2], account_id, tx.node.name, 0, 1, 0, 0, 0.0, created_at, seen_at


def move_conversations(tx: Transaction, rows: Sequence[Row]) -> Moved:
    """Keep conversations: in their wearable's session, else in one of the account for all that it typed there."""
    moved, accounts = Moved(), find_accounts(tx, rows)
    keys = {row["id"]: _session_key(row, accounts) for row in rows}
    _make_typed_sessions(tx, [row for row in rows if keys[row["id"]] and not row["session_uid"]], keys)
    sessions = find(
        tx,
        "SELECT session_key, id, conversation_number, incarnation FROM session WHERE session_key IN ({marks})",
        {*filter(None, keys.values())},
    )
    known = find(tx, "SELECT id FROM conversation WHERE id IN ({marks})", {*keys})
    numbers = {key: row[2] for key, row in sessions.items()}
    latest, values = {}, []
    for row in rows:
        key = keys[row["id"]]
        if key not in sessions:
            moved.left_out["neither its user nor its session is here"] += 1
        elif row["id"] in known:
            moved.there += 1
        else:
            numbers[key] += 1
            latest[key] = row
            title, summary = (clean_text(row[name] or "") or None for name in ("title", "summary"))
            values.append((row["id"], sessions[key][1], numbers[key], title, summary, row["createdAt"], row["endedAt"]))
    keep(tx, moved, _CONVERSATION, values)
    for key, row in latest.items():
        _go_on_from(tx, sessions[key], numbers[key], row)
    return moved


def _session_key(row: Row, accounts: set[str]) -> str:
    """Return the key of a conversation's session; "" if it has none here."""
    if row["session_uid"]:
        return wearable_key(row["session_uid"])
    return f"{account_prefix(row['userId'])}:original" if row["userId"] in accounts else ""


def _make_typed_sessions(tx: Transaction, rows: Sequence[Row], keys: Mapping[str, str]) -> None:
    values = {}
    for row in rows:
        key = keys[row["id"]]
        values[key] = _session_values(tx, _made_id(key), key, row["userId"], row["createdAt"], row["createdAt"])
    if values:
        tx.run_bulk(_SESSION, list(values.values()))


def _made_id(key: str) -> str:
    return str(uuid.uuid5(_MADE, key))


def _go_on_from(tx: Transaction, session: Sequence[Any], number: int, row: Row) -> None:
    """Make the latest conversation the present one of its session, unless the session has spoken here."""
    _key, session_id, _number, incarnation = session
    tx.run("UPDATE session SET conversation_number = ? WHERE id = ?", (number, session_id))
    if not incarnation:
        tx.run(
            "UPDATE session SET conversation_id = ?, last_seen_at = CASE WHEN last_seen_at > ? THEN last_seen_at"
            " ELSE ? END WHERE id = ?",
            (row["id"], row["createdAt"], row["createdAt"], session_id),
        )


def move_segments(tx: Transaction, rows: Sequence[Row]) -> Moved:
    """Keep what was heard, in the order of its time, each in the conversation that went on then."""
    moved, by_key = Moved(), defaultdict(list)
    for row in rows:
        by_key[wearable_key(row["session_uid"] or "")].append(row)
    sessions = find(
        tx, "SELECT session_key, id, last_seq, last_end_s FROM session WHERE session_key IN ({marks})", {*by_key}
    )
    for key, some in by_key.items():
        if key in sessions:
            _move_heard(tx, moved, sessions[key], some)
        else:
            moved.left_out["its session is not here"] += len(some)
    return moved


def _move_heard(tx: Transaction, moved: Moved, session: Sequence[Any], rows: Sequence[Row]) -> None:
    _key, session_id, last_seq, last_end_s = session
    talks = _load_talks(tx, session_id, rows[0]["createdAt"])
    heard = {_segment_key(row): row for row in rows}
    moved.left_out.update({"the same segment twice": len(rows) - len(heard)} if len(heard) < len(rows) else {})
    held = "SELECT key FROM transcript_segment WHERE session_id = ? AND key IN ({marks})"
    known = find(tx, held, {*heard}, session_id)
    values = []
    for key, row in heard.items():
        if key in known:
            moved.there += 1
            continue
        last_seq += 1
        start_s, end_s = (min(_MAX_S, max(0.0, row[name] or 0.0)) for name in ("start", "end"))
        talk = talks[max(0, bisect_right(talks, row["createdAt"], key=lambda one: one[0]) - 1)][1]
        speaker = clean_text(row["speaker"] or "")
        who = speaker, row["speakerId"], bool(row["isUser"])
        values.append((session_id, last_seq, key, talk, row["text"], *who, start_s, end_s, row["createdAt"]))
        last_end_s = max(last_end_s, end_s)
    keep(tx, moved, _SEGMENT, values)
    tx.run("UPDATE session SET last_seq = ?, last_end_s = ? WHERE id = ?", (last_seq, last_end_s, session_id))


def _load_talks(tx: Transaction, session_id: str, first_at: float) -> list[tuple[float, str]]:
    """Return start and id of a session's conversations; make one if it has none."""
    ask = "SELECT started_at, id FROM conversation WHERE session_id = ? ORDER BY started_at, id"
    talks = [(row[0], row[1]) for row in tx.fetch(ask, (session_id,))]
    if not talks:
        talks = [(first_at, _made_id(session_id))]
        tx.run_bulk(_CONVERSATION, [(talks[0][1], session_id, 1, None, None, first_at, None)])
        tx.run(
            "UPDATE session SET conversation_number = 1, conversation_id = COALESCE(conversation_id, ?) WHERE id = ?",
            (talks[0][1], session_id),
        )
    return talks


def _segment_key(row: Row) -> str:
    return build_key(
        Segment(
            segment_id=row["omiSegmentId"] or row["id"],
            text=row["text"],
            speaker=row["speaker"] or "",
            speaker_id=None,
            is_user=bool(row["isUser"]),
            person_id=None,
            start_s=row["start"] or 0.0,
            end_s=row["end"] or 0.0,
        ),
        0,
    )


def move_messages(tx: Transaction, rows: Sequence[Row]) -> Moved:
    """Keep questions and answers."""
    moved, values = Moved(), []
    talks = find(
        tx, "SELECT id, session_id FROM conversation WHERE id IN ({marks})", {row["conversationId"] for row in rows}
    )
    for row in rows:
        role, kind = _ROLES.get(row["role"], ("", ""))
        if row["conversationId"] not in talks:
            moved.left_out[_NO_CONVERSATION] += 1
        elif not role:
            moved.left_out["its role is neither USER nor ASSISTANT"] += 1
        else:
            if kind == "answer" and row["text"].startswith(_FAILURES):
                kind = "failure"
            source = _SOURCES.get(row["source"], "system")
            place = row["id"], talks[row["conversationId"]][1], row["conversationId"]
            values.append((*place, role, kind, source, row["text"], row["createdAt"]))
    keep(tx, moved, _MESSAGE, values)
    return moved
