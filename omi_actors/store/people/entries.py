"""Deletion of one entry of a conversation: a question, an answer, or what was said in a segment.

Not here: entries in lists, deletion of a whole conversation (conversations.py). Threads: the writer's.
"""

from omi_actors.domain.hearing.state import SPOKEN_PREFIX
from omi_actors.domain.people.conversations import Conversation, begins_with_title, read_segment_id
from omi_actors.store.messages import enqueues
from omi_actors.store.people.conversations import find_conversation
from omi_actors.store.transaction import Transaction

_RESPONSES = "DELETE FROM model_response WHERE message_id IN (SELECT id FROM message WHERE conversation_id = ?)"


@enqueues
def erase_entry(tx: Transaction, account_id: str, conversation_id: str, entry_id: str) -> bool:
    """Delete one message, or what was said in one segment. Return False if the account has no such entry.

    A title that was made of its words goes, too. The session in memory is fenced: it loads its state again.
    """
    conversation = find_conversation(tx, account_id, conversation_id)
    if conversation is None:
        return False
    seq = read_segment_id(entry_id, conversation_id)
    text = _erase_message(tx, conversation, entry_id) if seq is None else _erase_segment(tx, conversation, seq)
    if text is None:
        return False
    tx.has_erased = True
    # Those of programs may repeat what was said before.
    tx.run(_RESPONSES, (conversation_id,))
    tx.run("UPDATE session SET epoch = epoch + 1 WHERE id = ?", (conversation.session_id,))
    if begins_with_title(text, conversation.title):
        tx.run("UPDATE conversation SET title = NULL WHERE id = ?", (conversation_id,))
    return True


def _erase_message(tx: Transaction, conversation: Conversation, message_id: str) -> str | None:
    """Delete a message and return its text. Its delivery, its words in the index and its sources go by foreign keys."""
    found = tx.fetch_one(
        "DELETE FROM message WHERE id = ? AND conversation_id = ? RETURNING text, job_id",
        (message_id, conversation.conversation_id),
    )
    if found is None:
        return None
    text, job_id = found
    # A repeated request asks a typed question anew. A spoken one stays known, so that its segment does not ask again.
    tx.run("DELETE FROM job WHERE job_id = ? AND idempotency_key NOT LIKE ?", (job_id, f"{SPOKEN_PREFIX}%"))
    tx.run(
        "UPDATE job SET state = 'cancelled', finished_at = ?, token = NULL, lease_until = NULL"
        " WHERE job_id = ? AND state IN ('ready', 'running')",
        (tx.now_s(), job_id),
    )
    tx.run("UPDATE job SET payload = '{}', error = '' WHERE job_id = ?", (job_id,))
    return str(text)


def _erase_segment(tx: Transaction, conversation: Conversation, seq: int) -> str | None:
    """Delete what a segment says, and return it. Its key stays, so that Omi does not bring it back."""
    place = (conversation.session_id, seq)
    found = tx.fetch_one(
        "SELECT text FROM transcript_segment WHERE session_id = ? AND seq = ? AND conversation_id = ? AND text <> ''",
        (*place, conversation.conversation_id),
    )
    if found is None:
        return None
    tx.run(
        "UPDATE transcript_segment SET text = '', speaker = '', speaker_id = NULL, is_user = FALSE, person_id = NULL"
        " WHERE session_id = ? AND seq = ?",
        place,
    )
    tx.run("DELETE FROM recall_text WHERE session_id = ? AND seq = ?", place)
    return str(found[0])
