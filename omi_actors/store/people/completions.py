"""Completions of a person's programs: what one needs beside the program's own conversation, and what is kept of one.

Not here: the use that is counted (store/model_use.py), recall (recall.py), deletion of entries (entries.py).
Threads: reads run in a session's reader, changes in the writer.
"""

from dataclasses import dataclass

from omi_actors.domain.answers.budget import Spending, Use
from omi_actors.domain.people.preferences import read_preferences
from omi_actors.domain.sessions.records import AFTER_QUESTION_S, NewMessage
from omi_actors.ids import new_id
from omi_actors.store.answers import insert_message
from omi_actors.store.messages import enqueues
from omi_actors.store.model_use import add_use, load_use
from omi_actors.store.people.preferences import load_preferences
from omi_actors.store.people.prompts import load_wish
from omi_actors.store.transaction import Transaction

_FIND_SESSION = "SELECT id, conversation_id, conversation_number FROM session WHERE session_key = ?"
_INSERT_SESSION = (
    "INSERT INTO session (id, session_key, uid, account_id, created_at, node, incarnation, epoch,"
    " conversation_number, last_seq, last_end_s, last_seen_at) VALUES (?, ?, '', ?, ?, ?, ?, 1, 0, 0, 0, ?)"
)
_FIND_CONVERSATION = (
    "SELECT session.id FROM conversation JOIN session ON session.id = session_id"
    " WHERE conversation.id = ? AND account_id = ?"
)
_LATEST = "SELECT role, text FROM message WHERE conversation_id = ? ORDER BY created_at DESC, id DESC LIMIT 1"
_BEGIN = (
    "UPDATE session SET epoch = epoch + 1, conversation_id = ?, conversation_number = ?, last_seen_at = ? WHERE id = ?"
)
_INSERT_CONVERSATION = "INSERT INTO conversation (id, session_id, number, started_at) VALUES (?, ?, ?, ?)"
_INSERT_RESPONSE = (
    "INSERT INTO model_response (message_id, session_id, previous_id, body, created_at) VALUES (?, ?, ?, ?, ?)"
)
_INSERT_SOURCE = "INSERT INTO answer_source (message_id, place, text_no) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
_RESPONSE = (
    "SELECT message_id, message.conversation_id, previous_id, body, model_response.created_at FROM model_response"
    " JOIN message ON message.id = message_id JOIN session ON session.id = model_response.session_id"
    " WHERE message_id = ? AND account_id = ?"
)


@dataclass(frozen=True, slots=True)
class Ground:
    """Use of the model by an account, its language ("" is that of the question), and if memories may be recalled.

    `wish` is the prompt that the person has chosen for the space.
    """

    use: Use
    language: str
    recalls: bool
    wish: str = ""


def load_ground(tx: Transaction, account_id: str, session_key: str) -> Ground:
    """Load the ground of a completion."""
    entered = load_preferences(tx, account_id).entered
    return Ground(
        load_use(tx, session_key),
        read_preferences(entered).language,
        bool(entered.get("inject_memories", False)),
        load_wish(tx, account_id, session_key.rpartition(":")[2]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptTurn:
    """A question and its answer that a program wants to be kept.

    `message_id` is the answer's. It goes on with `conversation_id`; "": with the session's latest one if that ends
    with `after`, the answer before the question in the program's own conversation; else it begins one. `body` is what
    /v1/responses needs; None: only the messages are kept.
    """

    account_id: str
    session_key: str
    message_id: str
    question: str
    answer: str
    model: str
    spent: Spending
    conversation_id: str = ""
    after: str = ""
    previous_id: str = ""
    body: str | None = None
    sources: tuple[int, ...] = ()


@enqueues
def keep_turn(tx: Transaction, turn: KeptTurn) -> None:
    """Store a question with its answer, as a part of a conversation, and count its use.

    The session in memory is fenced if it goes on with another conversation now: it loads its state again.

    Raises:
        OrphanError: the account does not exist any more.
    """
    now_s = tx.now_s()
    session_id, conversation_id = _find_place(tx, turn, now_s)
    common = {"session_id": session_id, "conversation_id": conversation_id, "job_id": turn.message_id}
    if turn.question:
        asked = NewMessage(
            message_id=new_id(),
            role="user",
            kind="question",
            source="frontend",
            text=turn.question,
            model="",
            created_at=now_s,
            asker="user",
            **common,
        )
        insert_message(tx, asked)
    told = NewMessage(
        message_id=turn.message_id,
        role="assistant",
        kind="answer",
        source="system",
        text=turn.answer,
        model=turn.model,
        created_at=now_s + AFTER_QUESTION_S,
        **common,
    )
    insert_message(tx, told)
    for place, number in enumerate(turn.sources, 1):
        tx.run(_INSERT_SOURCE, (turn.message_id, place, number))
    if turn.body is not None:
        tx.run(_INSERT_RESPONSE, (turn.message_id, session_id, turn.previous_id, turn.body, now_s))
    add_use(tx, turn.spent)


def _find_place(tx: Transaction, turn: KeptTurn, now_s: float) -> tuple[str, str]:
    """Return the session and the conversation of a turn; make what is missing."""
    if turn.conversation_id:
        found = tx.fetch_one(_FIND_CONVERSATION, (turn.conversation_id, turn.account_id))
        if found is not None:
            return str(found[0]), turn.conversation_id
    session = tx.fetch_one(f"{_FIND_SESSION} {tx.locked('session')}", (turn.session_key,))
    if session is None:
        node = tx.node
        made = (new_id(), turn.session_key, turn.account_id, now_s, node.name, node.incarnation, now_s)
        tx.run(_INSERT_SESSION, made)
        session = (made[0], None, 0)
    session_id, latest, number = session
    if latest is not None and turn.after and tx.fetch_one(_LATEST, (latest,)) == ("assistant", turn.after):
        return session_id, latest
    conversation_id = new_id()
    tx.run(_INSERT_CONVERSATION, (conversation_id, session_id, number + 1, now_s))
    tx.run(_BEGIN, (conversation_id, number + 1, now_s, session_id))
    return session_id, conversation_id


@dataclass(frozen=True, slots=True)
class KeptResponse:
    """A kept response. `message_id` is the id of its answer, `previous_id` that of the response it goes on from."""

    message_id: str
    conversation_id: str
    previous_id: str
    body: str
    created_at: float


def load_responses(tx: Transaction, account_id: str, message_id: str, *, limit: int) -> tuple[KeptResponse, ...]:
    """Load a response of an account and those it goes on from, up to `limit`, oldest first; none: it is not there."""
    found: list[KeptResponse] = []
    while message_id and len(found) < limit:
        row = tx.fetch_one(_RESPONSE, (message_id, account_id))
        if row is None:
            break
        found.append(KeptResponse(*row))
        message_id = found[-1].previous_id
    return tuple(reversed(found))


@enqueues
def erase_response(tx: Transaction, account_id: str, message_id: str) -> bool:
    """Delete a response of an account with its question and answer. Return False if there is none."""
    if not load_responses(tx, account_id, message_id, limit=1):
        return False
    tx.has_erased = True
    tx.run("DELETE FROM message WHERE job_id = ?", (message_id,))
    return True
