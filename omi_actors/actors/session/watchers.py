"""Watchers of sessions: callbacks for those who show a person's conversation while it goes on.

A call is a hint that something was stored, at this node or at another one. Hints of other nodes may be lost, and come
only while there is a link, so watchers also look now and then.
Not here: the event stream (web/people/stream.py), the way to other nodes (mail_room.py). Threads: the event loop.
"""

from collections.abc import Callable, Iterable

from omi_actors.clock import Clock
from omi_actors.domain.answers.budget import owner_of

Notify = Callable[[], None]

# Seconds for which a node sends hints to another one that has asked for them. The other one asks with each of its
# looks, every 5 s, so one request may be lost.
_WATCHED_S = 12.0


class OtherNodes:
    """The other nodes: those that show sessions of this one get hints, and this one asks them for theirs."""

    def __init__(
        self, clock: Clock, send_watching: Callable[[tuple[str, ...]], None], send_changed: Callable[[str, str], None]
    ) -> None:
        """Make it of `send_watching(owners)`, which reaches all other nodes, and `send_changed(owner, node)`."""
        self._clock = clock
        self.send_watching, self._send_changed = send_watching, send_changed
        # The nodes that watch an owner, with the end of their requests (monotonic seconds).
        self._watching: dict[str, dict[str, float]] = {}
        self._cleared_mono_s = 0.0

    def watch(self, owners: Iterable[str], node: str) -> None:
        """Send this node hints about these owners for a while."""
        now_mono_s = self._clock.mono_s()
        if now_mono_s - self._cleared_mono_s > _WATCHED_S:
            self._cleared_mono_s = now_mono_s
            self._watching = {
                owner: nodes for owner, nodes in self._watching.items() if max(nodes.values()) > now_mono_s
            }
        for owner in owners:
            self._watching.setdefault(owner, {})[node] = now_mono_s + _WATCHED_S

    def note(self, session_key: str) -> None:
        """Send a hint to the nodes that watch this session's owner."""
        if not self._watching:
            return
        owner, now_mono_s = owner_of(session_key), self._clock.mono_s()
        for node, until_mono_s in self._watching.get(owner, {}).items():
            if until_mono_s > now_mono_s:
                self._send_changed(owner, node)


class SessionWatchers:
    """Callbacks by the owner in the key of a session. Sessions call `note`; it costs nothing while nobody watches.

    watchers.watch(["omi:ada", "account:a1"], changed.set)
    watchers.note("omi:ada")                                   # calls changed.set(), at each node that watches
    """

    def __init__(self, others: OtherNodes | None = None) -> None:
        self._others = others
        self._by_owner: dict[str, set[Notify]] = {}

    def watch(self, owners: Iterable[str], notify: Notify) -> None:
        """Call `notify` at each change of a session of these owners. It must be quick and must not raise."""
        owners = tuple(owners)
        for owner in owners:
            self._by_owner.setdefault(owner, set()).add(notify)
        self.ask_others(owners)

    def ask_others(self, owners: Iterable[str]) -> None:
        """Ask the other nodes for hints about these owners. Call it again every few seconds."""
        owners = tuple(owners)
        if owners and self._others is not None:
            self._others.send_watching(owners)

    def unwatch(self, owners: Iterable[str], notify: Notify) -> None:
        """Stop the calls. Hints of other nodes end by themselves."""
        for owner in owners:
            watching = self._by_owner.get(owner, set())
            watching.discard(notify)
            if not watching:
                self._by_owner.pop(owner, None)

    def note(self, session_key: str) -> None:
        """Report that a message or a conversation of this session was stored at this node."""
        if self._by_owner:
            self.notify(owner_of(session_key))
        if self._others is not None:
            self._others.note(session_key)

    def notify(self, owner: str) -> None:
        """Call those at this node who watch this owner."""
        for notify in tuple(self._by_owner.get(owner, ())):
            notify()
