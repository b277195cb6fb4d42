"""Answers and their deliveries as rows; each step of a delivery is durable before it is taken.

Not here: the choice of the next step (domain/answers/delivery.py), notifications (notifications.py). Threads: a store
actor's.
"""

from collections.abc import Sequence

from omi_actors.domain.answers.delivery_records import (
    DeliveryChange,
    NewDelivery,
    OpenAnswer,
    WaitingAnswer,
    WithdrawnQuestion,
)
from omi_actors.domain.answers.failures import explain_failure
from omi_actors.domain.sessions.records import AFTER_QUESTION_S, NewMessage
from omi_actors.ids import new_id
from omi_actors.store.dialect import Bulk, Row, build_insert, build_insert_if
from omi_actors.store.ownership import GONE_WITH_ITS_WORD_S, owned_by
from omi_actors.store.transaction import NodeIdentity, Transaction

_FROM_STATES_MAX = 4
INSERT_DELIVERY = build_insert(
    "delivery",
    "id, session_id, message_id, state, channel, node, incarnation, created_at, changed_at",
    "ON CONFLICT DO NOTHING",
)
CHANGE = Bulk(
    one=(
        "UPDATE delivery SET state = ?, channel = ?, changed_at = ?, node = ?, incarnation = ?"
        " WHERE id = ? AND state IN (?, ?, ?, ?)"
    ),
    many=(
        "UPDATE delivery SET state = v.state, channel = v.channel, changed_at = v.changed_at, node = v.node,"
        " incarnation = v.incarnation FROM (VALUES %s) AS v (state, channel, changed_at, node, incarnation, id,"
        " from_1, from_2, from_3, from_4)"
        " WHERE delivery.id = v.id AND delivery.state IN (v.from_1, v.from_2, v.from_3, v.from_4)"
    ),
    template="(%s, %s, %s::double precision, %s, %s::bigint, %s, %s, %s, %s, %s)",
)
# States in which only the session's next reply, on any node, delivers the answer.
LEFT_TO_REPLIES = ("kept", "unknown")
_FENCE_OWNER = (
    "UPDATE session SET epoch = epoch + 1 WHERE id = (SELECT session_id FROM delivery WHERE id = ?) AND node <> ?"
)

_OPEN = (
    "delivery.id, COALESCE(said.job_id, ''), said.text, delivery.state, delivery.channel,"
    " COALESCE(asked.created_at, delivery.created_at), said.kind FROM delivery"
    " JOIN message AS said ON said.id = delivery.message_id"
    " LEFT JOIN message AS asked ON asked.job_id = said.job_id AND asked.role = 'user'"
)
_OPEN_FIELDS = ("delivery_id", "job_id", "text", "state", "channel", "asked_at", "kind")
# Answers that a session takes over at once; beyond them the oldest are only shown.
_OPEN_LIMIT = 20


def build_change_row(change: DeliveryChange, node: NodeIdentity) -> Row:
    """Return the values of CHANGE. The last of `from_states` is repeated: the statement has a fixed number of them.

    Raises: ValueError when there are none or too many.
    """
    count = len(change.from_states)
    if not 0 < count <= _FROM_STATES_MAX:
        raise ValueError("a delivery changes from one to four states")
    from_states = (*change.from_states, *change.from_states[-1:] * (_FROM_STATES_MAX - count))
    step = (change.state, change.channel, change.changed_at)
    return (*step, node.name, node.incarnation, change.delivery_id, *from_states)


def build_delivery_row(delivery: NewDelivery, node: NodeIdentity) -> Row:
    """Return the values of INSERT_DELIVERY."""
    ids = (delivery.delivery_id, delivery.session_id, delivery.message_id)
    step = (delivery.state, delivery.channel, node.name, node.incarnation)
    return (*ids, *step, delivery.created_at, delivery.created_at)


def change_delivery(tx: Transaction, change: DeliveryChange) -> bool:
    """Make one step of a delivery. Return False if the delivery is not in one of the step's `from_states`."""
    is_changed = tx.run(CHANGE.one, build_change_row(change, tx.node)) == 1
    if is_changed and change.state in LEFT_TO_REPLIES:
        let_owner_reload(tx, change.delivery_id)
    return is_changed


def let_owner_reload(tx: Transaction, delivery_id: str) -> None:
    """Fence another node's session in memory, if there is one: it has an old state of this answer.

    The session's next webhook there is refused, and loads the session again with the answer.
    """
    tx.run(_FENCE_OWNER, (delivery_id, tx.node.name))


def load_open_answers(tx: Transaction, session_id: str, *, since: float) -> tuple[OpenAnswer, ...]:
    """Load a session's latest open answers (not sent for certain) that were stored after `since`, oldest first."""
    rows = tx.fetch(
        f"SELECT {_OPEN} WHERE delivery.session_id = ? AND delivery.state IN ('pending', 'kept', 'unknown')"
        " AND delivery.created_at >= ? ORDER BY delivery.created_at DESC, delivery.id DESC LIMIT ?",
        (session_id, since, _OPEN_LIMIT),
    )
    return tuple(_build_open(row) for row in reversed(rows))


