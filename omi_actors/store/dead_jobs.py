"""Lost and dead jobs: take them back from lost workers, or end them as dead with a failure for the question.

Not here: ordinary ends of jobs (jobs.py), the operator's retries (queue_admin.py). Threads: the writer's.
"""

from collections.abc import Sequence
from typing import Any

from omi_actors.domain.answers.notifications import FOLLOWUP_PREFIX, KEY_PREFIX
from omi_actors.domain.sessions.records import AnswerDone
from omi_actors.domain.work.jobs import unknown_kind
from omi_actors.errors import LeaseLostError
from omi_actors.store.answers import answer_with_failure
from omi_actors.store.jobs import end_dead, insert_end
from omi_actors.store.notifications import end_dead_notification
from omi_actors.store.people.followups import end_dead_followup
from omi_actors.store.transaction import Transaction

# This node lives, since it asks.
_OF_LOST_NODE = "node IN (SELECT name FROM node WHERE name <> ? AND lease_until < ?)"


def reap_jobs(tx: Transaction, *, max_deliveries: int, max_losses: int) -> int:
    """Take back jobs whose own lease, or whose node's lease, has expired. Return their number.

    A job that was claimed `max_deliveries` times without a result may block its workers. It becomes dead, and a failure
    is stored as the answer to its question. For the jobs of lost nodes the limit is `max_losses`.
    """
    now_s = tx.now_s()
    lost = take_back(tx, _OF_LOST_NODE, (tx.node.name, now_s), max_deliveries=max_losses)
    return lost + take_back(tx, "lease_until < ?", (now_s,), max_deliveries=max_deliveries)


def take_back(tx: Transaction, where: str, params: Sequence[Any], *, max_deliveries: int) -> int:
    """Take back the running jobs for which `where` holds, and return their number."""
    rows = tx.fetch(
        f"SELECT job_id, deliveries FROM job WHERE state = 'running' AND {where} {tx.skip_locked}",  # noqa: S608
        params,
    )
    for job_id, deliveries in rows:
        if deliveries < max_deliveries:
            tx.run("UPDATE job SET state = 'ready', token = NULL, lease_until = NULL WHERE job_id = ?", (job_id,))
        else:
            _bury(tx, job_id)
    return len(rows)


def _bury(tx: Transaction, job_id: str) -> None:
    """Make a job dead, and end its question or notification."""
    tx.run(
        "UPDATE job SET state = 'dead', finished_at = ?, error = 'its workers were lost' WHERE job_id = ?",
        (tx.now_s(), job_id),
    )
    settle_dead(tx, job_id)


def bury_job(tx: Transaction, job_id: str, token: str, *, error: str, failure: AnswerDone | None) -> None:
    """Make a job dead, with `failure` as the answer; if that is None, `settle_dead` stores the usual one.

    Raises: LeaseLostError when `token` does not hold the job any more; nothing is written.
    """
    if not end_dead(tx, job_id, token, error=error):
        return
    if failure is not None:
        insert_end(tx, failure)
    else:
        settle_dead(tx, job_id)


def settle_dead(tx: Transaction, job_id: str) -> None:
    """Store a failure for a dead job's question. If the job is a notification, its answer waits for the next webhook.

    Safe to repeat. It reads only the job's key, since the other values may be unreadable.
    """
    answer_with_failure(tx, job_id, LeaseLostError())
    (key,) = tx.fetch_one("SELECT idempotency_key FROM job WHERE job_id = ?", (job_id,)) or ("",)
    if key.startswith(KEY_PREFIX):
        end_dead_notification(tx, key.removeprefix(KEY_PREFIX))
    elif key.startswith(FOLLOWUP_PREFIX):
        end_dead_followup(tx, key.removeprefix(FOLLOWUP_PREFIX))


# Rows. Groups of commits wait for it.
LIMIT = 200


def bury_unknown_kinds(tx: Transaction, kinds: Sequence[str]) -> dict[str, int]:
    """Bury waiting jobs of all kinds but these, at most `LIMIT` jobs. Return their counts by kind."""
    rows = tx.fetch(
        f"SELECT job_id, kind FROM job {tx.indexed_by('job_lane_order')} WHERE state IN ('ready', 'running')"  # noqa: S608
        f" AND state = 'ready' AND kind NOT IN ({', '.join('?' * len(kinds))})"
        f" ORDER BY seq LIMIT {LIMIT} {tx.skip_locked}",
        tuple(kinds),
    )
    counts: dict[str, int] = {}
    for job_id, kind in rows:
        counts[kind] = counts.get(kind, 0) + 1
        error = f"{unknown_kind(kind)}. Start one that has them and retry {job_id}, or discard it."
        tx.run(
            "UPDATE job SET state = 'dead', finished_at = ?, error = ? WHERE job_id = ?", (tx.now_s(), error, job_id)
        )
        settle_dead(tx, job_id)
    return counts
