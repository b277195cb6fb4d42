"""The node's lease: renews this process's claim on its node name, and stops a process that has lost the name.

It also takes back the jobs of lost workers and nodes.
Not here: taking the name at start (store/actors.py). Threads: the event loop; it never awaits.
"""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from omi_actors.domain.sessions.owner import Member
from omi_actors.domain.work.retention import RESUME, RetentionState, explain_rest
from omi_actors.errors import ClockRefusedError
from omi_actors.instruments import metrics
from omi_actors.instruments.logs import get_logger
from omi_actors.kit.errors import ExpectedError
from omi_actors.kit.future import Future
from omi_actors.kit.loop_actor import LoopActor
from omi_actors.store import dead_jobs, nodes
from omi_actors.store.facade import Store
from omi_actors.store.nodes import Heartbeat, Presence

_log = get_logger(__name__)

# Heartbeats to a lease, during which other nodes take this node for alive: two may be lost.
_BEATS = 3
# Seconds from the database's clock beyond which an operator is warned: NTP keeps clocks within a fraction of one.
OFF_WARN_S = 2.0


@dataclass(slots=True)
class NodeReadings:
    """Result of the latest heartbeat of this node. Only the node lease writes it; any code on the loop may read it.

    `clock_off_s`: seconds by which this process's clock is ahead of the database's; None if the database has no clock
    of its own.
    """

    clock_off_s: float | None = None
    retention: RetentionState = field(default_factory=RetentionState)


@dataclass(frozen=True, slots=True)
class RenewNodeLease:
    """Message that begins one heartbeat to the store. Sent by the node lease's timer, and when nodes come or leave."""


@dataclass(frozen=True, slots=True)
class NodeConfirmed:
    """Message with the result of a heartbeat; the heartbeat's future sends it."""

    heartbeat: Heartbeat
    presence: Presence


@dataclass(frozen=True, slots=True)
class NodeRefused:
    """Message after a heartbeat that the store refused: this machine's clock differs too much from the database's."""

    reason: str


@dataclass(frozen=True, slots=True)
class Membership:
    """The part of the node lease in the sharing of sessions: what it writes about this node, and whom it tells.

    `presence()` is what other nodes must know; after its change `tell_others()` sends them a hint. `set_members` gets
    the living nodes. `is_leaving()` tells whether the process ends.
    """

    presence: Callable[[], Presence]
    set_members: Callable[[Sequence[Member]], object]
    tell_others: Callable[[], object]
    is_leaving: Callable[[], bool]


