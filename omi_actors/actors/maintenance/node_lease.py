"""The node's lease: renews this process's claim on its node name, and ends a process that has lost it.

Not here: taking the name at start (store/actors.py). Threads: the event loop; it never awaits.
"""

from collections.abc import Callable
from dataclasses import dataclass

from omi_actors.instruments.logs import get_logger
from omi_actors.kit.errors import ExpectedError
from omi_actors.kit.future import Future
from omi_actors.kit.loop_actor import LoopActor
from omi_actors.store import nodes
from omi_actors.store.facade import Store

_log = get_logger(__name__)

# Seconds. Other nodes take this node for alive during one lease; three heartbeats to a lease, so two may be lost.
LEASE_S = 15.0
_PERIOD_S = 5.0


@dataclass(frozen=True, slots=True)
class RenewNodeLease:
    """The actor's own timer: send one heartbeat to the store."""


@dataclass(frozen=True, slots=True)
class NodeConfirmed:
    """Sent by the actor's own heartbeat: whether the node's name still belongs to this process."""

    is_ours: bool


class NodeLease(LoopActor):
    """Renews the node's lease, and calls `on_fenced` when a later incarnation has taken this node's name.

    State it owns: none. Messages it takes: RenewNodeLease, NodeConfirmed. Messages it sends: none.
    What kills it: an unexpected error. What survives a restart: the node's row in the store.
    """

    def __init__(self, store: Store, on_fenced: Callable[[], None]) -> None:
        super().__init__()
        self._store = store
        self._on_fenced = on_fenced

    def on_start(self) -> None:
        """Begin to tick."""
        self.timers.every(_PERIOD_S, RenewNodeLease())

    def receive(self, message: object) -> object:
        """Take one message."""
        match message:
            case RenewNodeLease():
                self._store.write(nodes.heartbeat_node, lease_s=LEASE_S).add_done_callback(self._report)
            case NodeConfirmed(is_ours):
                if not is_ours:
                    self._on_fenced()
            case _:
                return super().receive(message)
        return None

    def _report(self, heartbeat: Future[bool]) -> None:
        """Send the store's answer to this actor. Runs in the writer's thread."""
        try:
            self.handle.tell(NodeConfirmed(heartbeat.result()))
        except ExpectedError as exc:
            # A node that takes over meanwhile raises the epochs, so the store refuses our later writes.
            _log.warning("node_heartbeat_failed", error=type(exc).__name__)
