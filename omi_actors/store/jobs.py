"""The job table, which is the queue: claims with leases, ends by token; jobs of one lane run one at a time, in order.

Not here: enqueueing (commits.py, in the transaction that caused the job), dispatch (actors/queue/dispatcher.py),
counting (queue_state.py), the jobs of lost workers (dead_jobs.py). Threads: the writer's.
"""

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from omi_actors.domain.people.conversations import begins_with_title
from omi_actors.domain.sessions.chat import KnownQuestion
from omi_actors.domain.sessions.records import AnswerDone, SessionCommit, Withdrawn
from omi_actors.domain.work.jobs import ClaimedJob, JobState
from omi_actors.domain.work.retry import CAP_S
from omi_actors.errors import LeaseLostError
from omi_actors.ids import new_id
from omi_actors.store.answers import insert_answer
from omi_actors.store.commits import write_commits
from omi_actors.store.messages import enqueues
from omi_actors.store.model_use import add_use
from omi_actors.store.people.recall import add_sources
from omi_actors.store.queue_state import without_paused
from omi_actors.store.transaction import Transaction

# Characters of a failure that an operator reads; more add nothing.
ERROR_CHARS = 500

# Seconds. A job dated further in the future than nodes' clocks differ was made before the clock was put back. It would
# wait until the clock has caught up, and its lane with it, so it may run now. A job that was put off longer than any
# retry (CAP_S) was scheduled, and keeps its time.
_CLOCKS_APART_S = 60.0

# A lane's next job is its earliest that is ready or running. It waits for an earlier one that waits for its retry: an
# answer out of order is worse than a late one.
_CLAIM = """
WITH next AS (
    SELECT seq FROM job AS candidate {by_urgency}
    WHERE state = 'ready' AND is_next AND (run_at <= ? OR (created_at > ? AND run_at <= created_at + ?))
    AND kind IN ({kinds}) AND NOT EXISTS (
        SELECT 1 FROM job AS other WHERE other.lane = candidate.lane AND other.state = 'running'
    ) AND NOT EXISTS (
        SELECT 1 FROM job AS other {by_lane} WHERE other.lane = candidate.lane AND other.state IN ('ready', 'running')
        AND other.seq < candidate.seq
    )
    ORDER BY priority, run_at, seq LIMIT ? {skip_locked}
)
UPDATE job SET state = 'running', token = ? || job_id, node = ?, incarnation = ?, lease_until = ?,
    deliveries = deliveries + 1, attempts = attempts + 1
WHERE seq IN (SELECT seq FROM next)
RETURNING priority, run_at, seq, job_id, kind, lane, payload, token, attempts, max_attempts, lease_until, created_at,
    run_at, request_id, version
"""
# A job that this transaction has enqueued, if its lane is free and its kind not paused. None was, where the idempotency
# key was known already.
_LEASE_NEW = """
UPDATE job SET state = 'running', token = ?, node = ?, incarnation = ?, lease_until = ?, deliveries = 1, attempts = 1
WHERE job_id = ? AND state = 'ready' AND NOT EXISTS (
    SELECT 1 FROM job AS other WHERE other.lane = job.lane AND other.job_id <> job.job_id
    AND other.state IN ('ready', 'running') AND (other.state = 'running' OR other.seq < job.seq)
) AND NOT EXISTS (SELECT 1 FROM queue_pause WHERE queue_pause.kind IN (job.kind, '*'))
RETURNING job_id, kind, lane, payload, token, attempts, max_attempts, lease_until, created_at, run_at, request_id,
    version
"""
_IS_MINE = "job_id = ? AND token = ? AND state = 'running'"


def claim_jobs(tx: Transaction, *, kinds: Sequence[str], limit: int, lease_s: float) -> list[ClaimedJob]:
    """Claim up to `limit` jobs that may run now, the most urgent first. Lease them for `lease_s` seconds."""
    kinds = without_paused(tx, kinds)
    if not kinds:
        return []
    now_s = tx.now_s()
    sql = _CLAIM.format(
        kinds=_placeholders(kinds),
        skip_locked=tx.skip_locked,
        by_urgency=tx.indexed_by("job_next"),
        by_lane=tx.indexed_by("job_lane_order"),
    )
    tx.read_by_indexes()
    claim_id = new_id() + ":"
    due = now_s, now_s + _CLOCKS_APART_S, CAP_S
    rows = tx.fetch(sql, (*due, *kinds, limit, claim_id, tx.node.name, tx.node.incarnation, now_s + lease_s))
    return [_build_claimed(row[3:]) for row in sorted(rows, key=lambda row: row[:3])]


