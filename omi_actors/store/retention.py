"""Pruning: deletes old rows, a few at a time, so that other writes never wait long.

Never pruned: an unfinished answer (pending, sending) with its question; a job that waits or runs; sessions,
conversations' titles and summaries, memories, accounts. With a message its delivery and notification are deleted. If
the clock has leapt since the cutoffs were computed, they may be wrong, and nothing is pruned. Not here: the cutoffs
(domain/work/retention.py), the order (actors/maintenance/janitor.py), the pause (retention_state.py). Threads: the
writer's; searches and counts run in a reader.
"""

# mypy: disallow-untyped-calls=False
# (Pony's stubs leave select untyped.)

from collections.abc import Mapping
from dataclasses import dataclass

from pony import orm

from omi_actors.domain.answers.budget import owner_of
from omi_actors.domain.work.retention import Cutoffs
from omi_actors.store.messages import enqueues
from omi_actors.store.retention_state import load_state
from omi_actors.store.transaction import EntityTransaction, Transaction

# Bodies of raw events may have megabytes, which `secure_delete` overwrites: 10 ms each.
_RAW_LIMIT = 1

# By their order within the session, which is that of time: only the first ones are looked at.
_SEGMENTS = (
    "DELETE FROM transcript_segment WHERE session_id = ? AND seq IN (SELECT seq FROM (SELECT seq, created_at FROM"
    " transcript_segment WHERE session_id = ? ORDER BY seq LIMIT ?) AS first WHERE created_at < ?)"
)
_MESSAGES = (
    "DELETE FROM message WHERE id IN (SELECT id FROM (SELECT id, job_id FROM message WHERE session_id = ?"
    " AND created_at < ? ORDER BY created_at, id LIMIT ?) AS old WHERE NOT EXISTS (SELECT 1 FROM job"
    " WHERE job.job_id = old.job_id AND job.state IN ('ready', 'running')) AND NOT EXISTS (SELECT 1 FROM delivery"
    " WHERE delivery.message_id = old.id AND delivery.state IN ('pending', 'sending')) AND NOT EXISTS (SELECT 1 FROM"
    " message AS said JOIN delivery ON delivery.message_id = said.id WHERE said.job_id = old.job_id"
    " AND delivery.state IN ('pending', 'sending')))"
)
_RAW_EVENTS = (
    "DELETE FROM raw_event WHERE id IN (SELECT id FROM raw_event WHERE session_id = ? AND received_at < ?"
    " ORDER BY received_at LIMIT ?)"
)
_NOTIFICATIONS = (
    "DELETE FROM notification_event WHERE id IN (SELECT id FROM notification_event WHERE session_id = ?"
    " AND created_at < ? AND status NOT IN ('queued', 'sending') ORDER BY created_at LIMIT ?)"
)
_JOBS = (
    "DELETE FROM job WHERE seq IN (SELECT seq FROM job WHERE finished_at < ? AND state IN (?, ?)"
    " ORDER BY finished_at LIMIT ?)"
)
_USE = (
    "DELETE FROM model_use WHERE (owner, node) IN (SELECT owner, node FROM model_use WHERE day_at < ?"
    " ORDER BY day_at LIMIT ?)"
)
# Numbered in the order of time: only the first ones are looked at.
_EVENTS = (
    "DELETE FROM operator_event WHERE id IN (SELECT id FROM (SELECT id, happened_at FROM operator_event"
    " ORDER BY id LIMIT ?) AS first WHERE happened_at < ?)"
)
# Of nodes that store no more: the others keep their own last day (minutes.py).
_MINUTES = (
    "DELETE FROM metric_minute WHERE (node, no) IN (SELECT node, no FROM metric_minute WHERE began_at < ?"
    " ORDER BY began_at LIMIT ?)"
)
# Tables whose rows are limited in a round. Finished jobs and counts of use are not: they hold nobody's words, and days
# without a round leave many of them.
_LIMITED = {
    "transcript_segment": "transcript_segment",
    "message": "message",
    "raw_event": "raw_event",
    "notification_event": "notification_event",
    "job": "job WHERE state = 'dead'",
    "operator_event": "operator_event",
}
_OLD_DEAD = "SELECT count(*) FROM job WHERE finished_at < ? AND state = 'dead'"
_OLD_EVENTS = "SELECT count(*) FROM operator_event WHERE happened_at < ?"
# As they would be pruned: by their order, up to the first that is young.
_OLD_SEGMENTS = (
    "SELECT count(*), max(seq), coalesce(sum(CASE WHEN created_at < ? THEN 1 ELSE 0 END), 0) FROM (SELECT seq,"
    " created_at FROM transcript_segment WHERE session_id = ? AND seq > ? ORDER BY seq LIMIT ?) AS first"
)
_OLD_OF_SESSION = (
    ("message", "SELECT count(*) FROM message WHERE session_id = ? AND created_at < ?"),
    ("raw_event", "SELECT count(*) FROM raw_event WHERE session_id = ? AND received_at < ?"),
    ("notification_event", "SELECT count(*) FROM notification_event WHERE session_id = ? AND created_at < ?"),
)
# Segments that are counted with one statement.
_COUNTED = 1_000


@dataclass(frozen=True, slots=True)
class StalePage:
    """Ids of sessions with old rows. The next page begins after the id `next_after`; None: this is the last page."""

    session_ids: tuple[str, ...]
    next_after: str | None


