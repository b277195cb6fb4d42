"""The owners of sessions: which node has a session, and the way to it, here or elsewhere.

Not here: the choice of an owner (domain/sessions/owner.py), messages to other nodes (forwarding.py), from them
(mail_room.py). Threads: the event loop.
"""

import secrets
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from omi_actors.actors.session import wire
from omi_actors.actors.session.forwarding import Elsewhere, Forwarding
from omi_actors.actors.session.mail_room import SessionMailRoom
from omi_actors.actors.session.messages import AskerLeft, ReplySent
from omi_actors.actors.session.router import LiveSessions
from omi_actors.actors.session.slots import OpenReplies
from omi_actors.actors.session.watchers import SessionWatchers
from omi_actors.backplane.interface import Backplane
from omi_actors.domain.sessions.owner import Member, Ring
from omi_actors.instruments import metrics
from omi_actors.instruments.logs import get_logger
from omi_actors.kit.future import Future
from omi_actors.kit.handle import Handle
from omi_actors.kit.runtime import Runtime
from omi_actors.store.nodes import Presence

_log = get_logger(__name__)

# Seconds for which a silent node gets no more messages, unless it is heard of. Its lease ends in that time.
_SUSPECT_S = 5.0
# Sessions whose owners are remembered. Finding one takes 2 µs.
_KNOWN = 100_000


class SessionOwners:
    """Finds each session at its owner.

    owners.find("omi:ada").ask(IngestSegments(...), timeout_s=12.0)    # here or elsewhere

    It is a shared object and no actor, so that a message costs no turn. The node lease sets the members, the backplane
    brings mail and reports its link; both on the event loop.
    """

    def __init__(  # noqa: PLR0913 (one per part)
        self,
        name: str,
        address: str,
        *,
        runtime: Runtime,
        live_sessions: LiveSessions,
        router: Handle,
        open_replies: OpenReplies,
        backplane: Backplane,
    ) -> None:
        self.name = name
        self.runtime = runtime
        self.router = router
        # Called when other nodes should know a new presence.
        self.on_presence: Callable[[], object] = bool
        self.is_linked = self.is_leaving = False
        self._address = address or name
        self._mail_key = secrets.token_bytes(32)
        self._live_sessions = live_sessions
        self._open_replies = open_replies
        self._all, self._ring = Ring(), Ring()
        # The owners found in this ring.
        self._known: dict[str, Member | None] = {}
        self._suspects: set[str] = set()
        # Nodes that have left stay here: they still get replies.
        self.by_name: dict[str, Member] = {}
        self._room = SessionMailRoom(self, backplane, self._mail_key)
        self._forwarding = Forwarding(self, self._room)
        self._room.forwarding = self._forwarding
        backplane.carry_mail(name, self._room)

    @property
    def watchers(self) -> SessionWatchers:
        """Return the callbacks for changes of sessions, at whatever node."""
        return self._room.watchers

    # --- the nodes

    @property
    def presence(self) -> Presence:
        """Return how other nodes find and reach this one now."""
        return Presence(self._address, self._mail_key, takes_mail=self.is_linked and not self.is_leaving)

    @property
    def members(self) -> tuple[Member, ...]:
        """Return the nodes that share the sessions now; none if this node works alone."""
        return self._ring.members

    def leave(self) -> None:
        """Own no more sessions from now on: the node stops."""
        self.is_leaving = True
        self.set_members(self._all.members)
        self.on_presence()

    def set_members(self, members: Sequence[Member]) -> None:
        """Share the sessions among these nodes; without this one when it leaves."""
        if self.is_leaving:
            members = [member for member in members if member.name != self.name]
        if set(members) == set(self._all.members):
            return
        self._all = Ring(members)
        self.by_name |= {member.name: member for member in members}
        self._choose()
        self._room.send_waiting()

    def note_link(self, *, is_open: bool) -> None:
        """Share the sessions while there is a link; without one, this node works alone."""
        self.is_linked = is_open
        self._choose()
        if not is_open:
            self._forwarding.take_over_all("no link")
        self.on_presence()

    def suspect(self, name: str) -> None:
        """Send this node nothing for a while, since it was silent: the next nodes have its sessions."""
        if name in self.by_name and name not in self._suspects:
            _log.warning("node_silent", node=name)
            self._suspects.add(name)
            self._choose()
            self.runtime.call_later(_SUSPECT_S, partial(self.trust, name))

    def trust(self, name: str) -> None:
        """Send this node messages again: it was heard of, or its time is over."""
        if name in self._suspects:
            self._suspects.discard(name)
            self._choose()

    def _choose(self) -> None:
        """Choose the nodes that share the sessions: without silent ones, and none if this one has no others."""
        has_others = any(member.name != self.name for member in self._all.members)
        self._ring = self._all.without(self._suspects) if has_others and self.is_linked else Ring()
        self._known.clear()
        metrics.NODES_SHARING.set(len(self._ring.members))

    # --- the way to a session

    def find(self, session_key: str) -> Handle | Elsewhere:
        """Return the way to a session: its handle, the router, which activates it, or its owner elsewhere."""
        return self.find_elsewhere(session_key) or self.find_here(session_key)

    def find_elsewhere(self, session_key: str) -> Elsewhere | None:
        """Return the way to the session at another node; None if it is this node's."""
        if not self._ring.members:
            return None
        try:
            owner = self._known[session_key]
        except KeyError:
            if len(self._known) >= _KNOWN:
                self._known.clear()
            owner = self._known[session_key] = self._ring.find_owner(session_key)
        return None if owner is None or owner.name == self.name else Elsewhere(self._forwarding, owner)

    def find_here(self, session_key: str) -> Handle:
        """Return the session if it is in memory, else the router, which activates it.

        If messages for this session may wait at the router, send to the router: a new message must not overtake them.
        """
        if len(self.router.mailbox):
            return self.router
        return self._live_sessions.find(session_key, self.runtime.clock.mono_s()) or self.router

    def find_replier(self, sent: ReplySent) -> Handle | Elsewhere:
        """Return the way to the session that has made this reply's answer."""
        member = self._forwarding.take_replier(sent.delivery_id)
        return self.router if member is None or not self.is_linked else Elsewhere(self._forwarding, member)

    def find_asked(self, left: AskerLeft) -> Handle | Elsewhere:
        """Return the way to the session that an asker has asked."""
        member = self._forwarding.find_asked(left.asker_id)
        return self.find_here(left.session_key) if member is None else Elsewhere(self._forwarding, member)

    # --- facts for sessions, from the workers and the sweeper of this node

    def tell(self, message: Any) -> bool:
        """Send a session a fact about its answers."""
        return self._find_for_fact(message).tell(message)

    def ask(self, message: Any, *, timeout_s: float) -> Future[Any]:
        """Send a session a piece of an answer."""
        return self._find_for_fact(message).ask(message, timeout_s=timeout_s)

    def _find_for_fact(self, message: Any) -> Handle | Elsewhere:
        """Return the way to the owner; to this node's session if a reply waits here."""
        if not wire.can_travel(message) or getattr(message, "job_id", "") in self._open_replies:
            return self.router
        return self.find_elsewhere(message.session_key) or self.router
