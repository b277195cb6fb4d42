"""The hot path: the writes of session turns, many turns in one transaction.

Not here: transactions, and the failure of one commit among many (engine.py); reading (sessions.py).
Threads: the writer's.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from msgspec.structs import astuple

from omi_actors.domain.hearing.segments import StoredSegment
from omi_actors.domain.sessions.keys import account_in, wearable_in
from omi_actors.domain.sessions.records import SessionCommit
from omi_actors.domain.work.jobs import NewJob
from omi_actors.errors import FencedError, OmiError, QueueFullError, TooLargeError
from omi_actors.store.answers import (
    CHANGE,
    INSERT_ASKED,
    answer_with_failure,
    build_change_row,
    build_message_row,
    check_text,
)
from omi_actors.store.dialect import Bulk, Row, build_insert
from omi_actors.store.transaction import NodeIdentity, Transaction

_SESSION_COLUMNS = (
    "id, session_key, uid, created_at, node, incarnation, epoch, conversation_id, conversation_number, last_seq,"
    " last_end_s, last_seen_at, listening_until"
)
# The session of a linked wearable is its account's from the start; so is one that an account begins itself.
_OWNER = "COALESCE(?, (SELECT account_id FROM omi_link WHERE omi_uid = ? AND is_verified))"
_INSERT_SESSION = build_insert(
    "session", f"{_SESSION_COLUMNS}, account_id", "ON CONFLICT DO NOTHING", last_value=_OWNER
)
_UPDATE_SESSION = Bulk(
    one=(
        "UPDATE session SET node = ?, incarnation = ?, epoch = ?, conversation_id = ?, conversation_number = ?,"
        " last_seq = ?, last_end_s = ?, last_seen_at = ?, listening_until = ? WHERE id = ? AND epoch = ?"
    ),
    many=(
        "UPDATE session SET node = v.node, incarnation = v.incarnation, epoch = v.epoch,"
        " conversation_id = v.conversation_id, conversation_number = v.conversation_number, last_seq = v.last_seq,"
        " last_end_s = v.last_end_s, last_seen_at = v.last_seen_at, listening_until = v.listening_until"
        " FROM (VALUES %s) AS v (node, incarnation, epoch, conversation_id, conversation_number, last_seq, last_end_s,"
        " last_seen_at, listening_until, id, epoch_before)"
        " WHERE session.id = v.id AND session.epoch = v.epoch_before"
    ),
    template=(
        "(%s, %s::bigint, %s::bigint, %s::text, %s::integer, %s::bigint, %s::double precision,"
        " %s::double precision, %s::double precision, %s, %s::bigint)"
    ),
)
_UPDATE_SPACE = Bulk(
    one="UPDATE session SET active_space = ? WHERE id = ?",
    many="UPDATE session SET active_space = v.space FROM (VALUES %s) AS v (space, id) WHERE session.id = v.id",
    template="(%s, %s)",
)
# Only once in a session's life.
_MEET_USER = Bulk(
    one="UPDATE session SET knows_user = TRUE WHERE id = ?",
    many="UPDATE session SET knows_user = TRUE FROM (VALUES %s) AS v (id) WHERE session.id = v.id",
    template="(%s)",
)
_INSERT_CONVERSATION = build_insert("conversation", "id, session_id, number, started_at", "ON CONFLICT (id) DO NOTHING")
# A segment's fields are its columns, in its order. Its speaker may be found out later. A deleted text stays so.
_UPSERT_SEGMENT = build_insert(
    "transcript_segment",
    ", ".join(("session_id", *StoredSegment.__struct_fields__)),
    "ON CONFLICT (session_id, key) DO UPDATE SET text = excluded.text, end_s = excluded.end_s,"
    " speaker = excluded.speaker, speaker_id = excluded.speaker_id, is_user = excluded.is_user,"
    " person_id = excluded.person_id WHERE length(excluded.text) >= length(transcript_segment.text)"
    " AND transcript_segment.text <> ''",
)
INSERT_JOB = build_insert(
    "job",
    "job_id, kind, lane, idempotency_key, session_id, priority, run_at, max_attempts, payload, request_id, created_at,"
    " version, fingerprint",
    "ON CONFLICT DO NOTHING",
)
_INSERT_RAW_EVENT = build_insert(
    "raw_event",
    "id, session_id, kind, dedupe_key, content_type, body, received_at",
    "ON CONFLICT DO NOTHING",
)


# Bytes of JSON. A question has a thousand characters, what comes along with a typed one some ten thousand.
MAX_PAYLOAD_BYTES = 262_144
# In place of a payload that is larger. No kind has an empty one.
TOO_LARGE = "{}"


@dataclass(frozen=True, slots=True)
class NewRow:
    """A job that this transaction has enqueued. At most `lane_cap` jobs of its lane may wait or run."""

    job_id: str
    lane: str
    lane_cap: int


@dataclass(slots=True)
class _Rows:
    """The rows of many commits, by statement."""

    new_sessions: list[Row] = field(default_factory=list)
    sessions: list[Row] = field(default_factory=list)
    spaces: list[Row] = field(default_factory=list)
    meetings: list[Row] = field(default_factory=list)
    conversations: list[Row] = field(default_factory=list)
    segments: list[Row] = field(default_factory=list)
    messages: list[Row] = field(default_factory=list)
    jobs: list[Row] = field(default_factory=list)
    new_jobs: list[NewRow] = field(default_factory=list)
    delivery_changes: list[Row] = field(default_factory=list)
    raw_events: list[Row] = field(default_factory=list)


def write_commits(tx: Transaction, commits: Sequence[SessionCommit]) -> None:
    """Write commits of *different* sessions. Each statement runs once for all of them.

    Raises: FencedError when one of them is fenced; the transaction must then be rolled back.
    """
    rows = _Rows()
    for commit in commits:
        _collect(rows, commit, tx.node)
    rows.new_sessions.sort(key=_key_of)  # one order on all nodes, as in `lock_sessions`
    _write_fenced(tx, _INSERT_SESSION, rows.new_sessions)
    _write_fenced(tx, _UPDATE_SESSION, rows.sessions)
    for bulk, some in (
        (_UPDATE_SPACE, rows.spaces),
        (_MEET_USER, rows.meetings),
        (_INSERT_CONVERSATION, rows.conversations),
        (_UPSERT_SEGMENT, rows.segments),
        (INSERT_JOB, rows.jobs),
        (INSERT_ASKED, rows.messages),
        (_INSERT_RAW_EVENT, rows.raw_events),
    ):
        if some:
            tx.run_bulk(bulk, some)
    if rows.new_jobs:
        refuse_jobs(tx, rows.new_jobs)
    _write_fenced(tx, CHANGE, rows.delivery_changes)


def lock_sessions(tx: Transaction, commits: Sequence[SessionCommit]) -> None:
    """Lock the rows of these commits' sessions, in one order on all nodes: so no two groups wait for each other."""
    ids = {commit.session_id for commit in commits if commit.epoch_before}
    if len(ids) > 1:
        marks = ", ".join("?" * len(ids))
        tx.fetch(f"SELECT 1 FROM session WHERE id IN ({marks}) ORDER BY id FOR NO KEY UPDATE", tuple(ids))  # noqa: S608


