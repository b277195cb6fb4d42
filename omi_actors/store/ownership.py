"""Ownership of unfinished rows: each node owns its rows, and all living nodes own the rows of a node that is gone.

Not here: leases and heartbeats (nodes.py), the rows (answers.py, sessions.py). Threads: a store actor's.
"""

from omi_actors.store.transaction import Transaction

# Seconds beyond its lease after which a silent node is taken for gone, and others begin what it has not begun: the
# store makes each step once. While the database is away all leases expire; then a living node gets this time to renew.
GONE_AFTER_S = 1.0
# The same for what it has begun, and others can only give up. A node that lost the database for a while may have said
# an answer without recording it, and records it when the database is back.
GONE_WITH_ITS_WORD_S = 60.0


def owned_by(
    tx: Transaction, column: str, node: str, *, gone_after_s: float = GONE_AFTER_S
) -> tuple[str, tuple[str, float]]:
    """Return an SQL condition and its values: `node` owns the rows of the node that `column` names.

    All living nodes own the rows of a node that is gone. If several try the same step, the store lets one make it.
    """
    condition = f"({column} = ? OR {column} IN (SELECT name FROM node WHERE lease_until < ?))"  # noqa: S608 (a column of ours)
    return condition, (node, tx.now_s() - gone_after_s)