class NodeLease(LoopActor):
    """Renews the node's lease by heartbeats. Reports a lost name and a refused clock. Takes back lost jobs.

    A job is lost when its own lease, or its node's, has expired. The leases of living nodes expire, too, while the
    store is away. So lost jobs are taken back only after a steady heartbeat; until then living nodes renew theirs.

    State it owns: the node's readings. Messages it takes: RenewNodeLease, NodeConfirmed, NodeRefused.
    Messages it sends: none; it calls `on_fenced` when a later incarnation has taken this node's name, and
    `on_clock_refused` once when the store refuses the clock. What kills it: an unexpected error.
    What survives a restart: the node's row in the store.
    """

    def __init__(  # noqa: PLR0913 (one per part)
        self,
        store: Store,
        readings: NodeReadings,
        on_fenced: Callable[[], None],
        on_clock_refused: Callable[[str], object],
        *,
        max_deliveries: int,
        max_losses: int,
        lease_s: float = 5.0,
        membership: Membership | None = None,
    ) -> None:
        """Make the actor.

        A job whose lease expires becomes dead if it was claimed `max_deliveries` times. If its node was lost, the limit
        is `max_losses` (store/dead_jobs.py).
        """
        super().__init__()
        self._store = store
        self._max_deliveries = max_deliveries
        self._max_losses = max_losses
        self._readings = readings
        self._on_fenced = on_fenced
        self._on_clock_refused = on_clock_refused
        self._is_refused = False
        self._lease_s = lease_s
        self._membership = membership
        self._last_mono_s: float | None = None
        self._known = Presence()

    def on_start(self) -> None:
        """Send the first heartbeat now, so that its result is shown soon after the start."""
        self._beat()
        self.timers.every(self._lease_s / _BEATS, RenewNodeLease())

    async def on_stop(self) -> None:
        """End the lease of a node that leaves, if the store answers: others then own at once what it has left."""
        if self._membership is not None and self._membership.is_leaving():
            with contextlib.suppress(ExpectedError):
                await self._store.write(nodes.leave)
            self._membership.tell_others()

    def receive(self, message: object) -> object:
        """Take one message."""
        match message:
            case RenewNodeLease():
                self._beat()
            case NodeConfirmed(heartbeat, presence):
                self._note_answer(heartbeat)
                self._note_members(heartbeat, presence)
            case NodeRefused(reason):
                if not self._is_refused:
                    self._is_refused = True
                    self._on_clock_refused(reason)
            case _:
                return super().receive(message)
        return None

    def _beat(self) -> None:
        now_mono_s = self.runtime.clock.mono_s()
        ran_s = 0.0 if self._last_mono_s is None else now_mono_s - self._last_mono_s
        self._last_mono_s = now_mono_s
        presence = self._membership.presence() if self._membership else Presence()
        beat = self._store.write(nodes.heartbeat_node, lease_s=self._lease_s, ran_s=ran_s, presence=presence)
        beat.add_done_callback(partial(self._report, presence))

    def _note_members(self, heartbeat: Heartbeat, presence: Presence) -> None:
        if self._membership is None or not heartbeat.is_ours:
            return
        self._membership.set_members(heartbeat.members)
        if presence != self._known:
            self._known = presence
            self._membership.tell_others()

    def _note_answer(self, heartbeat: Heartbeat) -> None:
        if not heartbeat.is_ours:
            self._on_fenced()
        elif heartbeat.is_steady:
            self._reap()
        self._note_clock(heartbeat.off_s)
        was, now = self._readings.retention, heartbeat.retention
        self._readings.retention = now
        rest = explain_rest(now)
        if rest and (was.leaps, was.excess) != (now.leaps, now.excess):
            _log.warning("retention_rests", reason=rest, hint=f"if the clock is right: {RESUME}")
        elif explain_rest(was) and not rest:
            _log.info("retention_goes_on")

    def _reap(self) -> None:
        """Take back lost jobs."""
        limits = {"max_deliveries": self._max_deliveries, "max_losses": self._max_losses}
        self._store.write(dead_jobs.reap_jobs, **limits).add_done_callback(_record_reaped)

    def _note_clock(self, off_s: float | None) -> None:
        was_s, self._readings.clock_off_s = self._readings.clock_off_s or 0.0, off_s
        metrics.CLOCK_OFF_SECONDS.set(off_s or 0.0)
        if off_s is not None and abs(off_s) > OFF_WARN_S >= abs(was_s):
            _log.warning("clock_off", ahead_of_database_s=round(off_s, 1))

    def _report(self, presence: Presence, heartbeat: Future[Heartbeat]) -> None:
        """Send the heartbeat's result to this actor. Runs in the writer's thread."""
        try:
            self.handle.tell(NodeConfirmed(heartbeat.result(), presence))
        except ClockRefusedError as exc:
            self.handle.tell(NodeRefused(str(exc)))
        except ExpectedError as exc:
            # A node that takes over meanwhile raises the epochs, so the store refuses our later writes.
            _log.warning("node_heartbeat_failed", error=type(exc).__name__)


def _record_reaped(reaped: Future[int]) -> None:
    """Count the jobs that were taken back. Runs in the writer's thread."""
    try:
        count = reaped.result()
    except ExpectedError as exc:
        _log.warning("jobs_not_reaped", error=type(exc).__name__)
        return
    if count:
        metrics.JOBS_REAPED.inc(count)
        _log.warning("jobs_reaped", count=count)