def _key_of(new_session: Row) -> str:
    return str(new_session[1])


def _write_fenced(tx: Transaction, bulk: Bulk, rows: Sequence[Row]) -> None:
    """Run a statement that must change exactly one row for each of `rows`."""
    if rows and tx.run_bulk(bulk, rows) != len(rows):
        raise FencedError("the session, or a delivery of it, does not stand where this commit was decided")


def _collect(rows: _Rows, commit: SessionCommit, node: NodeIdentity) -> None:
    session_id = commit.session_id
    _collect_session(rows, commit, node)
    for segment in commit.segments:
        check_text(segment.text)
        rows.segments.append((session_id, *astuple(segment)))
    if commit.messages:
        rows.messages.extend(map(build_message_row, commit.messages))
    if commit.jobs:
        rows.jobs.extend(build_job_row(job, session_id) for job in commit.jobs)
        rows.new_jobs.extend(NewRow(job.job_id, job.lane, commit.lane_cap) for job in commit.jobs)
    if commit.delivery_changes:
        rows.delivery_changes.extend(build_change_row(change, node) for change in commit.delivery_changes)
    for event in commit.raw_events:
        rows.raw_events.append(
            (
                event.event_id,
                session_id,
                event.kind,
                event.dedupe_key,
                event.content_type,
                event.body,
                event.received_at,
            )
        )


