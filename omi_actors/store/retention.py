"""Pruning: what has been kept long enough is deleted, a few rows at a time, so that the writer is never held long.

Never pruned: an answer that is being given (pending, sending), with its question; a job that waits or runs; sessions,
conversations' titles and summaries, memories, accounts. A message takes its delivery and notification along. Not here:
from when on (domain/work/retention.py), in which order (actors/maintenance/janitor.py). Threads: the writer's;
`find_stale` is a reader's.
"""

# mypy: disallow-untyped-calls=False
# (Pony's stubs leave select untyped.)

from collections.abc import Mapping
from dataclasses import dataclass

from pony import orm

from omi_actors.domain.answers.budget import owner_of
from omi_actors.domain.work.retention import Cutoffs
from omi_actors.store.messages import enqueues
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


@dataclass(frozen=True, slots=True)
class StalePage:
    """Sessions that hold something old, by id; `next_after` is where the next page begins, None for the last."""

    session_ids: tuple[str, ...]
    next_after: str | None


@dataclass(frozen=True, slots=True)
class Pruned:
    """Rows that one batch deleted, by table; `has_more`: another batch may find more."""

    rows: Mapping[str, int]
    has_more: bool


def find_stale(tx: EntityTransaction, after: str, cutoffs: Cutoffs, *, limit: int) -> StalePage:
    """Look through up to `limit` sessions after the id `after`."""
    old_s = cutoffs.said
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


def prune_session(tx: Transaction, session_id: str, cutoffs: Cutoffs, *, limit: int) -> Pruned:
    """Delete up to `limit` old rows of each kind of a session."""
    said = cutoffs.said
    rows = {
        "transcript_segment": tx.run(_SEGMENTS, (session_id, session_id, limit, said)),
        "message": tx.run(_MESSAGES, (session_id, said, limit)),
        "notification_event": tx.run(_NOTIFICATIONS, (session_id, said, limit)),
        "raw_event": tx.run(_RAW_EVENTS, (session_id, said, _RAW_LIMIT)),
    }
    is_full = any(count == limit for count in rows.values()) or rows["raw_event"] == _RAW_LIMIT
    return Pruned(rows, has_more=is_full)


def prune_work(tx: Transaction, cutoffs: Cutoffs, *, limit: int) -> Pruned:
    """Delete up to `limit` finished jobs, and as many counts of use and lines of the audit."""
    done = tx.run(_JOBS, (cutoffs.done, "done", "cancelled", limit))
    dead = tx.run(_JOBS, (cutoffs.dead, "dead", "dead", limit))
    used = tx.run(_USE, (cutoffs.used, limit))
    events = tx.run(_EVENTS, (limit, cutoffs.events))
    rows = {"job": done + dead, "model_use": used, "operator_event": events}
    return Pruned(rows, has_more=limit in (done, dead, used, events))


def scrub(tx: Transaction) -> None:
    """Let what was deleted leave the database's files, too, once this is committed."""
    tx.has_erased = True


@enqueues
def delete_session(tx: Transaction, session_key: str) -> bool:
    """Delete a session with everything heard, said and planned in it; False if there was none."""
    tx.has_erased = True
    tx.run("DELETE FROM model_use WHERE owner = ?", (owner_of(session_key),))
    return tx.run("DELETE FROM session WHERE session_key = ?", (session_key,)) == 1


@enqueues
def delete_account(tx: Transaction, account_id: str) -> bool:
    """Delete an account with its sessions, memories, preferences and links; False if there was none."""
    tx.has_erased = True
    for (session_key,) in tx.fetch("SELECT session_key FROM session WHERE account_id = ?", (account_id,)):
        delete_session(tx, session_key)
    return tx.run("DELETE FROM account WHERE id = ?", (account_id,)) == 1
