"""Ownership of unfinished rows: each node owns its rows, and all living nodes own the rows of a node that is gone.

Not here: leases and heartbeats (nodes.py), the rows (answers.py, sessions.py). Threads: a store actor's.
"""

from omi_actors.store.transaction import Transaction

# Seconds beyond its lease after which a silent node is taken for gone. One that only lost the database for a while may
# have said what it could not record, and records it when the database is back.
_GONE_AFTER_S = 60.0


def owned_by(tx: Transaction, column: str, node: str) -> tuple[str, tuple[str, float]]:
    """Return an SQL condition and its values: `node` owns the rows of the node that `column` names.

    All living nodes own the rows of a node that is gone. If several try the same step, the store lets one make it.
    """
    condition = f"({column} = ? OR {column} IN (SELECT name FROM node WHERE lease_until < ?))"  # noqa: S608 (a column of ours)
    return condition, (node, tx.now_s() - _GONE_AFTER_S)
