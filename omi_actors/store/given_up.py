"""Jobs that are over without a result: nobody is left waiting for what they were to bring.

Not here: when a job is given up (jobs.py, dead_jobs.py, queue_admin.py). Threads: the writer's.
"""

from omi_actors.domain.sessions.records import AnswerDone
from omi_actors.errors import LeaseLostError
from omi_actors.store.answer_rows import answer_with_failure
from omi_actors.store.jobs import end_dead, insert_end
from omi_actors.store.notifications import give_up_notification
from omi_actors.store.transaction import Transaction

_NOTIFICATION = "notify:"


def bury_job(tx: Transaction, job_id: str, token: str, *, error: str, failure: AnswerDone | None) -> None:
    """Give a job up with the sentence that says so, or without one with what is owed for its kind. It is kept as dead.

    Raises: LeaseLostError when `token` does not hold the job any more; nothing is written.
    """
    if not end_dead(tx, job_id, token, error=error):
        return
    if failure is not None:
        insert_end(tx, failure)
    else:
        settle_given_up(tx, job_id)


def settle_given_up(tx: Transaction, job_id: str) -> None:
    """Say one honest sentence to a question; let an answer that was to be notified wait for the next contact.

    Twice is fine. Of a job's row only its key is read: it may be what made the row unreadable that ended it.
    """
    answer_with_failure(tx, job_id, LeaseLostError())
    (key,) = tx.fetch_one("SELECT idempotency_key FROM job WHERE job_id = ?", (job_id,)) or ("",)
    if key.startswith(_NOTIFICATION):
        give_up_notification(tx, key.removeprefix(_NOTIFICATION))
