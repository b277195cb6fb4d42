"""Stamps of what phones poll, read from the store in groups.

Not here: their statements (omi_actors/store/people/), the replies (polls.py). Threads: the event loop.
"""

import asyncio
import contextlib
from collections.abc import Sequence

from omi_actors.kit.errors import ExpectedError
from omi_actors.kit.future import Future
from omi_actors.store.messages import Call
from omi_actors.store.people.conversations import Stamp, read_stamps
from omi_actors.store.transaction import Transaction
from omi_actors.system import System

# Stamps of one group; a session's query that comes to the same reader waits for them, some milliseconds.
_LARGEST_GROUP = 16
# Groups that are read at once: a reader that waits for the disk does not hold all phones up.
_GROUPS = 2


_Wanted = tuple[Call[Transaction, Stamp | None], "asyncio.Future[Stamp | None]"]


class Stamps:
    """Reads stamps in groups: those that are wanted while the readers are busy form the next group.

    So the busier the server is, the fewer times its threads wait for each other.
    """

    def __init__(self, system: System) -> None:
        self._system = system
        self._wanted: list[_Wanted] = []
        self._groups = 0

    def read(self, stamp: Call[Transaction, Stamp | None]) -> asyncio.Future[Stamp | None]:
        """Return the future of a stamp; it fails as reads do."""
        loop = asyncio.get_running_loop()
        found: asyncio.Future[Stamp | None] = loop.create_future()
        self._wanted.append((stamp, found))
        if self._groups < _GROUPS and len(self._wanted) == 1:
            loop.call_soon(self._begin)  # with what comes in this turn of the loop
        return found

    def _begin(self) -> None:
        while self._wanted and self._groups < _GROUPS:
            self._groups += 1
            group, self._wanted = self._wanted[:_LARGEST_GROUP], self._wanted[_LARGEST_GROUP:]
            self._read(group)

    def _read(self, group: Sequence[_Wanted]) -> None:
        loop = asyncio.get_running_loop()
        reading = self._system.store.read_apart(read_stamps, [stamp for stamp, _ in group])
        futures = [found for _, found in group]

        def settled(reading: Future[list[Stamp | None]]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has closed
                loop.call_soon_threadsafe(self._settle, futures, reading)

        reading.add_done_callback(settled)

    def _settle(self, futures: Sequence["asyncio.Future[Stamp | None]"], reading: Future[list[Stamp | None]]) -> None:
        self._groups -= 1
        self._begin()
        try:
            stamps = reading.result()
        except ExpectedError as error:
            for found in futures:
                if not found.done():
                    found.set_exception(error)
            return
        for found, stamp in zip(futures, stamps, strict=True):
            if not found.done():  # its connection may have been closed
                found.set_result(stamp)
