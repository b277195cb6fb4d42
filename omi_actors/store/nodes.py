"""Nodes: who serves, as which incarnation, and until when others must believe that it lives.

Not here: epochs of sessions (commits.py), leases of jobs (jobs.py). Threads: the writer's.
"""

from dataclasses import dataclass

from omi_actors.store.answers import let_owner_reload
from omi_actors.store.dead_jobs import take_back
from omi_actors.store.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Registration:
    """What a process finds when it takes its node's name. `unknown_channels`: the ways of deliveries that were cut."""

    incarnation: int
    jobs_taken_back: int
    unknown_channels: tuple[str, ...]

    @property
    def unknown_deliveries(self) -> int:
        """How many deliveries nobody knows to have arrived."""
        return len(self.unknown_channels)


def register_node(tx: Transaction, *, lease_s: float, max_deliveries: int) -> Registration:
    """Take the node's name as its next incarnation; earlier ones are over.

    Their jobs are free again at once. Of deliveries that they were about to make nobody knows whether they were made.
    """
    now_s = tx.now_s()
    name = tx.node.name
    (row,) = tx.fetch(
        "INSERT INTO node (name, incarnation, started_at, heartbeat_at, lease_until) VALUES (?, 1, ?, ?, ?)"
        " ON CONFLICT (name) DO UPDATE SET incarnation = node.incarnation + 1, started_at = excluded.started_at,"
        " heartbeat_at = excluded.heartbeat_at, lease_until = excluded.lease_until RETURNING incarnation",
        (name, now_s, now_s, now_s + lease_s),
    )
    incarnation = int(row[0])
    taken = take_back(
        tx,
        "node = ? AND incarnation < ?",
        (name, incarnation),
        max_deliveries=max_deliveries,
    )
    unknown = tx.fetch(
        "UPDATE delivery SET state = 'unknown', changed_at = ?"
        " WHERE state = 'sending' AND node = ? AND incarnation < ? RETURNING id, channel",
        (now_s, name, incarnation),
    )
    for delivery_id, _ in unknown:
        tx.run(
            "UPDATE notification_event SET status = 'unknown', changed_at = ?"
            " WHERE delivery_id = ? AND status = 'sending'",
            (now_s, delivery_id),
        )
        let_owner_reload(tx, delivery_id)
    channels = tuple(channel for _, channel in unknown)
    return Registration(incarnation=incarnation, jobs_taken_back=taken, unknown_channels=channels)


def heartbeat_node(tx: Transaction, *, lease_s: float) -> bool:
    """Say that this incarnation lives; False when a later one has taken its name."""
    now_s = tx.now_s()
    changed = tx.run(
        "UPDATE node SET heartbeat_at = ?, lease_until = ? WHERE name = ? AND incarnation = ?",
        (now_s, now_s + lease_s, tx.node.name, tx.node.incarnation),
    )
    return changed == 1