def _collect_session(rows: _Rows, commit: SessionCommit, node: NodeIdentity) -> None:
    """Collect the session's row, for an insert or for an update that checks the epoch; the commit's fence decides."""
    state = (
        node.name,
        node.incarnation,
        commit.epoch,
        commit.conversation_id,
        commit.conversation_number,
        commit.last_seq,
        commit.last_end_s,
        commit.last_seen_at,
        commit.listening_until,
    )
    if commit.epoch_before:
        rows.sessions.append((*state, commit.session_id, commit.epoch_before))
    else:
        identity = (commit.session_id, commit.session_key, commit.uid, commit.last_seen_at)
        key = commit.session_key
        rows.new_sessions.append((*identity, *state, account_in(key), wearable_in(key)))
    if commit.active_space is not None:
        rows.spaces.append((commit.active_space, commit.session_id))
    if commit.meets_user:
        rows.meetings.append((commit.session_id,))
    new = commit.new_conversation
    if new is not None:
        rows.conversations.append((new.conversation_id, commit.session_id, new.number, new.started_at))


def build_job_row(job: NewJob, session_id: str | None) -> Row:
    """Return the values of INSERT_JOB. When the session `session_id` is deleted, so is the job's text.

    A payload that is too large is left out; such a job is refused later.
    """
    payload = json.dumps(dict(job.payload), ensure_ascii=False, allow_nan=False)
    if len(payload.encode()) > MAX_PAYLOAD_BYTES:
        payload = TOO_LARGE
    return (
        job.job_id,
        job.kind,
        job.lane,
        job.idempotency_key,
        session_id,
        job.priority,
        job.run_at,
        job.max_attempts,
        payload,
        job.request_id,
        job.created_at,
        job.version,
        job.fingerprint,
    )


def refuse_jobs(tx: Transaction, jobs: Sequence[NewRow]) -> None:
    """Make those of `jobs` dead that must not wait, in their order. A job that was stored before is not changed."""
    ids = [job.job_id for job in jobs]
    for job_id in _find_too_large(tx, ids):
        _refuse(tx, job_id, TooLargeError(f"its payload has more than {MAX_PAYLOAD_BYTES} bytes"))
    for job_id, cap in _find_excess(tx, jobs):
        _refuse(tx, job_id, QueueFullError(f"its lane holds {cap} jobs (QUEUE_LANE_CAP)"))


def _find_too_large(tx: Transaction, ids: Sequence[str]) -> list[str]:
    rows = tx.fetch(
        f"SELECT job_id FROM job WHERE job_id IN ({', '.join('?' * len(ids))}) AND payload = '{TOO_LARGE}'",  # noqa: S608
        ids,
    )
    return [job_id for (job_id,) in rows]


def _find_excess(tx: Transaction, jobs: Sequence[NewRow]) -> Iterable[tuple[str, int]]:
    """Return those of `jobs` that exceed their lane's cap, the newest of the lane, with the cap."""
    caps = {job.lane: job.lane_cap for job in jobs}
    counts = tx.fetch(
        "SELECT lane, count(*) FROM job WHERE state IN ('ready', 'running')"  # noqa: S608 (placeholders)
        f" AND lane IN ({', '.join('?' * len(caps))}) GROUP BY lane",
        tuple(caps),
    )
    for lane, count in counts:
        excess = int(count) - caps[lane]
        if excess > 0:
            yield from ((job.job_id, job.lane_cap) for job in [job for job in jobs if job.lane == lane][-excess:])


def _refuse(tx: Transaction, job_id: str, error: OmiError) -> None:
    changed = tx.run(
        "UPDATE job SET state = 'dead', finished_at = ?, error = ? WHERE job_id = ? AND state = 'ready'",
        (tx.now_s(), str(error), job_id),
    )
    if changed:
        answer_with_failure(tx, job_id, error)
