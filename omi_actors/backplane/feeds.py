"""Feeds of live values: each viewer has a bounded buffer, and a slow one loses the oldest.

Not here: where values come from (in_process.py, redis_backplane.py). Threads: the event loop's.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from omi_actors.instruments import metrics

T = TypeVar("T")

# Values that a viewer may be behind: a few seconds of a busy system.
CAPACITY = 256


class Feed(Generic[T]):
    """One viewer's buffer. `lost` counts what it was too slow for. One task reads it."""

    def __init__(self, on_close: Callable[["Feed[T]"], None], capacity: int = CAPACITY) -> None:
        self._values: deque[T] = deque()
        self._capacity = capacity
        self._is_filled = asyncio.Event()
        self._on_close = on_close
        self.lost = 0

    def offer(self, value: T) -> None:
        """Put a value in; the oldest makes room."""
        if len(self._values) >= self._capacity:
            self._values.popleft()
            self.lost += 1
            metrics.BACKPLANE_DROPPED.labels("slow_viewer").inc()
        self._values.append(value)
        self._is_filled.set()

    async def next(self) -> T:
        """Wait for the next value, as long as it takes."""
        while not self._values:
            self._is_filled.clear()
            await self._is_filled.wait()
        return self._values.popleft()

    def close(self) -> None:
        """Take no more. Twice is fine."""
        self._on_close(self)


class Feeds(Generic[T]):
    """All viewers of one process. `on_change` hears when there is a first one, and when there is none left."""

    def __init__(self) -> None:
        self._feeds: dict[Feed[T], None] = {}
        self.on_change: Callable[[], None] = _ignore

    def __len__(self) -> int:
        return len(self._feeds)

    def open(self) -> Feed[T]:
        """Return a new feed."""
        feed: Feed[T] = Feed(self._close)
        self._feeds[feed] = None
        self.on_change()
        return feed

    def deliver(self, value: T) -> None:
        """Put a value into every feed."""
        for feed in self._feeds:
            feed.offer(value)

    def _close(self, feed: Feed[T]) -> None:
        self._feeds.pop(feed, None)
        self.on_change()


def _ignore() -> None:
    """Hear nothing."""
