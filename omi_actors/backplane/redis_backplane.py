"""The backplane over Redis. Without a link each node works alone, at once.

Not here: the link and its losses (redis_link.py), commands (redis_session.py), counting (counters.py).
Threads: the event loop.
"""

import asyncio
import random
from collections.abc import Callable
from typing import TYPE_CHECKING

from omi_actors.backplane.counters import WindowCounters
from omi_actors.backplane.interface import BackplaneState, MailRoom
from omi_actors.backplane.messages import AnswerNews, Hint, Outbox, digest_of, pack, unpack_answered, unpack_hint
from omi_actors.backplane.redis_link import LinkConfig, RedisLink
from omi_actors.clock import Clock
from omi_actors.ids import new_id
from omi_actors.instruments import metrics

if TYPE_CHECKING:
    from omi_actors.backplane.redis_mail import MailConnection
    from omi_actors.backplane.redis_session import RedisSession

# Seconds without anything to send, after which the server gets a ping.
_PING_S = 1.0
# Seconds between two rounds of sending. Messages of that time share a round trip.
_SPACING_S = 0.02
# Messages and counts of one round: a few ms of the event loop.
_ROUND = 100


class RedisBackplane:
    """A node's backplane over Redis, linked while `run` runs."""

    def __init__(self, config: LinkConfig, clock: Clock, rng: random.Random) -> None:
        self._prefix = config.prefix
        self.counters = WindowCounters(clock)
        self._link = RedisLink(config, clock, rng, self._carry)
        self._is_linked = False
        self._outbox = Outbox()
        # Marks our own messages. Node names would not do, since two nodes may have the same.
        self._origin = new_id()
        self._wake_listener: Callable[[str], None] = _ignore
        self._answered_listener: Callable[[str], None] = _ignore
        # Messages to other nodes: this node's name, their room, and the connection that sends them.
        self._node = ""
        self._room: MailRoom | None = None
        self._mail: MailConnection | None = None
        self._is_sending_mail = False

    @property
    def state(self) -> BackplaneState:
        """The state of the link."""
        return self._link.state

    async def run(self) -> None:
        """Keep the link until cancelled."""
        await self._link.run()

    # --- messages

    def wake(self, kind: str) -> None:
        """Send the other nodes a hint of work of this kind."""
        self._outbox.add_kind(kind)

    def on_wake(self, listener: Callable[[str], None]) -> None:
        """Call `listener(kind)` for each hint of another node."""
        self._wake_listener = listener

    def send_answered(self, job_id: str) -> None:
        """Send the other nodes the news that this job's answer is stored; without a link, drop it."""
        if self._is_linked:
            self._outbox.add_answered(job_id)
        else:
            metrics.BACKPLANE_DROPPED.labels("unreachable").inc()

    def on_answered(self, listener: Callable[[str], None]) -> None:
        """Call `listener(job_id)` for each such news of another node."""
        self._answered_listener = listener

    def carry_mail(self, node: str, room: MailRoom) -> None:
        """Carry the messages of this node from the next link on."""
        self._node, self._room = node, room

    def mail_waits(self) -> None:
        """Fetch messages from the room in the loop's next turn."""
        if self._mail is not None and not self._is_sending_mail:
            self._is_sending_mail = True
            asyncio.get_running_loop().call_soon(self._send_mail)

    # --- while there is a link

    async def _carry(self, session: "RedisSession") -> None:
        """Exchange everything over `session` until it is lost."""
        if self._room is not None:
            self._mail = await session.open_mail(self._mailbox(self._node), self._room.take_incoming)
        self._is_linked = True
        self.counters.share(self._outbox.wake_sender)
        self._link.note_open()
        if self._room is not None:
            self._room.note_link(is_open=True)
        tasks = [asyncio.create_task(self._listen(session)), asyncio.create_task(self._send(session))]
        try:
            done, _ = await asyncio.wait([*tasks, session.lost], return_when=asyncio.FIRST_COMPLETED)
            for ended in done:
                ended.result()
        finally:
            self._is_linked, self._mail = False, None
            if self._room is not None:
                self._room.note_link(is_open=False)
            self.counters.share(None)
            self._outbox.drop_answered()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _listen(self, session: "RedisSession") -> None:
        while True:
            channel, content = await session.next_message()
            if channel.endswith(":wake"):
                self._take_hint(content)
            else:
                self._take_answered(content)
            # `next_message` returns at once while there are messages; a flood must not hold the event loop.
            await asyncio.sleep(0)

    def _take_hint(self, content: bytes) -> None:
        hint = unpack_hint(content)
        if hint is None:
            metrics.BACKPLANE_DROPPED.labels("foreign").inc()
        elif hint.origin != self._origin:
            metrics.BACKPLANE_RECEIVED.labels("wake").inc()
            self._wake_listener(hint.kind)

    def _take_answered(self, content: bytes) -> None:
        answered = unpack_answered(content)
        if answered is None:
            metrics.BACKPLANE_DROPPED.labels("foreign").inc()
        elif answered.origin != self._origin:
            metrics.BACKPLANE_RECEIVED.labels("answered").inc()
            self._answered_listener(answered.job_id)

    async def _send(self, session: "RedisSession") -> None:
        """Send what waits, round by round; ping the server when nothing does."""
        while True:
            if not await self._send_round(session):
                await session.ping()
            await asyncio.sleep(_SPACING_S)
            if not self.counters.has_unsent:
                await self._outbox.wait(_PING_S)

    def _send_mail(self) -> None:
        """Send messages to other nodes: all those of one turn of the loop."""
        self._is_sending_mail = False
        if self._mail is not None and self._room is not None:
            self._mail.send((self._mailbox(node), content) for node, content in self._room.take_outgoing())

    def _mailbox(self, node: str) -> str:
        return f"{self._prefix}:node:{node}"

    async def _send_round(self, session: "RedisSession") -> bool:
        """Send one round of messages and counts; return False if there was nothing to send."""
        kinds, job_ids = self._outbox.take(_ROUND)
        messages = [(f"{self._prefix}:wake", pack(Hint(self._origin, kind))) for kind in kinds]
        messages += [(f"{self._prefix}:answered", pack(AnswerNews(self._origin, job_id))) for job_id in job_ids]
        if messages:
            await session.publish(messages)
        has_counts = await self._exchange(session)
        return bool(messages) or has_counts

    async def _exchange(self, session: "RedisSession") -> bool:
        taken = self.counters.take_unsent(_ROUND)
        if not taken:
            return False
        totals = await session.exchange([(self._count_name(unsent.key), unsent) for unsent in taken])
        for unsent, total in zip(taken, totals, strict=True):
            if total is None:
                metrics.BACKPLANE_DROPPED.labels("foreign").inc()
            else:
                self.counters.learn(unsent.key, total=total[0], left_s=total[1])
        return True

    def _count_name(self, key: str) -> str:
        """Return the name of a count in Redis: a digest, since keys hold addresses and wearers' ids."""
        return f"{self._prefix}:count:{digest_of(key).hex()}"


def _ignore(_word: str) -> None:
    """Do nothing."""
