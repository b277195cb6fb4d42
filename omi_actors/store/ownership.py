"""Which node looks after what is left to be done: its own, and what a node has left that is gone.

Not here: leases and heartbeats (nodes.py), what is left (answers.py, sessions.py). Threads: a store actor's.
"""

from omi_actors.store.transaction import Transaction

# Seconds beyond its lease after which a silent node is taken for gone. One that only lost the database for a while may
# have said what it could not record, and records it when the database is back.
_GONE_AFTER_S = 60.0


def in_charge(tx: Transaction, column: str, node: str) -> tuple[str, tuple[str, float]]:
    """Return the condition, with its values, that `node` looks after the rows of the node that `column` names.

    All nodes that live look after what one has left that is gone; of a step that they all want, one takes it.
    """
    condition = f"({column} = ? OR {column} IN (SELECT name FROM node WHERE lease_until < ?))"  # noqa: S608 (a column of ours)
    return condition, (node, tx.now_s() - _GONE_AFTER_S)
