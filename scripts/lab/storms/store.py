"""The node's store in a storm: SQLite without syncs, whose reads and commits may fail, or end without a known result.

Not here: slow reads and commits, which are the turns of its threads (node.py). Threads: the main one.
"""

import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from omi_actors.store.engine import Engine, StoreConfig
from omi_actors.store.transaction import NodeIdentity
from scripts.lab.storms.weather import Death, Spell

if TYPE_CHECKING:
    from scripts.lab.storms.node import Node


class StormEngine(Engine):
    """An engine of the node's writer or of a reader."""

    def __init__(self, node: "Node", config: StoreConfig, identity: NodeIdentity, *, readonly: bool = False) -> None:
        super().__init__(config, identity, readonly=readonly)
        self._storm_node = node
        connection: Any = self._connection
        connection.run = self._meet(connection.run)
        connection.run_session = self._meet(connection.run_session)
        node.engines.append(self)

    def open(self) -> None:
        """Open, without syncs: a storm kills the process, not the machine."""
        super().open()
        if not self._readonly:
            self._connection.get().execute("PRAGMA synchronous=OFF")

    def _meet(self, run: Callable[..., Any]) -> Callable[..., Any]:
        """Return `run` with the trouble of the weather before and after it."""

        def run_in_storm(work: Callable[..., Any], *, commits: bool, **more: Any) -> Any:
            node = self._storm_node
            if commits:
                node.may_die(Death.BEFORE_COMMIT)
            if not node.is_alive or node.store_dice.happens(
                node.weather.share(Spell.STORE_FAILING if commits else Spell.READS_FAILING)
            ):
                raise _build_failure("disk I/O error")
            result = run(work, commits=commits, **more)
            if commits:
                if self._connection.has_changed and not node.may_die(Death.AFTER_COMMIT):
                    node.may_crash_waiting()
                if node.store_dice.happens(node.weather.share(Spell.STORE_UNCLEAR)):
                    node.note_cut("a commit without a known result")
                    raise _build_failure("the commit's result is lost")
            return result

        return run_in_storm


def _build_failure(sentence: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(sentence)
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR
    return error
