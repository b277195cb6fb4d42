"""Jobs whose worker was lost: back to ready, or dead when they were lost too often.

Not here: ordinary ends of jobs (jobs.py), what is owed for one that died (given_up.py). Threads: the writer's.
"""

from collections.abc import Sequence
from typing import Any

from omi_actors.store.given_up import settle_given_up
from omi_actors.store.transaction import Transaction


def reap_jobs(tx: Transaction, *, max_deliveries: int) -> int:
    """Take back the jobs whose lease has run out, and return their number.

    A job that was claimed `max_deliveries` times without any result may be what kills its workers: it dies, and who
    had asked is owed one honest sentence.
    """
    return take_back(tx, "lease_until < ?", (tx.now_s(),), max_deliveries=max_deliveries)


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
    """Make a job dead, and leave nobody waiting for it."""
    tx.run(
        "UPDATE job SET state = 'dead', finished_at = ?, error = 'its workers were lost' WHERE job_id = ?",
        (tx.now_s(), job_id),
    )
    settle_given_up(tx, job_id)
