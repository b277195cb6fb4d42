"""Jobs that are over without a result: nobody is left waiting for what they were to bring.

Not here: when a job is given up (jobs.py, lost_jobs.py, queue_desk.py). Threads: the writer's.
"""

from omi_actors.domain.failures import explain_failure
from omi_actors.domain.sessions import AnswerDone, NewDelivery, NewMessage
from omi_actors.errors import LeaseLostError
from omi_actors.ids import new_id
from omi_actors.store.jobs import end_dead, insert_answer, insert_end
from omi_actors.store.notifications import give_up_notification
from omi_actors.store.transaction import Transaction

# A question to which nothing was said yet, not even that there is no answer.
_FIND_UNANSWERED = (
    "SELECT session_id, conversation_id, text FROM message AS asked WHERE job_id = ? AND role = 'user' AND NOT EXISTS"
    " (SELECT 1 FROM message AS said WHERE said.job_id = asked.job_id AND said.role = 'assistant')"
)
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
    _answer_question(tx, job_id)
    (key,) = tx.fetch_one("SELECT idempotency_key FROM job WHERE job_id = ?", (job_id,)) or ("",)
    if key.startswith(_NOTIFICATION):
        give_up_notification(tx, key.removeprefix(_NOTIFICATION))


def _answer_question(tx: Transaction, job_id: str) -> None:
    question = tx.fetch_one(_FIND_UNANSWERED, (job_id,))
    if question is None:
        return
    session_id, conversation_id, asked = question
    now_s = tx.now_s()
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
