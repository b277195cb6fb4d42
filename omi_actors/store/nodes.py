"""Nodes: their names, incarnations and leases, and the living ones. A node lives until its lease expires.

Not here: epochs of sessions (commits.py), leases of jobs (jobs.py). Threads: the writer's.
"""

from dataclasses import dataclass

from omi_actors.domain.sessions.owner import Member
from omi_actors.domain.work.retention import GAP_S, RetentionState
from omi_actors.errors import ClockRefusedError
from omi_actors.store.answers import let_owner_reload
from omi_actors.store.dead_jobs import take_back
from omi_actors.store.retention_state import count_uptime, load_state, note_leap
from omi_actors.store.transaction import Transaction

# Seconds between a node's clock and the database's beyond which the node is refused. Omi's signatures are good for as
# long; a question would be too old to be answered soon after; and what was said would be dated to another time.
MAX_OFF_S = 300.0

# The version of the messages between nodes (actors/session/wire.py). Nodes with another one get none.
WIRE = 1

# Share of a lease. A living node renews its lease after a third of it, so it still has two thirds when the store goes
# away. If the store was away for less than half a lease, only nodes that are lost have an expired lease.
_STEADY_SHARE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """The result of a heartbeat. `is_ours` is False when a later incarnation has this node's name.

    `off_s`: seconds by which this process's clock is ahead of the database's; None if the database has no own clock.
    `is_steady`: the heartbeat before was stored not long ago, so the leases of living nodes have not expired.
    `members` are the living nodes that take messages of others.
    """

    is_ours: bool
    is_steady: bool
    off_s: float | None
    retention: RetentionState
    members: tuple[Member, ...] = ()


@dataclass(frozen=True, slots=True)
class Presence:
    """The entry of this node by which others find and reach it. `takes_mail`: it takes messages of other nodes now."""

    address: str = ""
    mail_key: bytes = b""
    takes_mail: bool = False


@dataclass(frozen=True, slots=True)
class Registration:
    """The result of registering a node. `unknown_channels` are the channels of deliveries that a crash interrupted."""

    incarnation: int
    jobs_taken_back: int
    unknown_channels: tuple[str, ...]

    @property
    def unknown_deliveries(self) -> int:
        """Return the number of deliveries that may have arrived or not."""
        return len(self.unknown_channels)


_ABSENT = Presence()


def register_node(tx: Transaction, *, lease_s: float, max_deliveries: int) -> Registration:
    """Register this process as the next incarnation of its node name, and end the earlier ones.

    The jobs of earlier incarnations can be claimed again now. Deliveries that they had begun become unknown. The
    previous heartbeat's time is compared with the clock before it is overwritten.

    Raises: ClockRefusedError.
    """
    _refuse_wrong_clock(tx)
    now_s = tx.now_s()
    name = tx.node.name
    _compare_with_previous(tx, now_s)
    (row,) = tx.fetch(
        "INSERT INTO node (name, incarnation, started_at, heartbeat_at, lease_until, schema_version)"
        " VALUES (?, 1, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET incarnation = node.incarnation + 1,"
        " started_at = excluded.started_at, heartbeat_at = excluded.heartbeat_at, lease_until = excluded.lease_until,"
        " schema_version = excluded.schema_version, wire = 0 RETURNING incarnation",
        (name, now_s, now_s, now_s + lease_s, tx.node.schema_version),
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


def heartbeat_node(tx: Transaction, *, lease_s: float, ran_s: float, presence: Presence = _ABSENT) -> Heartbeat:
    """Renew this incarnation's lease, and count the `ran_s` seconds of uptime since its last heartbeat.

    Raises: ClockRefusedError.
    """
    off_s = _refuse_wrong_clock(tx)
    count_uptime(tx, ran_s)
    now_s = tx.now_s()
    ours = tx.node.name, tx.node.incarnation
    (previous_s,) = tx.fetch_one("SELECT heartbeat_at FROM node WHERE name = ? AND incarnation = ?", ours) or (0.0,)
    changed = tx.run(
        "UPDATE node SET heartbeat_at = ?, lease_until = ?, address = ?, mail_key = ?, wire = ?"
        " WHERE name = ? AND incarnation = ?",
        (now_s, now_s + lease_s, presence.address, presence.mail_key, WIRE if presence.takes_mail else 0, *ours),
    )
    # The first heartbeat (`ran_s` 0) follows a start, which may follow an outage of the store.
    is_steady = ran_s > 0.0 and now_s - previous_s < lease_s * _STEADY_SHARE
    others = tx.fetch_one("SELECT 1 FROM node WHERE lease_until > ? AND name <> ? LIMIT 1", (now_s, tx.node.name))
    tx.node.has_others = others is not None
    members = tx.fetch("SELECT name, address, mail_key FROM node WHERE lease_until > ? AND wire = ?", (now_s, WIRE))
    return Heartbeat(
        is_ours=changed == 1,
        is_steady=is_steady,
        off_s=off_s,
        retention=load_state(tx),
        members=tuple(Member(name, address or name, bytes(key or b"")) for name, address, key in members),
    )


def leave(tx: Transaction) -> None:
    """End this incarnation's lease, when all its work has ended: others then own what it has left."""
    ended = (tx.now_s(), tx.node.name, tx.node.incarnation)
    tx.run("UPDATE node SET wire = 0, lease_until = ? WHERE name = ? AND incarnation = ?", ended)


def _refuse_wrong_clock(tx: Transaction) -> float | None:
    """Return the seconds by which this process's clock is ahead of the database's, and give them to the leap watch.

    Raises: ClockRefusedError.
    """
    watch = tx.node.watch
    parted_s = watch.parted_s() if watch else 0.0
    off_s = tx.clock_off_s()
    if off_s is not None:
        if abs(off_s) > MAX_OFF_S:
            raise refuse_clock(off_s)
        if watch:
            watch.accept(parted_s - off_s)
    return off_s


def refuse_clock(off_s: float) -> ClockRefusedError:
    """Return the error of a node whose clock is ahead of the database's by `off_s`."""
    return ClockRefusedError(
        f"this machine's clock is {abs(off_s):,.0f} s {'ahead of' if off_s > 0 else 'behind'} the database's;"
        " set it, and keep it by NTP (timedatectl set-ntp true)"
    )


def _compare_with_previous(tx: Transaction, now_s: float) -> None:
    """Record a leap if the clock is far from the previous heartbeat: this node's, else the latest of all nodes."""
    if not tx.has_process_clock:
        return
    row = tx.fetch_one(
        "SELECT heartbeat_at FROM node ORDER BY name = ? DESC, heartbeat_at DESC LIMIT 1", (tx.node.name,)
    )
    if row is not None and abs(now_s - row[0]) > GAP_S:
        note_leap(tx, now_s - row[0])