@dataclass(frozen=True, slots=True)
class Pruned:
    """Counts of the rows that one batch deleted, by table. `has_more`: another batch may find more."""

    rows: Mapping[str, int]
    has_more: bool


_NOTHING = Pruned({}, has_more=False)


def find_stale(tx: EntityTransaction, after: str, cutoffs: Cutoffs, *, limit: int) -> StalePage:
    """Find the sessions with old rows among the next `limit` sessions after the id `after`."""
    old_s = cutoffs.transcripts
    Session, Segment = tx.db.Session, tx.db.TranscriptSegment  # noqa: N806 (classes)
    page = orm.select(session.id for session in Session if session.id > after).order_by(1)[:limit]
    if not page:
        return StalePage((), None)
    last = page[-1]
    stale = orm.select(
        session.id
        for session in Session
        if session.id > after
        and session.id <= last
        and (
            # Of segments only the first one is looked at: their order is that of time.
            orm.exists(
                segment
                for segment in Segment
                if segment.session == session
                and segment.seq == min(one.seq for one in Segment if one.session == session)
                and segment.created_at < old_s
            )
            or orm.exists(message for message in session.messages if message.created_at < old_s)
            or orm.exists(event for event in session.raw_events if event.received_at < old_s)
            or orm.exists(event for event in session.notification_events if event.created_at < old_s)
        )
    )
    return StalePage(tuple(stale.order_by(1)), last if len(page) == limit else None)


def count_rows(tx: Transaction, table: str, *, limit: int) -> int:
    """Count the rows of a table, up to `limit`, since counting a large table takes too long."""
    sql = f"SELECT count(*) FROM (SELECT 1 FROM {_LIMITED[table]} LIMIT ?) AS first"  # noqa: S608 (our own words)
    return int(tx.fetch(sql, (limit,))[0][0])


def count_work(tx: Transaction, cutoffs: Cutoffs) -> dict[str, int]:
    """Count, by table, the old rows that belong to no session."""
    dead, events = tx.fetch(_OLD_DEAD, (cutoffs.dead,))[0][0], tx.fetch(_OLD_EVENTS, (cutoffs.events,))[0][0]
    return {"job": dead, "operator_event": events}


def count_session(tx: Transaction, session_id: str, cutoffs: Cutoffs) -> dict[str, int]:
    """Count, by table, the old rows of one session."""
    counts = {table: tx.fetch(sql, (session_id, cutoffs.transcripts))[0][0] for table, sql in _OLD_OF_SESSION}
    total, last = 0, 0
    while True:
        found, seq, old = tx.fetch(_OLD_SEGMENTS, (cutoffs.transcripts, session_id, last, _COUNTED))[0]
        total, last = total + old, seq
        if found < _COUNTED or not old:
            return {**counts, "transcript_segment": total}


def prune_session(tx: Transaction, session_id: str, cutoffs: Cutoffs, *, limit: int) -> Pruned:
    """Delete up to `limit` old rows of a session from each table."""
    if not _hold(tx, cutoffs):
        return _NOTHING
    said = cutoffs.transcripts
    rows = {
        "transcript_segment": tx.run(_SEGMENTS, (session_id, session_id, limit, said)),
        "message": tx.run(_MESSAGES, (session_id, said, limit)),
        "notification_event": tx.run(_NOTIFICATIONS, (session_id, said, limit)),
        "raw_event": tx.run(_RAW_EVENTS, (session_id, said, _RAW_LIMIT)),
    }
    is_full = any(count == limit for count in rows.values()) or rows["raw_event"] == _RAW_LIMIT
    return Pruned(rows, has_more=is_full)


def prune_work(tx: Transaction, cutoffs: Cutoffs, *, limit: int) -> Pruned:
    """Delete up to `limit` rows each of old done jobs, dead jobs, counts of use, operator's events, and minutes."""
    if not _hold(tx, cutoffs):
        return _NOTHING
    done = tx.run(_JOBS, (cutoffs.done, "done", "cancelled", limit))
    dead = tx.run(_JOBS, (cutoffs.dead, "dead", "dead", limit))
    used = tx.run(_USE, (cutoffs.used, limit))
    events = tx.run(_EVENTS, (limit, cutoffs.events))
    minutes = tx.run(_MINUTES, (cutoffs.used, limit))
    rows = {"job": done + dead, "model_use": used, "operator_event": events, "metric_minute": minutes}
    return Pruned(rows, has_more=limit in (done, dead, used, events, minutes))


def scrub(tx: Transaction) -> None:
    """Remove deleted text from the database's files, too, after this transaction's commit."""
    tx.has_erased = True


def _hold(tx: Transaction, cutoffs: Cutoffs) -> bool:
    """Return True if the clock has not leapt since the cutoffs were computed."""
    return load_state(tx).leaps == cutoffs.leaps


@enqueues
def delete_session(tx: Transaction, session_key: str) -> bool:
    """Delete a session with its transcript, messages and jobs. Return False if there is no such session."""
    tx.has_erased = True
    tx.run("DELETE FROM model_use WHERE owner = ?", (owner_of(session_key),))
    return tx.run("DELETE FROM session WHERE session_key = ?", (session_key,)) == 1
