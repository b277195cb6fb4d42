"""Memory for request bodies: large ones share a fixed amount.

Whoever may send is often known only when the body is here (a signature covers it), so strangers' bodies count, too.
Not here: the limit of one body (entry.py). Threads: the event loop.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from omi_actors.errors import OverloadError

# Smaller bodies are not counted: as many of them as connections is little.
SMALL_BODY_BYTES = 64 * 1024
_AGAIN_S = 5.0


class Uploads:
    """Counts the bytes of large bodies that are held at this moment."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self.held_bytes = 0

    def take(self, count: int) -> None:
        """Hold `count` bytes more.

        Raises:
            OverloadError: there is no room for them; nothing is held.
        """
        if self.held_bytes + count > self._limit_bytes:
            raise OverloadError("Too many large bodies at once.", retry_after_s=_AGAIN_S)
        self.held_bytes += count

    def give_back(self, count: int) -> None:
        """Let go of `count` bytes."""
        self.held_bytes -= count


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
