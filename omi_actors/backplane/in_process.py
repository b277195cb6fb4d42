"""The backplane of a single node: everything in this process. Also what a node falls back on.

Not here: sharing (redis_backplane.py). Threads: the event loop's. Nothing in it waits.
"""

import asyncio
from collections.abc import Callable

from omi_actors.backplane.counters import WindowCounters
from omi_actors.backplane.feeds import Feed, Feeds
from omi_actors.backplane.interface import BackplaneState, LiveEvent
from omi_actors.backplane.local_cache import LocalCache
from omi_actors.clock import Clock


class InProcessBackplane:
    """See the module."""

    def __init__(self, clock: Clock) -> None:
        self.counters = WindowCounters(clock)
        self.cache = LocalCache(clock)
        self.feeds: Feeds[LiveEvent] = Feeds()
        self.state = BackplaneState("in_process", is_shared=False, since_mono_s=clock.mono_s())

    async def run(self) -> None:
        """Wait to be cancelled: there is nothing to carry."""
        await asyncio.Event().wait()

    def wake(self, kind: str) -> None:
        """Tell nobody: there is no other node."""

    def on_wake(self, listener: Callable[[str], None]) -> None:
        """Promise nothing: there is no other node."""

    def publish(self, event: LiveEvent) -> None:
        """Show an event to every feed of this process."""
        self.feeds.deliver(event)

    def watch(self) -> Feed[LiveEvent]:
        """Return a feed of what happens from now on; close it after use."""
        return self.feeds.open()

    async def get(self, key: str) -> bytes | None:
        """Return what is cached under `key`."""
        return self.cache.get(key)

    async def set(self, key: str, value: bytes, *, ttl_s: float) -> None:
        """Cache `value` for `ttl_s` seconds, unless it is too large."""
        self.cache.set(key, value, ttl_s)

    async def delete(self, key: str) -> None:
        """Forget `key`."""
        self.cache.delete(key)
