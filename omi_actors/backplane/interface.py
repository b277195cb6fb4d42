"""What a backplane does, whoever carries it.

Not here: doing it (interface.py, redis_backplane.py). Threads: the event loop's. Nothing here waits, or raises because
a carrier is away.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from omi_actors.backplane.counters import WindowCounters
from omi_actors.clock import Clock


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
    """See the module. Whatever is told to other nodes may be lost, may come late, and may come twice."""

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
        """Tell the other nodes that there is work of this kind."""
        ...

    def on_wake(self, listener: Callable[[str], None]) -> None:
        """Call `listener(kind)` for each hint of another node; it replaces an earlier listener."""
        ...

    def tell_answered(self, job_id: str) -> None:
        """Tell the other nodes that this job's answer is stored: one of them may have a reply open for it."""
        ...

    def on_answered(self, listener: Callable[[str], None]) -> None:
        """Call `listener(job_id)` for each such news of another node; it replaces an earlier listener."""
        ...


class InProcessBackplane:
    """See the module."""

    def __init__(self, clock: Clock) -> None:
        self.counters = WindowCounters(clock)
        self.state = BackplaneState("in_process", is_shared=False, since_mono_s=clock.mono_s())

    async def run(self) -> None:
        """Wait to be cancelled: there is nothing to carry."""
        await asyncio.Event().wait()

    def wake(self, kind: str) -> None:
        """Tell nobody: there is no other node."""

    def on_wake(self, listener: Callable[[str], None]) -> None:
        """Promise nothing: there is no other node."""

    def tell_answered(self, job_id: str) -> None:
        """Tell nobody: there is no other node."""

    def on_answered(self, listener: Callable[[str], None]) -> None:
        """Promise nothing: there is no other node."""
