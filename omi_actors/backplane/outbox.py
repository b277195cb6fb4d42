"""What waits to be sent to the other nodes: bounded, and the same hint only once.

Not here: sending (redis_backplane.py). Threads: the event loop's.
"""

import asyncio
from collections import deque

from omi_actors.instruments import metrics

# Events that wait at most: what a burst brings within one round trip. More would be old when they arrive.
_MAX_EVENTS = 1_000
# Kinds of work that may wait to be told. There are a few; a bound all the same.
_MAX_KINDS = 100


class Outbox:
    """See the module."""

    def __init__(self) -> None:
        self._kinds: dict[str, None] = {}
        self._events: deque[bytes] = deque()
        self._is_filled = asyncio.Event()

    def poke(self) -> None:
        """Let the sender look, now."""
        self._is_filled.set()

    def add_kind(self, kind: str) -> None:
        """Put in a hint."""
        if len(self._kinds) < _MAX_KINDS:
            self._kinds[kind] = None
        self._is_filled.set()

    def add_event(self, event: bytes) -> None:
        """Put in an event; the oldest makes room."""
        if len(self._events) >= _MAX_EVENTS:
            self._events.popleft()
            metrics.BACKPLANE_DROPPED.labels("outbox_full").inc()
        self._events.append(event)
        self._is_filled.set()

    def take(self, most_events: int) -> tuple[tuple[str, ...], list[bytes]]:
        """Take all hints and up to `most_events` events."""
        kinds = tuple(self._kinds)
        self._kinds.clear()
        events = [self._events.popleft() for _ in range(min(most_events, len(self._events)))]
        if self._events:
            self._is_filled.set()
        return kinds, events

    def drop_events(self) -> None:
        """Throw the events away: nobody can be reached. Hints stay, since they are few and never wrong."""
        metrics.BACKPLANE_DROPPED.labels("unreachable").inc(len(self._events))
        self._events.clear()

    async def wait(self, timeout_s: float) -> None:
        """Wait until something was put in, or somebody poked; `timeout_s` at most."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._is_filled.wait()
        except TimeoutError:
            return
        self._is_filled.clear()
