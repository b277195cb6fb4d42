"""Event streams that have no deadline: headers, a client that reads too slowly, and the end with the caller's token.

Not here: their events (live.py, web/people/stream.py), streams of one answer (chat.py). Threads: the event loop.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import ClassVar, Protocol

from tornado.iostream import StreamClosedError

from omi_actors.kit.errors import ExpectedError
from web.handlers.base import BaseHandler

# Sent after some silence, since proxies close silent connections.
HEARTBEAT = b": still there\n\n"


def set_stream_headers(handler: BaseHandler) -> None:
    """Set the headers of an event stream. The second one keeps a proxy from collecting it."""
    handler.set_header("Content-Type", "text/event-stream; charset=utf-8")
    handler.set_header("X-Accel-Buffering", "no")


class Source(Protocol):
    """The events of one stream."""

    def end(self) -> None:
        """End the stream: `next_piece` must return b"" then."""


class EventStreamHandler(BaseHandler):
    """One stream. It ends with its source, when the caller leaves, and when the caller's token ends."""

    is_slow_by_nature = True
    is_kept = False
    has_own_deadline = True
    # Seconds in which a client must read what was sent. One that does not is cut off.
    read_s: ClassVar[float]

    _source: Source | None = None

    def head(self) -> None:
        """Answer as to GET, without events."""
        set_stream_headers(self)
        self.finish()

    async def send_events(self, source: Source, next_piece: Callable[[], Awaitable[bytes]]) -> None:
        """Send pieces until there is none (b""), and end the reply."""
        self._source = source
        ending = asyncio.ensure_future(self._end_with_token(source))
        set_stream_headers(self)
        try:
            while piece := await next_piece():
                self.write(piece)
                async with asyncio.timeout(self.read_s):
                    await self.flush()
        except (StreamClosedError, TimeoutError):
            self.close()
            return
        finally:
            ending.cancel()
        self.finish()

    def on_connection_close(self) -> None:
        """End the stream of a client that has left."""
        super().on_connection_close()
        if self._source is not None:
            self._source.end()

    async def _end_with_token(self, source: Source) -> None:
        """End the stream with the token of its person; the operator's token and links are not found by it."""
        if self.person is None or self.site.identities is None:
            return
        # If the store does not tell whether the token is valid, the stream ends, too: the client connects again.
        with contextlib.suppress(ExpectedError):
            await self.site.identities.wait_until_ended(self.person)
        source.end()
