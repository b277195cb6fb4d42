"""The node keeper: says in the store that this process lives, and takes in what the store says to that.

State it owns: clock and retention of the board. Messages it takes: KeepTick, NodeConfirmed, NodeRefused. It tells
nobody; being fenced, or refused for its clock, ends the process. What kills it: an unexpected error. What survives a
restart: the node's row.
Not here: taking the name at start (store/actors.py). Threads: the event loop; it never awaits.
"""

from collections.abc import Callable

from omi_actors.actors.maintenance.messages import KeepTick, NodeConfirmed, NodeRefused
from omi_actors.actors.metrics_collector import Board
from omi_actors.domain.work.retention import RESUME, say_rest
from omi_actors.errors import ClockRefusedError, OmiError
from omi_actors.instruments import metrics
from omi_actors.instruments.logs import get_logger
from omi_actors.kit.future import Future
from omi_actors.kit.loop_actor import LoopActor
from omi_actors.store.facade import Store
from omi_actors.store.nodes import Heartbeat

_log = get_logger(__name__)

# Seconds. Others believe that this node lives for one lease; three heartbeats to a lease, so that two may be lost.
LEASE_S = 15.0
_PERIOD_S = 5.0
# Seconds from the database's clock beyond which an operator is told: NTP keeps clocks within a fraction of one.
OFF_WARN_S = 2.0


class NodeKeeper(LoopActor):
    """See the module.

    `on_fenced` hears that a later incarnation has this node's name, `on_clock_refused` once why the clock is refused.
    """

    def __init__(
        self, store: Store, board: Board, on_fenced: Callable[[], None], on_clock_refused: Callable[[str], object]
    ) -> None:
        super().__init__()
        self._store = store
        self._board = board
        self._on_fenced = on_fenced
        self._on_clock_refused = on_clock_refused
        self._is_refused = False

    def on_start(self) -> None:
        """Begin to tick, at once: what the store found at the start is to be shown."""
        self._beat(0.0)
        self.timers.every(_PERIOD_S, KeepTick())

    def receive(self, message: object) -> object:
        """Take one message; see the module."""
        match message:
            case KeepTick():
                self._beat(_PERIOD_S)
            case NodeConfirmed(heartbeat):
                self._take_in(heartbeat)
            case NodeRefused(reason):
                if not self._is_refused:
                    self._is_refused = True
                    self._on_clock_refused(reason)
            case _:
                return super().receive(message)
        return None

    def _beat(self, ran_s: float) -> None:
        self._store.node_heartbeat(lease_s=LEASE_S, ran_s=ran_s).add_done_callback(self._report)

    def _take_in(self, heartbeat: Heartbeat) -> None:
        if not heartbeat.is_ours:
            self._on_fenced()
        self._note_clock(heartbeat.off_s)
        was, self._board.retention = self._board.retention, heartbeat.retention
        if (rest := say_rest(heartbeat.retention)) and (was.leaps, was.excess) != (
            heartbeat.retention.leaps,
            heartbeat.retention.excess,
        ):
            _log.warning("retention_rests", reason=rest, hint=f"if the clock is right: {RESUME}")
        elif say_rest(was) and not rest:
            _log.info("retention_goes_on")

    def _note_clock(self, off_s: float | None) -> None:
        was_s, self._board.clock_off_s = self._board.clock_off_s or 0.0, off_s
        metrics.CLOCK_OFF_SECONDS.set(off_s or 0.0)
        if off_s is not None and abs(off_s) > OFF_WARN_S >= abs(was_s):
            _log.warning("clock_off", ahead_of_database_s=round(off_s, 1))

    def _report(self, heartbeat: Future[Heartbeat]) -> None:
        """Turn the store's answer into mail. Runs in the writer's thread."""
        try:
            self.handle.tell(NodeConfirmed(heartbeat.result()))
        except ClockRefusedError as exc:
            self.handle.tell(NodeRefused(str(exc)))
        except OmiError as exc:
            # Whoever takes over meanwhile raises the epochs: what we still write is fenced.
            _log.warning("node_heartbeat_failed", error=type(exc).__name__)
