"""Ownership of unfinished rows: each node has its own, and all living nodes those of a node that is gone.

Not here: leases and heartbeats (nodes.py), the rows (answers.py, sessions.py). Threads: a store actor's.
"""

from omi_actors.store.transaction import Transaction

# Seconds beyond its lease after which a silent node is taken for gone. One that only lost the database for a while may
# have said what it could not record, and records it when the database is back.
_GONE_AFTER_S = 60.0


def owned_by(tx: Transaction, column: str, node: str) -> tuple[str, tuple[str, float]]:
    """Return the condition, with its values, that `node` owns the unfinished rows of the node that `column` names.

    All living nodes own the rows of one that is gone; a step that several of them want is taken by one.
    """
    condition = f"({column} = ? OR {column} IN (SELECT name FROM node WHERE lease_until < ?))"  # noqa: S608 (a column of ours)
    return condition, (node, tx.now_s() - _GONE_AFTER_S)
