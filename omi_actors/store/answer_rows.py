"""Messages and deliveries as rows: an answer, or the honest sentence instead of one.

Not here: a delivery's further steps (answers.py), the rows of whole turns (commits.py). Threads: the writer's.
"""

from omi_actors.domain.answers.delivery_records import NewDelivery
from omi_actors.domain.answers.failures import explain_failure
from omi_actors.domain.sessions.records import NewMessage
from omi_actors.ids import new_id
from omi_actors.store.answers import INSERT_DELIVERY, build_delivery_row
from omi_actors.store.dialect import Row, build_insert, build_insert_if
from omi_actors.store.transaction import Transaction

_MESSAGE = "id, session_id, conversation_id, role, kind, source, text, job_id, model, created_at"
_INSERT_MESSAGE = build_insert("message", _MESSAGE, "ON CONFLICT DO NOTHING")
# Of a turn, after its jobs: the message of a job that was not enqueued, since its question was known, is none.
INSERT_ASKED = build_insert_if(
    "message",
    _MESSAGE,
    "v.job_id IS NULL OR EXISTS (SELECT 1 FROM job WHERE job.job_id = v.job_id)",
    "ON CONFLICT DO NOTHING",
)
# A question to which nothing was said yet, not even that there is no answer.
_FIND_UNANSWERED = (
    "SELECT session_id, conversation_id, text FROM message AS asked WHERE job_id = ? AND role = 'user' AND NOT EXISTS"
    " (SELECT 1 FROM message AS said WHERE said.job_id = asked.job_id AND said.role = 'assistant')"
)


def build_message_row(message: NewMessage) -> Row:
    """Return the values of an inserted message. A message without a job has none to be unique with."""
    check_text(message.text)
    return (
        message.message_id,
        message.session_id,
        message.conversation_id,
        message.role,
        message.kind,
        message.source,
        message.text,
        message.job_id or None,
        message.model,
        message.created_at,
    )


def insert_answer(tx: Transaction, message: NewMessage, delivery: NewDelivery) -> None:
    """Store an assistant's message and its delivery."""
    tx.run(_INSERT_MESSAGE.one, build_message_row(message))
    tx.run(INSERT_DELIVERY.one, build_delivery_row(delivery, tx.node))


def answer_with_failure(tx: Transaction, job_id: str, error: BaseException) -> None:
    """Say one honest sentence to the question behind a job, if there is one and nothing was said to it yet."""
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
        text=explain_failure(error, asked),
        job_id=job_id,
        model="",
        created_at=now_s,
    )
    delivery = NewDelivery(delivery_id=new_id(), session_id=session_id, message_id=message.message_id, created_at=now_s)
    insert_answer(tx, message, delivery)


def check_text(text: str) -> None:
    """Refuse what PostgreSQL cannot hold on SQLite too.

    Raises: ValueError.
    """
    if "\0" in text:
        raise ValueError("text with a NUL character")
