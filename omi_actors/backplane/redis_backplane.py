"""The backplane between nodes, carried by Redis; while Redis cannot be asked, each node by itself, at once.

Not here: the link and its losses (redis_link.py), the commands (redis_session.py), counting (counters.py).
Threads: the event loop's.
"""

import asyncio
import random
from collections.abc import Callable
from typing import TYPE_CHECKING

from omi_actors.backplane.codec import AnswerNews, Hint, Outbox, digest_of, pack, unpack_answered, unpack_hint
from omi_actors.backplane.counters import WindowCounters
from omi_actors.backplane.interface import BackplaneState
from omi_actors.backplane.link_state import LinkConfig
from omi_actors.backplane.redis_link import RedisLink
from omi_actors.clock import Clock
from omi_actors.ids import new_id
from omi_actors.instruments import metrics

if TYPE_CHECKING:
    from omi_actors.backplane.redis_session import RedisSession

# Seconds without anything to send after which the server is asked whether it lives.
_PING_S = 1.0
# Seconds between two rounds of sending: what comes meanwhile shares a round trip.
_SPACING_S = 0.02
# Messages and counts of one round: a few ms of the loop's time.
_ROUND = 100


class RedisBackplane:
    """See the module. `run` keeps the link; without it, everything is this node's own."""

    def __init__(self, config: LinkConfig, clock: Clock, rng: random.Random) -> None:
        self._prefix = config.prefix
        self.counters = WindowCounters(clock)
        self._link = RedisLink(config, clock, rng, self._carry)
        self._is_linked = False
        self._outbox = Outbox()
        # Tells our own messages from the others'; a node's name would not, should two have the same.
        self._origin = new_id()
        self._wake_listener: Callable[[str], None] = _ignore
        self._answered_listener: Callable[[str], None] = _ignore

    @property
    def state(self) -> BackplaneState:
        """How it stands."""
        return self._link.state

    async def run(self) -> None:
        """Keep the link until cancelled."""
        await self._link.run()

    # --- messages

    def wake(self, kind: str) -> None:
        """Tell the other nodes that there is work of this kind."""
        self._outbox.add_kind(kind)

    def on_wake(self, listener: Callable[[str], None]) -> None:
        """Call `listener(kind)` for each hint of another node."""
        self._wake_listener = listener

    def tell_answered(self, job_id: str) -> None:
        """Tell the other nodes that this job's answer is stored. Without a link it is told to nobody, ever."""
        if self._is_linked:
            self._outbox.add_answered(job_id)
        else:
            metrics.BACKPLANE_DROPPED.labels("unreachable").inc()

    def on_answered(self, listener: Callable[[str], None]) -> None:
        """Call `listener(job_id)` for each such news of another node."""
        self._answered_listener = listener

    # --- while there is a link

    async def _carry(self, session: "RedisSession") -> None:
        """Share everything over `session` until it is lost."""
        self._is_linked = True
        self.counters.share(self._outbox.poke)
        self._link.note_open()
        tasks = [asyncio.create_task(self._listen(session)), asyncio.create_task(self._send(session))]
        try:
            done, _ = await asyncio.wait([*tasks, session.lost], return_when=asyncio.FIRST_COMPLETED)
            for ended in done:
                ended.result()
        finally:
            self._is_linked = False
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
            # What has arrived already is read without waiting: a flood of it must not hold the loop.
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
        """Send what waits, round by round; ask whether the server lives when nothing does."""
        while True:
            if not await self._send_round(session):
                await session.ping()
            await asyncio.sleep(_SPACING_S)
            if not self.counters.has_unsent:
                await self._outbox.wait(_PING_S)

    async def _send_round(self, session: "RedisSession") -> bool:
        """Send some of everything; False if there was nothing."""
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
        told = await session.exchange([(self._count_name(unsent.key), unsent) for unsent in taken])
        for unsent, answer in zip(taken, told, strict=True):
            if answer is None:
                metrics.BACKPLANE_DROPPED.labels("foreign").inc()
            else:
                self.counters.learn(unsent.key, total=answer[0], left_s=answer[1])
        return True

    def _count_name(self, key: str) -> str:
        """Return the name of a count in Redis: hashed, since keys hold addresses and wearers' ids."""
        return f"{self._prefix}:count:{digest_of(key).hex()}"


def _ignore(_word: str) -> None:
    """Hear nothing."""
