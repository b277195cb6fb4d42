"""Deletion of what is a person's, so that no text of it stays behind.

Not here: the cascades (migrations/), emptying SQLite's log afterwards (engine.py). Threads: the writer's.
"""

from omi_actors.domain.answers.budget import owner_of
from omi_actors.store.ordering import enqueues
from omi_actors.store.transaction import Transaction


@enqueues
def delete_session(tx: Transaction, session_key: str) -> bool:
    """Delete a session with everything heard, said and planned in it; False if there was none."""
    tx.has_erased = True
    tx.run("DELETE FROM model_use WHERE owner = ?", (owner_of(session_key),))
    return tx.run("DELETE FROM session WHERE session_key = ?", (session_key,)) == 1


@enqueues
def delete_account(tx: Transaction, account_id: str) -> bool:
    """Delete an account with its sessions, memories, preferences and links; False if there was none."""
    tx.has_erased = True
    for (session_key,) in tx.fetch("SELECT session_key FROM session WHERE account_id = ?", (account_id,)):
        delete_session(tx, session_key)
    return tx.run("DELETE FROM account WHERE id = ?", (account_id,)) == 1
