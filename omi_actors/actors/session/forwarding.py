"""Messages from this node to the owners of sessions, their replies, and the taking over of sessions.

A message has a deadline that begins anew with each sign of life of its owner. When it passes, the session is taken
over: it gets the message here, loads itself, and its next commit fences the other node.
Not here: messages of other nodes (mail_room.py), who owns what (owners.py). Threads: the event loop.
"""

import itertools
import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from omi_actors.actors.session import wire
from omi_actors.actors.session.messages import AskQuestion, ChatAnswered, Ingested, ReplySent
from omi_actors.domain.sessions.owner import Member
from omi_actors.errors import StoreUnavailableError
from omi_actors.instruments import metrics
from omi_actors.instruments.logs import LogContext, current_context, get_logger
from omi_actors.instruments.requests import REQUESTS
from omi_actors.kit.errors import AskTimeoutError
from omi_actors.kit.future import Future
from omi_actors.kit.messages import Envelope, Request

if TYPE_CHECKING:
    from omi_actors.actors.session.mail_room import SessionMailRoom
    from omi_actors.actors.session.owners import SessionOwners

R = TypeVar("R")
K = TypeVar("K")
_log = get_logger(__name__)

# Seconds without a sign of life of the owner, after which a session is taken over. A node that is alive replies in
# milliseconds; its longest pause, a collection of garbage over 100,000 sessions, takes half of that.
DEADLINE_S = 1.0
# Seconds between two signs of life, and between two looks for passed deadlines: three signs may be lost.
LOOK_S = 0.25
# Answers whose end another node waits for: each is in a reply that is being sent. And messages that were taken over,
# whose late answers are returned.
_REMEMBERED = 10_000
_FORWARDED, _TAKEN_OVER = map(metrics.FORWARDS.labels, ("forwarded", "taken_over"))


@dataclass(slots=True)
class _Open:
    """A message at another node, without a reply yet. `is_second`: another node was silent before."""

    member: Member
    message: Any
    reply: Future[Any]
    context: LogContext | None
    until_mono_s: float
    heard_mono_s: float
    is_second: bool = False


class Elsewhere:
    """The session of another node, as the sender of a message sees it: like a handle."""

    __slots__ = ("_forwarding", "member")

    def __init__(self, forwarding: "Forwarding", member: Member) -> None:
        self._forwarding = forwarding
        self.member = member

    def ask(self, request: Request[R], *, timeout_s: float) -> Future[R]:
        """Send `request` and return the future of its reply."""
        return self._forwarding.forward(self.member, request, timeout_s)

    def tell(self, message: object) -> bool:
        """Send `message`. If the node does not confirm it, this node's session gets it."""
        self._forwarding.forward(self.member, message, 3 * DEADLINE_S)
        return True

    tell_always = tell