@enqueues
def commit_leased(tx: Transaction, commit: SessionCommit, *, token: str, lease_s: float) -> ClaimedJob | None:
    """Store one turn. If the first of its jobs may run now, lease it for `lease_s` seconds and return it, else None.

    Raises: FencedError when the turn's epoch is old; the transaction must then be rolled back.
    """
    write_commits(tx, (commit,))
    node = tx.node
    row = tx.fetch_one(_LEASE_NEW, (token, node.name, node.incarnation, tx.now_s() + lease_s, commit.jobs[0].job_id))
    return None if row is None else _build_claimed(row)


def heartbeat_jobs(tx: Transaction, tokens: Sequence[str], *, lease_s: float) -> frozenset[str]:
    """Renew the leases of these tokens. Return the tokens that still hold their jobs; the other attempts must stop."""
    if not tokens:
        return frozenset()
    rows = tx.fetch(
        f"UPDATE job SET lease_until = ? WHERE token IN ({_placeholders(tokens)}) AND state = 'running'"  # noqa: S608
        " RETURNING token",
        (tx.now_s() + lease_s, *tokens),
    )
    return frozenset(row[0] for row in rows)


def complete_answer(tx: Transaction, done: AnswerDone) -> None:
    """Finish an answer job together with its answer. Empty the job's payload, since it holds a person's words.

    Raises: LeaseLostError when `done.token` does not hold the job any more; nothing is written.
    """
    if finish_job(tx, done.job_id, done.token, finished_at=done.finished_at):
        insert_end(tx, done)


def withdraw_question(tx: Transaction, withdrawn: Withdrawn) -> None:
    """Finish an answer job without an answer, and delete its question, which was for somebody else.

    The job keeps the question's place, so that its segment does not ask again. A title made of its words goes, too.

    Raises: LeaseLostError when `withdrawn.token` does not hold the job any more; nothing is written.
    """
    if not finish_job(tx, withdrawn.job_id, withdrawn.token, finished_at=withdrawn.finished_at):
        return
    add_use(tx, withdrawn.spent)
    asked = tx.fetch_one(
        "DELETE FROM message WHERE job_id = ? AND role = 'user' RETURNING conversation_id, text", (withdrawn.job_id,)
    )
    if asked is None:
        return
    titled = tx.fetch_one("SELECT title FROM conversation WHERE id = ?", (asked[0],))
    if titled is not None and begins_with_title(asked[1], titled[0]):
        tx.run("UPDATE conversation SET title = NULL WHERE id = ?", (asked[0],))


def finish_job(tx: Transaction, job_id: str, token: str, *, finished_at: float) -> bool:
    """Finish a job. Return False if an earlier call with this token has finished it (the call's reply was lost).

    Raises: LeaseLostError when `token` does not hold the job any more; nothing is written.
    """
    changed = tx.run(
        f"UPDATE job SET state = 'done', finished_at = ?, payload = '{{}}', error = '' WHERE {_IS_MINE}",  # noqa: S608
        (finished_at, job_id, token),
    )
    return _is_first_end(tx, changed, job_id, token, JobState.DONE)


def check_lease(tx: Transaction, job_id: str, token: str) -> None:
    """Check that `token` still holds the job.

    Raises: LeaseLostError.
    """
    if tx.fetch_one(f"SELECT 1 FROM job WHERE {_IS_MINE}", (job_id, token)) is None:  # noqa: S608 (our own constant)
        raise LeaseLostError("the job is gone, or another worker holds it")


def end_dead(tx: Transaction, job_id: str, token: str, *, error: str) -> bool:
    """Make a job dead. Return False if an earlier call with this token has done so (the call's reply was lost).

    Raises: LeaseLostError when `token` does not hold the job any more; nothing is written.
    """
    changed = tx.run(
        f"UPDATE job SET state = 'dead', finished_at = ?, error = ? WHERE {_IS_MINE}",  # noqa: S608 (our own constant)
        (tx.now_s(), error[:ERROR_CHARS], job_id, token),
    )
    return _is_first_end(tx, changed, job_id, token, JobState.DEAD)


