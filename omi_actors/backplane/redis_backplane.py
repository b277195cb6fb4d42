"""The backplane between nodes, carried by Redis; while Redis cannot be asked, each node by itself, at once.

A cached key lives in one of a fixed number of slots, chosen by its hash: so the cache is bounded without bookkeeping.
This process's own cache serves only while there is no link, and begins empty.
What changed here while Redis could not be told is deleted there before Redis is believed again.
Not here: the link and its losses (redis_link.py), the commands (redis_session.py), counting (counters.py).
Threads: the event loop's.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine
from itertools import islice
from typing import TYPE_CHECKING, Any

from omi_actors.backplane.codec import (
    digest_of,
    pack_event,
    pack_kind,
    pack_value,
    unpack_event,
    unpack_kind,
    unpack_value,
)
from omi_actors.backplane.counters import WindowCounters
from omi_actors.backplane.feeds import Feed
from omi_actors.backplane.in_process import InProcessBackplane
from omi_actors.backplane.interface import BackplaneState, LiveEvent
from omi_actors.backplane.link_state import LinkConfig
from omi_actors.backplane.local_cache import MAX_ENTRIES, MAX_TTL_S, is_cacheable
from omi_actors.backplane.outbox import Outbox
from omi_actors.backplane.redis_link import RedisLink
from omi_actors.clock import Clock
from omi_actors.errors import UpstreamError
from omi_actors.ids import new_id
from omi_actors.instruments import metrics

if TYPE_CHECKING:
    from omi_actors.backplane.redis_session import RedisSession

# Seconds without anything to send after which the server is asked whether it lives.
_PING_S = 1.0
# Seconds between two rounds of sending: what comes meanwhile shares a round trip.
_SPACING_S = 0.02
# Messages, counts and deletions of one round: a few ms of the loop's time.
_ROUND = 100


class RedisBackplane:
    """See the module. `run` keeps the link; without it, everything is this node's own."""

    def __init__(self, config: LinkConfig, clock: Clock, rng: random.Random) -> None:
        self._prefix = config.prefix
        self._own = InProcessBackplane(clock)
        self._link = RedisLink(config, clock, rng, self._carry)
        self._session: RedisSession | None = None
        self._outbox = Outbox()
        # Slots whose content in Redis may be older than what this node knows.
        self._stale: dict[str, None] = {}
        # Tells our own messages from the others'; a node's name would not, should two have the same.
        self._origin = new_id()
        self._is_watching = False
        self._wake_listener: Callable[[str], None] | None = None
        self._own.feeds.on_change = self._outbox.poke

    @property
    def state(self) -> BackplaneState:
        """How it stands."""
        return self._link.state

    @property
    def counters(self) -> WindowCounters:
        """Counts of requests, which know of the other nodes' by and by."""
        return self._own.counters

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

    def publish(self, event: LiveEvent) -> None:
        """Show an event to every feed on every node."""
        self._own.publish(event)
        packed = pack_event(self._origin, event) if self._session is not None else None
        if packed is not None:
            self._outbox.add_event(packed)

    def watch(self) -> Feed[LiveEvent]:
        """Return a feed of what happens from now on; close it after use."""
        return self._own.watch()

    # --- cache

    async def get(self, key: str) -> bytes | None:
        """Return what is cached under `key`; what stands there and is not ours is nothing."""
        session, slot = self._session, self._slot_of(key)
        if session is None:
            return await self._own.get(key)
        if slot in self._stale:
            return None
        try:
            return unpack_value(key, await session.get(slot))
        except UpstreamError:
            metrics.BACKPLANE_FALLBACKS.labels("get").inc()
            return None

    async def set(self, key: str, value: bytes, *, ttl_s: float) -> None:
        """Cache `value` for `ttl_s` seconds, unless it is too large."""
        if not is_cacheable(value, ttl_s):
            await self.delete(key)
            return
        packed = pack_value(key, value)
        slot = self._slot_of(key)
        if self._session is None:
            await self._own.set(key, value, ttl_s=ttl_s)
        await self._change(slot, "set", lambda session: session.set(slot, packed, min(ttl_s, MAX_TTL_S)))

    async def delete(self, key: str) -> None:
        """Forget `key`, and whatever else is in its slot."""
        slot = self._slot_of(key)
        await self._own.delete(key)
        await self._change(slot, "delete", lambda session: session.delete([slot]))

    async def _change(
        self, slot: str, operation: str, change: "Callable[[RedisSession], Coroutine[Any, Any, None]]"
    ) -> None:
        """Change a slot in Redis. If it could not be done, or nobody knows whether it was, the slot is stale."""
        session = self._session
        is_done = False
        try:
            if session is not None and slot not in self._stale:
                await change(session)
                is_done = True
        except UpstreamError:
            metrics.BACKPLANE_FALLBACKS.labels(operation).inc()
        finally:
            # Also after a cancellation, when nobody knows whether it was done.
            if not is_done:
                self._stale[slot] = None
                self._outbox.poke()

    def _slot_of(self, key: str) -> str:
        return f"{self._prefix}:cache:{int.from_bytes(digest_of(key)) % MAX_ENTRIES}"

    # --- while there is a link

    async def _carry(self, session: "RedisSession") -> None:
        """Share everything over `session` until it is lost."""
        while self._stale:
            await self._refresh(session)
        self._own.cache.clear()
        self._session = session
        self._is_watching = False
        self.counters.share(self._outbox.poke)
        self._link.note_open()
        tasks = [asyncio.create_task(self._listen(session)), asyncio.create_task(self._send(session))]
        try:
            done, _ = await asyncio.wait([*tasks, session.lost], return_when=asyncio.FIRST_COMPLETED)
            for ended in done:
                ended.result()
        finally:
            if self._session is session:
                self._session = None
                self.counters.share(None)
                self._outbox.drop_events()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _listen(self, session: "RedisSession") -> None:
        while True:
            channel, content = await session.next_message()
            if channel.endswith(":wake"):
                self._take_kind(content)
            else:
                self._take_event(content)

    def _take_kind(self, content: bytes) -> None:
        hint = unpack_kind(content)
        if hint is None:
            metrics.BACKPLANE_DROPPED.labels("foreign").inc()
        elif hint.origin != self._origin and self._wake_listener is not None:
            metrics.BACKPLANE_RECEIVED.labels("wake").inc()
            self._wake_listener(hint.kind)

    def _take_event(self, content: bytes) -> None:
        shown = unpack_event(content)
        if shown is None:
            metrics.BACKPLANE_DROPPED.labels("foreign").inc()
        elif shown.origin != self._origin:
            metrics.BACKPLANE_RECEIVED.labels("event").inc()
            self._own.feeds.deliver(shown.event)

    async def _send(self, session: "RedisSession") -> None:
        """Send what waits, round by round; ask whether the server lives when nothing does."""
        while True:
            if not await self._send_round(session):
                await session.ping()
            await asyncio.sleep(_SPACING_S)
            if not (self._stale or self.counters.has_unsent):
                await self._outbox.wait(_PING_S)

    async def _send_round(self, session: "RedisSession") -> bool:
        """Send some of everything; False if there was nothing."""
        await self._follow_viewers(session)
        kinds, events = self._outbox.take(_ROUND)
        messages = [(f"{self._prefix}:wake", pack_kind(self._origin, kind)) for kind in kinds]
        messages += [(f"{self._prefix}:events", event) for event in events]
        if messages:
            await session.publish(messages)
        has_counts = await self._exchange(session)
        has_stale = bool(self._stale)
        await self._refresh(session)
        return bool(messages) or has_counts or has_stale

    async def _follow_viewers(self, session: "RedisSession") -> None:
        """Listen to the other nodes' events only while somebody looks on here."""
        has_viewers = len(self._own.feeds) > 0
        if has_viewers != self._is_watching:
            change = session.subscribe if has_viewers else session.unsubscribe
            await change(f"{self._prefix}:events")
            self._is_watching = has_viewers

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

    async def _refresh(self, session: "RedisSession") -> None:
        """Delete what is stale in Redis, some of it."""
        slots = list(islice(self._stale, _ROUND))
        if slots:
            await session.delete(slots)
            for slot in slots:
                del self._stale[slot]