def load_waiting_answers(tx: Transaction, *, node: str, until: float, limit: int) -> tuple[WaitingAnswer, ...]:
    """Load the oldest answers that were stored before `until` and whose delivery has not begun.

    Loaded are those of this node's sessions, and of nodes that are gone. The next function does the same.
    """
    is_ours, params = owned_by(tx, "session.node", node)
    rows = tx.fetch(
        f"SELECT session.session_key, {_OPEN} JOIN session ON session.id = delivery.session_id"
        f" WHERE delivery.state = 'pending' AND delivery.channel = '' AND {is_ours}"
        " AND delivery.created_at <= ? ORDER BY delivery.created_at, delivery.id LIMIT ?",
        (*params, until, limit),
    )
    return tuple(WaitingAnswer(session_key=key, answer=_build_open(row)) for key, *row in rows)


def load_unsettled_answers(tx: Transaction, *, node: str, until: float, limit: int) -> tuple[WaitingAnswer, ...]:
    """Load answers that this node began to send in a reply before `until`, without a recorded end."""
    is_ours, params = owned_by(tx, "delivery.node", node, gone_after_s=GONE_WITH_ITS_WORD_S)
    rows = tx.fetch(
        f"SELECT session.session_key, {_OPEN} JOIN session ON session.id = delivery.session_id"
        " WHERE delivery.state = 'sending' AND delivery.channel IN ('inline', 'next_webhook', 'chat')"
        f" AND {is_ours} AND delivery.changed_at <= ? ORDER BY delivery.changed_at, delivery.id LIMIT ?",
        (*params, until, limit),
    )
    return tuple(WaitingAnswer(session_key=key, answer=_build_open(row)) for key, *row in rows)


def load_answers(tx: Transaction, job_ids: Sequence[str]) -> tuple[WaitingAnswer | WithdrawnQuestion, ...]:
    """Load the answers of these jobs, in any state of delivery, and the questions that are withdrawn.

    Jobs that are not done are left out.
    """
    marks = ", ".join("?" * len(job_ids))
    rows = tx.fetch(
        f"SELECT session.session_key, {_OPEN} JOIN session ON session.id = delivery.session_id"
        f" WHERE said.job_id IN ({marks}) AND said.role = 'assistant'",
        job_ids,
    )
    answers = tuple(WaitingAnswer(session_key=key, answer=_build_open(row)) for key, *row in rows)
    if len(answers) == len(job_ids):
        return answers
    withdrawn = tx.fetch(
        "SELECT session.session_key, job.job_id FROM job JOIN session ON session.id = job.session_id"  # noqa: S608
        f" WHERE job.job_id IN ({marks}) AND job.state = 'done'"
        " AND NOT EXISTS (SELECT 1 FROM message WHERE message.job_id = job.job_id)",
        job_ids,
    )
    return (*answers, *(WithdrawnQuestion(session_key=key, job_id=job_id) for key, job_id in withdrawn))


def _build_open(row: Row) -> OpenAnswer:
    return OpenAnswer(**dict(zip(_OPEN_FIELDS, row, strict=True)))


_MESSAGE = "id, session_id, conversation_id, role, kind, source, text, job_id, model, created_at, asker, speaker"
_INSERT_MESSAGE = build_insert("message", _MESSAGE, "ON CONFLICT DO NOTHING")
# Of a turn, after its jobs: the message of a job that was not enqueued, since its question was known, is none.
INSERT_ASKED = build_insert_if(
    "message",
    _MESSAGE,
    "v.job_id IS NULL OR EXISTS (SELECT 1 FROM job WHERE job.job_id = v.job_id)",
    "ON CONFLICT DO NOTHING",
)
# A question without an answer, and without the sentence of a failure.
_FIND_UNANSWERED = (
    "SELECT session_id, conversation_id, text, created_at FROM message AS asked WHERE job_id = ? AND role = 'user'"
    " AND NOT EXISTS (SELECT 1 FROM message AS said WHERE said.job_id = asked.job_id AND said.role = 'assistant')"
)


def build_message_row(message: NewMessage) -> Row:
    """Return the values of an inserted message. Without a job its job id is NULL, which need not be unique."""
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
        message.asker or None,
        message.speaker or None,
    )


def insert_message(tx: Transaction, message: NewMessage) -> None:
    """Store a message."""
    tx.run(_INSERT_MESSAGE.one, build_message_row(message))


def insert_answer(tx: Transaction, message: NewMessage, delivery: NewDelivery) -> None:
    """Store an assistant's message and its delivery."""
    insert_message(tx, message)
    tx.run(INSERT_DELIVERY.one, build_delivery_row(delivery, tx.node))


def answer_with_failure(tx: Transaction, job_id: str, error: BaseException) -> None:
    """Store a failure as the answer to a job's question. Do nothing if the job has no question, or it has an answer."""
    question = tx.fetch_one(_FIND_UNANSWERED, (job_id,))
    if question is None:
        return
    session_id, conversation_id, asked, asked_at = question
    now_s = max(tx.now_s(), asked_at + AFTER_QUESTION_S)
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
    """Refuse a text that PostgreSQL cannot store. This is also done for SQLite, so that both behave alike.

    Raises: ValueError.
    """
    if "\0" in text:
        raise ValueError("text with a NUL character")
