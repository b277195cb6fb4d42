"""The mail room of this node: frames that wait for other nodes, and mail of others, whose messages it serves.

Not here: this node's own messages to others (forwarding.py), bytes (wire.py), carrying (backplane/). Threads: the event
loop; replies of sessions may be settled in others.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from omi_actors.actors.session import wire
from omi_actors.actors.session.forwarding import LOOK_S, Forwarding
from omi_actors.actors.session.watchers import OtherNodes, SessionWatchers
from omi_actors.backplane.interface import Backplane
from omi_actors.errors import StoreUnavailableError
from omi_actors.instruments import metrics
from omi_actors.instruments.logs import LogContext, bound_context
from omi_actors.kit.errors import ActorUnavailableError
from omi_actors.kit.future import Future
from omi_actors.kit.messages import Envelope

if TYPE_CHECKING:
    from omi_actors.actors.session.owners import SessionOwners

# Bytes of one mail, except for a single larger frame: Redis passes on the mails of all nodes one after the other.
_MAIL_BYTES = 262_144
# Frames that wait for a node which this one does not know yet; it learns of new ones within milliseconds.
_UNKNOWN = 1_000
_SERVED = metrics.FORWARDS.labels("served")
_FOREIGN = metrics.BACKPLANE_DROPPED.labels("foreign")


class SessionMailRoom:
    """Exchanges frames with other nodes, as the backplane's MailRoom, and serves their messages at this node.

    room.send("node-b", wire.build_ask(...))
    """

    forwarding: Forwarding

    def __init__(self, owners: "SessionOwners", backplane: Backplane, mail_key: bytes) -> None:
        self._owners = owners
        self._backplane = backplane
        self._mail_key = mail_key
        self._outbox: defaultdict[str, list[wire.Frame]] = defaultdict(list)
        # The messages of other nodes without a reply, with the time of their receipt (monotonic seconds).
        self._serving: dict[tuple[str, int], float] = {}
        self._is_signing = False
        self._other_nodes = OtherNodes(owners.runtime.clock, self._send_watching, self._send_changed)
        self.watchers = SessionWatchers(self._other_nodes)

    def send(self, node: str, frame: wire.Frame) -> None:
        """Send a frame; without a link drop it."""
        if self._owners.is_linked:
            self._outbox[node].append(frame)
            self._backplane.mail_waits()

    def send_waiting(self) -> None:
        """Send what waits for nodes that this one may know now."""
        if self._outbox:
            self._backplane.mail_waits()

    # --- for the backplane

    def take_outgoing(self) -> Sequence[tuple[str, bytes]]:
        """Return the waiting frames, sealed for their nodes. Those for unknown nodes stay."""
        waiting, self._outbox = self._outbox, defaultdict(list)
        mails = []
        for name, frames in waiting.items():
            member = self._owners.by_name.get(name)
            if member is None:
                self._outbox[name] = frames[:_UNKNOWN]
                continue
            mails += [(name, wire.seal(self._owners.name, some, member.mail_key)) for some in _cut(frames)]
        return mails

    def take_incoming(self, content: bytes) -> None:
        """Handle the frames of one mail."""
        mail = wire.unseal(content, self._mail_key)
        if mail is None:
            _FOREIGN.inc()
            return
        self._owners.trust(mail.sender)
        for frame in mail.frames:
            try:
                self._handle(frame, mail.sender)
            except (KeyError, TypeError, msgspec.MsgspecError):
                _FOREIGN.inc()

    def _handle(self, frame: wire.Frame, sender: str) -> None:
        match frame:
            case wire.Ask():
                self._serve(sender, frame)
            case wire.Reply():
                self.forwarding.settle(frame, sender)
            case wire.Failure():
                self.forwarding.fail(frame)
            case wire.Piece():
                self.forwarding.show(frame)
            case wire.Working(numbers):
                for number in numbers:
                    self.forwarding.note_working(number)
            case wire.Watching() | wire.Changed():
                self._take_hint(frame, sender)

    # --- hints for those who show sessions

    def _take_hint(self, frame: wire.Watching | wire.Changed, sender: str) -> None:
        if isinstance(frame, wire.Watching):
            self._other_nodes.watch(frame.owners, sender)
        else:
            self.watchers.notify(frame.owner)

    def _send_watching(self, owners: tuple[str, ...]) -> None:
        for member in self._owners.members:
            if member.name != self._owners.name:
                self.send(member.name, wire.Watching(owners))

    def _send_changed(self, owner: str, node: str) -> None:
        self.send(node, wire.Changed(owner))

    def note_link(self, *, is_open: bool) -> None:
        """Begin, or end, the exchange."""
        if not is_open:
            self._outbox.clear()
        self._owners.note_link(is_open=is_open)

    # --- messages of other nodes

    def _serve(self, sender: str, ask: wire.Ask) -> None:
        """Send a message to this node's session, whoever owns it, and its reply back."""
        number = ask.number
        message = wire.read_ask(ask, lambda text, is_anew: self.send(sender, wire.Piece(number, text, is_anew)))
        _SERVED.inc()
        context = LogContext(ask.request_id, message.session_key)
        if not wire.wants_reply(message):
            self._owners.router.deliver(Envelope(message, None, context), always=True)
            self.send(sender, wire.build_reply(number, None))
            return
        self._serving[sender, number] = self._owners.runtime.clock.mono_s()
        self._keep_signing()
        with bound_context(context):
            reply = self._owners.find_here(message.session_key).ask(message, timeout_s=ask.left_s)
        reply.add_done_callback(
            lambda settled: self._owners.runtime.post(partial(self._answer, sender, number, settled))
        )

    def _answer(self, sender: str, number: int, settled: Future[Any]) -> None:
        del self._serving[sender, number]
        try:
            frame: wire.Frame = wire.build_reply(number, settled.result())
        except ActorUnavailableError as exc:
            # The sender takes a message over that comes while this node stops; one whose session crashed it does not.
            is_stopping = self._owners.is_leaving
            frame = wire.build_failure(number, StoreUnavailableError("this node stops") if is_stopping else exc)
        except Exception as exc:  # noqa: BLE001 (the other node gets it, as a caller here would)
            frame = wire.build_failure(number, exc)
        self.send(sender, frame)

    # --- signs of life

    def _keep_signing(self) -> None:
        if not self._is_signing:
            self._is_signing = True
            self._owners.runtime.call_later(LOOK_S, self._sign)

    def _sign(self) -> None:
        """Give other nodes a sign of life for messages that take longer."""
        self._is_signing = False
        since_mono_s = self._owners.runtime.clock.mono_s() - LOOK_S / 2
        working: defaultdict[str, list[int]] = defaultdict(list)
        for (sender, number), began_mono_s in self._serving.items():
            if began_mono_s < since_mono_s:
                working[sender].append(number)
        for sender, numbers in working.items():
            self.send(sender, wire.Working(tuple(numbers)))
        if self._serving:
            self._keep_signing()


def _cut(frames: Sequence[wire.Frame]) -> Iterator[list[wire.Frame]]:
    """Cut frames into mails of a bounded size."""
    some: list[wire.Frame] = []
    size = 0
    for frame in frames:
        length = len(frame.message) if isinstance(frame, wire.Ask) else 0
        if some and size + length > _MAIL_BYTES:
            yield some
            some, size = [], 0
        some.append(frame)
        size += length
    yield some
