"""Deliveries: the steps by which an answer is given, each made durable before it is taken.

Not here: which step comes next (domain/delivery.py). Threads: a store actor's.
"""

from omi_actors.domain.sessions import DeliveryChange, NewDelivery
from omi_actors.store.dialect import Bulk, Row, build_insert
from omi_actors.store.transaction import NodeIdentity, Transaction

_FROM_STATES_MAX = 4
INSERT_DELIVERY = build_insert(
    "delivery",
    "id, session_id, message_id, state, channel, created_at, changed_at",
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


def build_change_row(change: DeliveryChange, node: NodeIdentity) -> Row:
    """Return the values of CHANGE; the states to come from are repeated to their fixed number.

    Raises: ValueError when there are none or too many.
    """
    count = len(change.from_states)
    if not 0 < count <= _FROM_STATES_MAX:
        raise ValueError("a delivery changes from one to four states")
    from_states = (*change.from_states, *change.from_states[-1:] * (_FROM_STATES_MAX - count))
    step = (change.state, change.channel, change.changed_at)
    return (*step, node.name, node.incarnation, change.delivery_id, *from_states)


def build_delivery_row(delivery: NewDelivery) -> Row:
    """Return the values of INSERT_DELIVERY: pending, on no channel yet."""
    ids = (delivery.delivery_id, delivery.session_id, delivery.message_id)
    return (*ids, "pending", "", delivery.created_at, delivery.created_at)


def change_delivery(tx: Transaction, change: DeliveryChange) -> bool:
    """Make one step; False if the delivery does not stand where the step begins."""
    return tx.run(CHANGE.one, build_change_row(change, tx.node)) == 1
