"""The interface of a backplane, and the backplane of a node without Redis.

Not here: the backplane over Redis (redis_backplane.py). Threads: the event loop. No call waits, or fails because Redis
is away.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from omi_actors.backplane.counters import WindowCounters
from omi_actors.clock import Clock


@dataclass(frozen=True, slots=True)
class BackplaneState:
    """The backplane's carrier, and whether the other nodes are reached (`is_shared`).

    `cause` and `fix` explain a lost link. Both are empty while the link is open, and before the first try has ended.
    """

    carrier: str
    is_shared: bool
    cause: str = ""
    fix: str = ""
    since_mono_s: float = 0.0


# A hint of this kind tells of no work: a person has deleted a text, so kept webhooks lose theirs.
TEXTS_DELETED: Final = "texts-deleted"

# A hint of this kind tells of no work: a node has come, or leaves.
NODES_CHANGED: Final = "nodes-changed"


class MailRoom(Protocol):
    """The messages from one node to another one. The backplane fetches, carries and brings them."""

    def take_outgoing(self) -> Sequence[tuple[str, bytes]]:
        """Return what is to be sent, each with the name of its node, in order."""

    def take_incoming(self, content: bytes) -> None:
        """Take what another node, or a foreign program, has sent to this one."""

    def note_link(self, *, is_open: bool) -> None:
        """Note that messages can be sent, or that they cannot, and those under way may be lost."""


class Backplane(Protocol):
    """A backplane between nodes. All that it sends may be lost, come late, or come twice."""

    @property
    def state(self) -> BackplaneState:
        """The state of the link."""

    @property
    def counters(self) -> WindowCounters:
        """Counts of requests, exchanged with the other nodes."""

    async def run(self) -> None:
        """Run until cancelled. An error that it raises is a bug."""

    def wake(self, kind: str) -> None:
        """Send the other nodes a hint of work of this kind."""

    def on_wake(self, listener: Callable[[str], None]) -> None:
        """Call `listener(kind)` for each hint of another node. It replaces an earlier listener."""

    def send_answered(self, job_id: str) -> None:
        """Send the other nodes the news that this job's answer is stored: one may have a reply slot for it."""

    def on_answered(self, listener: Callable[[str], None]) -> None:
        """Call `listener(job_id)` for each such news of another node. It replaces an earlier listener."""

    def carry_mail(self, node: str, room: MailRoom) -> None:
        """Carry the messages of this node, whose name is `node`, from the next link on."""

    def mail_waits(self) -> None:
        """Fetch messages from the room soon."""


class InProcessBackplane:
    """The backplane of a node that works alone: it counts requests, and sends nothing."""

    def __init__(self, clock: Clock) -> None:
        self.counters = WindowCounters(clock)
        self.state = BackplaneState("in_process", is_shared=False, since_mono_s=clock.mono_s())

    async def run(self) -> None:
        """Wait for cancellation."""
        await asyncio.Event().wait()

    def wake(self, kind: str) -> None:
        """Do nothing: there is no other node."""

    def on_wake(self, listener: Callable[[str], None]) -> None:
        """Do nothing: there is no other node."""

    def send_answered(self, job_id: str) -> None:
        """Do nothing: there is no other node."""

    def on_answered(self, listener: Callable[[str], None]) -> None:
        """Do nothing: there is no other node."""

    def carry_mail(self, node: str, room: MailRoom) -> None:
        """Do nothing: there is no other node."""

    def mail_waits(self) -> None:
        """Do nothing: there is no other node."""
