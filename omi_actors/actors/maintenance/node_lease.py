"""The node keeper: says in the store that this process lives, and notices when another has taken its name.

State it owns: when the store last confirmed. Messages it takes: KeepTick, NodeConfirmed. It tells nobody; being fenced
ends the process (`on_fenced`). What kills it: an unexpected error. What survives a restart: the node's row.
Not here: taking the name at start (store/actors.py). Threads: the event loop; it never awaits.
"""

from collections.abc import Callable

from omi_actors.actors.maintenance.messages import KeepTick, NodeConfirmed
from omi_actors.errors import OmiError
from omi_actors.instruments.logs import get_logger
from omi_actors.kit.future import Future
from omi_actors.kit.loop_actor import LoopActor
from omi_actors.store import nodes
from omi_actors.store.facade import Store

_log = get_logger(__name__)

# Seconds. Others believe that this node lives for one lease; three heartbeats to a lease, so that two may be lost.
LEASE_S = 15.0
_PERIOD_S = 5.0


class NodeLease(LoopActor):
    """See the module. `on_fenced` hears once that a later incarnation has this node's name."""

    def __init__(self, store: Store, on_fenced: Callable[[], None]) -> None:
        super().__init__()
        self._store = store
        self._on_fenced = on_fenced

    def on_start(self) -> None:
        """Begin to tick."""
        self.timers.every(_PERIOD_S, KeepTick())

    def receive(self, message: object) -> object:
        """Take one message; see the module."""
        match message:
            case KeepTick():
                self._store.write(nodes.heartbeat_node, lease_s=LEASE_S).add_done_callback(self._report)
            case NodeConfirmed(is_ours):
                if not is_ours:
                    self._on_fenced()
            case _:
                return super().receive(message)
        return None

    def _report(self, heartbeat: Future[bool]) -> None:
        """Turn the store's answer into mail. Runs in the writer's thread."""
        try:
            self.handle.tell(NodeConfirmed(heartbeat.result()))
        except OmiError as exc:
            # Whoever takes over meanwhile raises the epochs: what we still write is fenced.
            _log.warning("node_heartbeat_failed", error=type(exc).__name__)
