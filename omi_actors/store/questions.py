"""Typed questions: known again by their key, and called off while they are being answered.

Not here: asking (commits.py), answering (jobs.py). Threads: a store actor's.
"""

from omi_actors.domain.sessions.chat import KnownQuestion
from omi_actors.store.transaction import Transaction


def find_question(tx: Transaction, idempotency_key: str) -> KnownQuestion | None:
    """Return the question with this key and its answer, None if it was never asked, or called off."""
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
    """Call off a question that is not answered yet; False if it is. Its key is free again, and its text leaves.

    An attempt under way has lost its lease with that: it can store no answer.
    """
    changed = tx.run(
        "UPDATE job SET state = 'cancelled', finished_at = ?, token = NULL, lease_until = NULL, payload = '{}',"
        " idempotency_key = idempotency_key || ':cancelled:' || job_id"
        " WHERE job_id = ? AND state IN ('ready', 'running')",
        (tx.now_s(), job_id),
    )
    return changed == 1
