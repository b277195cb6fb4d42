"""Deletion of what is a person's, so that no text of it stays behind.

Not here: the cascades (migrations/), emptying SQLite's log afterwards (engine.py). Threads: the writer's.
"""

from omi_actors.store.transaction import Transaction


def delete_session(tx: Transaction, session_key: str) -> bool:
    """Delete a session with everything heard, said and planned in it; False if there was none."""
    tx.has_erased = True
    return tx.run("DELETE FROM session WHERE session_key = ?", (session_key,)) == 1


def delete_account(tx: Transaction, account_id: str) -> bool:
    """Delete an account with its sessions, memories, preferences and links; False if there was none."""
    tx.has_erased = True
    return tx.run("DELETE FROM account WHERE id = ?", (account_id,)) == 1