class Forwarding:
    """The messages of this node that are at other nodes.

    reply = forwarding.forward(member, IngestSegments(...), timeout_s=12.0)
    """

    def __init__(self, owners: "SessionOwners", room: "SessionMailRoom") -> None:
        self._owners = owners
        self._room = room
        self._runtime = owners.runtime
        # Of another start of this node no reply fits.
        self._numbers = itertools.count(secrets.randbits(48))
        self._open: dict[int, _Open] = {}
        # The nodes that made answers which are being sent, by delivery.
        self._repliers: dict[str, str] = {}
        # The sessions of messages that were taken over, by number.
        self._taken: dict[int, str] = {}
        self._looked_mono_s: float | None = None

    def forward(self, member: Member, message: Any, timeout_s: float) -> Future[Any]:
        """Send a message to its owner; return the future of its reply, or of its receipt."""
        reply: Future[Any] = Future()
        self._runtime.deadlines.add(reply, timeout_s, "session")
        now_mono_s = self._runtime.clock.mono_s()
        REQUESTS.note("forwarded")
        self._send(_Open(member, message, reply, current_context(), now_mono_s + timeout_s, now_mono_s))
        return reply

    def _send(self, one: _Open) -> None:
        number = next(self._numbers)
        request_id = one.context.request_id if one.context is not None else ""
        self._open[number] = one
        _FORWARDED.inc()
        left_s = one.until_mono_s - one.heard_mono_s
        self._room.send(one.member.name, wire.build_ask(number, one.message, left_s, request_id))
        self._keep_looking()

    def find_asked(self, asker_id: str) -> Member | None:
        """Return the node at which this asker's question is open."""
        for one in self._open.values():
            if isinstance(one.message, AskQuestion) and one.message.asker_id == asker_id:
                return one.member
        return None

    def take_replier(self, delivery_id: str) -> Member | None:
        """Return, and forget, the node that made this answer; None if it was this one."""
        return self._owners.by_name.get(self._repliers.pop(delivery_id, ""))

    # --- replies

    def note_working(self, number: int) -> None:
        """Note a sign of life: this message is under way."""
        one = self._open.get(number)
        if one is not None:
            one.heard_mono_s = self._runtime.clock.mono_s()

    def show(self, piece: wire.Piece) -> None:
        """Show the asker a piece of the answer."""
        one = self._open.get(piece.number)
        if one is None or one.reply.done:
            return
        self.note_working(piece.number)
        if isinstance(one.message, AskQuestion) and one.message.on_delta is not None:
            one.message.on_delta(piece.text, piece.is_anew)

    def settle(self, frame: wire.Reply, sender: str) -> None:
        """Give the reply to the one who waits. If there is none, its answer has certainly not arrived."""
        one = self._open.pop(frame.number, None)
        if one is None:
            self._return_late(frame, sender)
            return
        value = wire.read_reply(frame, one.message)
        delivery_id = value.delivery_id if isinstance(value, Ingested | ChatAnswered) else None
        if delivery_id is not None:
            _remember(self._repliers, delivery_id, sender)
        if not one.reply.try_set(value) and delivery_id is not None:
            lost = ReplySent(one.message.session_key, delivery_id, reached=False)
            self._owners.find_replier(lost).tell(lost)

    def fail(self, frame: wire.Failure) -> None:
        """Give the error to the one who waits. The owner's way to the database may be cut or hang, while ours does not.

        An owner's ask that passed its time was one of the store: the message's own ends here first.
        """
        one = self._open.get(frame.number)
        if one is None:
            return
        error = wire.read_failure(frame)
        if isinstance(error, StoreUnavailableError | AskTimeoutError):
            self._owners.suspect(one.member.name)
            self._take_over(frame.number, "its store is away")
            return
        del self._open[frame.number]
        one.reply.try_fail(error)

    def _return_late(self, late: wire.Reply, sender: str) -> None:
        """Report that an answer came too late: its session was taken over."""
        session_key, member = self._taken.pop(late.number, None), self._owners.by_name.get(sender)
        value = msgspec.msgpack.decode(late.value)
        if session_key is not None and member is not None and isinstance(value, dict) and value.get("delivery_id"):
            Elsewhere(self, member).tell(ReplySent(session_key, value["delivery_id"], reached=False))

    # --- taking over

    def take_over_all(self, reason: str) -> None:
        """Take over all that other nodes have been sent."""
        for number in list(self._open):
            self._take_over(number, reason)

    def _take_over(self, number: int, reason: str) -> None:
        """Give a message to the next owner, or to this node's session, since its owner did not reply.

        The first owner may have done it. Segments and questions have keys by which that is found.
        """
        one = self._open.pop(number)
        _remember(self._taken, number, one.message.session_key)
        if one.reply.done:
            return
        _TAKEN_OVER.inc()
        _log.info("session_taken_over", node=one.member.name, reason=reason)
        if isinstance(one.message, AskQuestion):
            one.message = replace(one.message, may_be_known=True)
        next_way = None if one.is_second else self._owners.find_elsewhere(one.message.session_key)
        if next_way is not None and next_way.member != one.member:
            one.member, one.is_second, one.heard_mono_s = next_way.member, True, self._runtime.clock.mono_s()
            self._send(one)
        elif wire.wants_reply(one.message):
            self._owners.router.deliver(Envelope(one.message, one.reply, one.context))
        else:
            one.reply.try_set(None)
            self._owners.router.deliver(Envelope(one.message, None, one.context), always=True)

    # --- deadlines

    def _keep_looking(self) -> None:
        if self._looked_mono_s is None:
            self._looked_mono_s = self._runtime.clock.mono_s()
            self._runtime.call_later(LOOK_S, self._look)

    def _look(self) -> None:
        """Take over what has been without a sign of life for too long."""
        now_mono_s = self._runtime.clock.mono_s()
        # After a pause of this node the replies of others still wait in its socket.
        was_away = now_mono_s - (self._looked_mono_s or 0.0) > 2 * LOOK_S
        self._looked_mono_s = None
        for number, one in list(self._open.items()):
            if one.reply.done:
                if now_mono_s > one.until_mono_s + DEADLINE_S:
                    del self._open[number]
            elif was_away:
                one.heard_mono_s = max(one.heard_mono_s, now_mono_s - DEADLINE_S / 2)
            elif now_mono_s - one.heard_mono_s > DEADLINE_S:
                self._owners.suspect(one.member.name)
                self._take_over(number, "silent")
        if self._open:
            self._keep_looking()


def _remember(some: dict[K, str], key: K, value: str) -> None:
    """Add an entry; beyond the limit drop the oldest."""
    if len(some) >= _REMEMBERED:
        del some[next(iter(some))]
    some[key] = value
