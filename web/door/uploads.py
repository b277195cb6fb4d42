"""Memory for request bodies: large ones share a fixed amount.

Whoever may send is often known only when the body is here (a signature covers it), so strangers' bodies count, too.
Not here: the limit of one body (entry.py). Threads: the event loop.
"""

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
