"""Threads that read bodies: one for those of some size, one for the largest, so that none waits for a giant.

Not here: reading (webhook/payloads.py, chat/body.py). Threads: one of each kind; results come back on the event loop.
Not more: the event loop waits for its turn behind every thread that computes, 5 ms for each.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_Read = TypeVar("_Read")

# A larger body is read in a thread: one of nothing but oddities takes 3 ms a kilobyte.
LARGE_BODY_BYTES = 8 * 1024
# Read in half a second, whatever it holds; a body of MAX_REQUEST_SIZE may take several.
_GIANT_BODY_BYTES = 256 * 1024


class BodyReaders:
    """The threads of one server; each begins with the first body for it."""

    def __init__(self) -> None:
        self._usual = ThreadPoolExecutor(1, "body reader")
        self._giants = ThreadPoolExecutor(1, "giant body reader")

    def read(self, size_bytes: int, read: Callable[[], _Read]) -> asyncio.Future[_Read]:
        """Call `read`, for a body of `size_bytes`, when it is its turn."""
        readers = self._usual if size_bytes <= _GIANT_BODY_BYTES else self._giants
        return asyncio.get_running_loop().run_in_executor(readers, read)

    def close(self) -> None:
        """Take no more; what waits is still read."""
        self._usual.shutdown(wait=False)
        self._giants.shutdown(wait=False)