def retry_job(tx: Transaction, job_id: str, token: str, *, run_at: float, error: str, is_counted: bool = True) -> None:
    """Put a failed job back to run at `run_at` (UTC seconds). Without `is_counted` the failed attempt is not counted.

    Raises: LeaseLostError when `token` does not hold the job any more.
    """
    changes = "deliveries = 0, run_at = ?, error = ?, attempts = attempts - ?"
    _give_back(tx, changes, (run_at, error[:ERROR_CHARS], 0 if is_counted else 1, job_id, token))


def release_job(tx: Transaction, job_id: str, token: str) -> None:
    """Give back a job that was interrupted, for example by a shutdown. Its claim and its attempt do not count.

    Raises: LeaseLostError when `token` does not hold the job any more.
    """
    _give_back(tx, "deliveries = deliveries - 1, attempts = attempts - 1", (job_id, token))


def insert_end(tx: Transaction, done: AnswerDone) -> None:
    """Store the end of a job: its answer with its sources, the delivery, and the use of the model."""
    insert_answer(tx, done.message, done.delivery)
    if done.sources:
        add_sources(tx, done.message.message_id, done.sources)
    if done.spent is not None:
        add_use(tx, done.spent)


def _is_first_end(tx: Transaction, changed: int, job_id: str, token: str, state: JobState) -> bool:
    """Return True if this call ended the job; False if an earlier call with this token did (its reply was lost)."""
    if changed:
        return True
    row = tx.fetch_one("SELECT token, state FROM job WHERE job_id = ?", (job_id,))
    if row is None or tuple(row) != (token, state.value):
        raise LeaseLostError("the job is gone, or another worker holds it")
    return False


def _give_back(tx: Transaction, changes: str, params: Sequence[Any]) -> None:
    sql = f"UPDATE job SET state = 'ready', token = NULL, lease_until = NULL, {changes} WHERE {_IS_MINE}"  # noqa: S608
    if not tx.run(sql, params):
        raise LeaseLostError("the job is gone, or another worker holds it")


def _build_claimed(row: Sequence[Any]) -> ClaimedJob:
    job_id, kind, lane, payload, token, attempt, max_attempts, lease_until, *times, request_id, version = row
    created_at, run_at = times
    fields = read_object(payload)
    return ClaimedJob(
        job_id=job_id,
        kind=kind,
        lane=lane,
        payload=fields or {},
        token=token,
        attempt=attempt,
        max_attempts=max_attempts,
        lease_until=lease_until,
        created_at=created_at,
        run_at=run_at,
        request_id=request_id,
        version=version,
        is_corrupt=fields is None,
    )


def _placeholders(values: Sequence[str]) -> str:
    return ", ".join("?" * len(values))


def read_object(text: str) -> Mapping[str, Any] | None:
    """Return a payload as it was enqueued; None if it is no JSON object."""
    try:
        value = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return None
    return MappingProxyType(value) if isinstance(value, dict) else None


def find_question(tx: Transaction, idempotency_key: str) -> KnownQuestion | None:
    """Return the question with this key and its answer; None if it was never asked, or was cancelled."""
    row = tx.fetch_one(
        "SELECT job.job_id, asked.conversation_id, said.text, COALESCE(said.kind, ''),"
        " job.fingerprint FROM job"
        " JOIN message AS asked ON asked.job_id = job.job_id AND asked.role = 'user'"
        " LEFT JOIN message AS said ON said.job_id = job.job_id AND said.role = 'assistant'"
        " WHERE job.idempotency_key = ?",
        (idempotency_key,),
    )
    if row is None:
        return None
    job_id, conversation_id, answer, kind, fingerprint = row
    return KnownQuestion(
        job_id=job_id, conversation_id=conversation_id, answer=answer, kind=kind, fingerprint=fingerprint
    )


def cancel_question(tx: Transaction, job_id: str) -> bool:
    """Cancel a question that has no answer yet; return False if it has one. Free its key and empty its job's payload.

    A running attempt loses its lease by this, so it cannot store an answer.
    """
    changed = tx.run(
        "UPDATE job SET state = 'cancelled', finished_at = ?, token = NULL, lease_until = NULL, payload = '{}',"
        " idempotency_key = idempotency_key || ':cancelled:' || job_id"
        " WHERE job_id = ? AND state IN ('ready', 'running')",
        (tx.now_s(), job_id),
    )
    return changed == 1
