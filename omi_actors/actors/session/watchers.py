"""Watchers of sessions: callbacks for those who show a person's conversation while it goes on.

A call is a hint that something was stored on this node. Hints of other nodes do not come, so watchers also look now and
then. Not here: the event stream (web/people/stream.py). Threads: the event loop.
"""

from collections.abc import Callable, Iterable

from omi_actors.domain.answers.budget import owner_of

Notify = Callable[[], None]


class SessionWatchers:
    """Callbacks by the owner in the key of a session. Sessions call `note`; it costs nothing while nobody watches.

    watchers.watch(["omi:ada", "account:a1"], changed.set)
    watchers.note("omi:ada")                                   # calls changed.set()
    """

    def __init__(self) -> None:
        self._by_owner: dict[str, set[Notify]] = {}

    def watch(self, owners: Iterable[str], notify: Notify) -> None:
        """Call `notify` at each change of a session of these owners. It must be quick and must not raise."""
        for owner in owners:
            self._by_owner.setdefault(owner, set()).add(notify)

    def unwatch(self, owners: Iterable[str], notify: Notify) -> None:
        """Stop the calls."""
        for owner in owners:
            watching = self._by_owner.get(owner, set())
            watching.discard(notify)
            if not watching:
                self._by_owner.pop(owner, None)

    def note(self, session_key: str) -> None:
        """Report that a message or a conversation of this session was stored."""
        if self._by_owner:
            for notify in tuple(self._by_owner.get(owner_of(session_key), ())):
                notify()
