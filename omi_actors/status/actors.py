"""The section `actors` of the operator's page: the supervision tree with states, mailboxes, crashes and restarts.

Nothing is counted for it while messages are sent. The age of the oldest message is the time for which two looks or
more have found the same message at the front of its mailbox, or being handled.
Not here: the restart itself (kit/supervisor.py), HTML (web/pages/). Threads: the event loop.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from omi_actors.actors.session.router import LiveSessions
from omi_actors.clock import Clock
from omi_actors.errors import NotFoundError
from omi_actors.kit.handle import Handle
from omi_actors.kit.reports import CrashLog
from omi_actors.kit.spec import ChildState
from omi_actors.kit.supervisor import RestartChild
from omi_actors.status.requests import name_wearer

# Sessions whose mailboxes one look counts, about a millisecond; the next look goes on after them.
_SCANNED = 2_000
# Sessions that the page shows by themselves: those with the most messages.
_BUSIEST = 5

# The groups in start order, each with its children.
Groups = Sequence[tuple[Handle, Sequence[Handle]]]


# Seconds in which a group restarts a child: its shutdown timeout, and those of the siblings that restart with it.
_RESTART_S = 30.0


class Actors:
    """Shows and restarts actors. Between two looks it remembers the message at the front of each mailbox.

    Example:
        actors.look()  # [{"path": "store_group", "children": [{"path": "store_group/store_writer", …}]}]
        await actors.restart("node_group/janitor")
    """

    def __init__(self, groups: Groups, live_sessions: LiveSessions, crash_log: CrashLog, clock: Clock) -> None:
        self._groups = groups
        self._live = live_sessions
        self._crash_log = crash_log
        self._clock = clock
        # By actor: the message at the front, and the monotonic second of the look that found it first.
        self._fronts: dict[Handle, tuple[object, float]] = {}
        self._before = self._fronts
        self._now_s = 0.0
        # The sessions that this round of looks has not counted yet, and those that had mail.
        self._rest: Iterator[Handle] = iter(())
        self._busy: set[Handle] = set()

    def look(self) -> list[dict[str, Any]]:
        """Return the tree as it is now."""
        self._before, self._fronts, self._now_s = self._fronts, {}, self._clock.mono_s()
        rows = []
        for group, children in self._groups:
            row = self._row(group, group.name)
            row["children"] = [
                self._row(child, f"{group.name}/{child.name}") | {"canRestart": True} for child in children
            ]
            rows.append(row)
        # The last group is that of the sessions.
        rows[-1]["children"].append(self._sessions(f"{rows[-1]['path']}/sessions"))
        return rows

    async def restart(self, path: str) -> None:
        """Restart a group's child after its present message. Its mail stays.

        Raises:
            NotFoundError: there is no such child. ActorError: its group does not answer.
        """
        group = self.require(path)
        if not await group.ask(RestartChild(path.rpartition("/")[2]), timeout_s=_RESTART_S):
            raise NotFoundError("This actor has ended for good: its group does not start it again.")

    def require(self, path: str) -> Handle:
        """Return the group of a child that can be restarted.

        Raises:
            NotFoundError: there is no such child.
        """
        for group, children in self._groups:
            if path in [f"{group.name}/{child.name}" for child in children]:
                return group
        raise NotFoundError("No actor that can be restarted has this path.")

    def _row(self, handle: Handle, path: str) -> dict[str, Any]:
        note = self._crash_log.notes.get(handle.name)
        return {
            "path": path,
            "kind": handle.kind,
            "state": handle.state.value,
            "mailbox": len(handle.mailbox),
            "oldestMs": self._oldest_ms(handle),
            "crashes": note.count if note is not None else 0,
            "restarts": max(0, handle.generation - 1),
            "lastError": note.last if note is not None else "",
            "canRestart": False,
        }

    def _oldest_ms(self, handle: Handle) -> int | None:
        """Return the milliseconds for which the oldest message has been seen; None if there is none."""
        actor = handle.actor
        front = (actor.in_hand if actor is not None else None) or handle.mailbox.peek()
        if front is None:
            return None
        known, since_s = self._before.get(handle, (None, 0.0))
        self._fronts[handle] = (front, since_s if known is front else self._now_s)
        return round((self._now_s - self._fronts[handle][1]) * 1e3)

    def _sessions(self, path: str) -> dict[str, Any]:
        """Return all sessions as one row, with the busiest below it."""
        self._scan()
        busiest = sorted(self._busy, key=lambda handle: len(handle.mailbox), reverse=True)
        rows = [self._row(handle, f"{path}/{name_wearer(handle.name)}") for handle in busiest[:_BUSIEST]]
        note = self._crash_log.by_kind.get("session")
        count = self._live.count()
        return {
            "path": path,
            "kind": f"{count:,} in memory; those with the most messages stand below",
            "state": ChildState.RUNNING.value,
            "words": f"{count:,} in memory",
            "mailbox": sum(len(handle.mailbox) for handle in self._busy),
            "oldestMs": max((row["oldestMs"] for row in rows if row["oldestMs"] is not None), default=None),
            "crashes": note.count if note is not None else 0,
            "restarts": None,
            "lastError": note.last if note is not None else "",
            "canRestart": False,
            "children": rows,
        }

    def _scan(self) -> None:
        """Find sessions with mail: those known to have some, and the next part of all."""
        some = list(islice(self._rest, _SCANNED))
        if len(some) < _SCANNED:
            self._rest = iter([session.handle for session in self._live.by_key.values()])
            some += islice(self._rest, _SCANNED - len(some))
        self._busy = {handle for handle in (*self._busy, *some) if len(handle.mailbox) and not handle.has_left}
