"""Jobs whose worker was lost: back to ready, or dead when they were lost too often.

Not here: ordinary ends of jobs (jobs.py). Threads: the writer's.
"""

from collections.abc import Sequence
from typing import Any

from omi_actors.domain.failures import explain_failure
from omi_actors.domain.sessions import NewDelivery, NewMessage
from omi_actors.errors import LeaseLostError
from omi_actors.ids import new_id
from omi_actors.store.jobs import insert_answer
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
    """Make a job dead, and store the sentence that answers the question behind it, if there is one."""
    now_s = tx.now_s()
    tx.run(
        "UPDATE job SET state = 'dead', finished_at = ?, error = 'its workers were lost' WHERE job_id = ?",
        (now_s, job_id),
    )
    question = tx.fetch_one(
        "SELECT session_id, conversation_id, text FROM message WHERE job_id = ? AND role = 'user'", (job_id,)
    )
    if question is None:
        return
    session_id, conversation_id, asked = question
    message = NewMessage(
        message_id=new_id(),
        session_id=session_id,
        conversation_id=conversation_id,
        role="assistant",
        kind="failure",
        source="system",
        text=explain_failure(LeaseLostError(), asked),
        job_id=job_id,
        model="",
        created_at=now_s,
    )
    delivery = NewDelivery(delivery_id=new_id(), session_id=session_id, message_id=message.message_id, created_at=now_s)
    insert_answer(tx, message, delivery)
