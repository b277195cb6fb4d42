"""The backplane of a single node: there is nobody to share with.

Not here: sharing (redis_backplane.py). Threads: the event loop's. Nothing in it waits.
"""

import asyncio
from collections.abc import Callable

from omi_actors.backplane.counters import WindowCounters
from omi_actors.backplane.interface import BackplaneState
from omi_actors.clock import Clock


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
