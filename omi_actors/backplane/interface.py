"""What a backplane does, whoever carries it.

Not here: doing it (in_process.py, redis_backplane.py). Threads: the event loop's. Nothing here raises because a carrier
is away, and nothing waits longer than the carrier's timeout.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import msgspec

from omi_actors.backplane.counters import WindowCounters
from omi_actors.backplane.feeds import Feed

Fact = str | int | float | bool | None


class LiveEvent(msgspec.Struct, frozen=True):
    """Something that happened on a node, for whoever looks on now. `at` is UTC seconds; `facts` are never changed."""

    topic: str
    node: str
    at: float
    facts: dict[str, Fact] = msgspec.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BackplaneState:
    """Who carries it now. `is_shared` tells whether other nodes are reached.

    `cause` and `fix` say why they are not although they should be; both are empty while all is well, and before the
    first try has ended.
    """

    carrier: str
    is_shared: bool
    cause: str = ""
    fix: str = ""
    since_mono_s: float = 0.0


class Backplane(Protocol):
    """See the module."""

    @property
    def state(self) -> BackplaneState:
        """How it stands."""
        ...

    @property
    def counters(self) -> WindowCounters:
        """Counts of requests, which know of the other nodes' by and by."""
        ...

    async def run(self) -> None:
        """Carry, until cancelled. An error that comes out of it is a bug."""
        ...

    def wake(self, kind: str) -> None:
        """Tell the other nodes that there is work of this kind. A hint: it may be lost, and is never late by much."""
        ...

    def on_wake(self, listener: Callable[[str], None]) -> None:
        """Call `listener(kind)` for each hint of another node; it replaces an earlier listener."""
        ...

    def publish(self, event: LiveEvent) -> None:
        """Show an event to every feed on every node. It may be lost."""
        ...

    def watch(self) -> Feed[LiveEvent]:
        """Return a feed of what happens from now on; close it after use."""
        ...

    async def get(self, key: str) -> bytes | None:
        """Return what is cached under `key`. Anything may be forgotten at any time."""
        ...

    async def set(self, key: str, value: bytes, *, ttl_s: float) -> None:
        """Cache `value` (at most MAX_VALUE_BYTES, else it is not kept) for `ttl_s` seconds, a day at most."""
        ...

    async def delete(self, key: str) -> None:
        """Forget `key`, on nodes that cannot be reached when they can be."""
        ...
