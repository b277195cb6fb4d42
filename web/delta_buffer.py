"""What a stream has yet to send: an answer's pieces between the session that tells them and the socket that takes them.

Not here: how they go out (handlers/chat_stream.py). Threads: the event loop.
"""

import asyncio
from dataclasses import dataclass

# Characters that wait for a slow reader; beyond them no piece is sent any more, and the end brings the whole answer.
_MAX_CHARS = 65_536


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece. `is_anew`: all that was sent before is void."""

    text: str
    is_anew: bool


class DeltaBuffer:
    """Pieces in order; those that wait together go out together."""

    def __init__(self, max_chars: int = _MAX_CHARS) -> None:
        self._max_chars = max_chars
        self._waiting: list[Delta] = []
        self._has_news = asyncio.Event()
        self._is_overrun = False
        self.is_ended = False

    def add(self, text: str, is_anew: bool) -> None:  # noqa: FBT001 (what a session calls)
        """Take a piece."""
        if is_anew:
            self._waiting.clear()
        elif self._waiting:
            last = self._waiting.pop()
            text, is_anew = last.text + text, last.is_anew
        self._is_overrun = self._is_overrun or len(text) > self._max_chars
        if not self._is_overrun:
            self._waiting.append(Delta(text, is_anew))
            self._has_news.set()

    def end(self) -> None:
        """Say that no piece comes any more."""
        self.is_ended = True
        self._has_news.set()

    async def wait(self) -> None:
        """Wait for a piece, or for the end."""
        await self._has_news.wait()

    def take(self) -> list[Delta]:
        """Return what waits."""
        waiting, self._waiting = self._waiting, []
        if not self.is_ended:
            self._has_news.clear()
        return waiting
