"""The stream of a connection: Tornado's refusals as our error replies, and requests and heads that were read already.

Not here: connections (listener.py). Threads: the event loop.
"""

import asyncio
import contextlib
import socket
from asyncio import Future
from collections.abc import Awaitable, Callable
from typing import Any

from tornado.iostream import IOStream, StreamBufferFullError, StreamClosedError

from web.edge.header_checks import MALFORMED, request_id_in
from web.problems import Problem

# The refusal that Tornado's HTTP1Connection writes; a test notices when it changes.
_TORNADOS_REFUSAL = b"HTTP/1.1 400 Bad Request\r\n\r\n"
# A refused sender's further bytes are read and discarded for this long: closing on unread bytes would make our kernel
# discard the answer.
_LINGER_S = 1.0
_LINGER_BYTES = 1024 * 1024
_READ_BYTES = 64 * 1024
# A whole request that is read at once: a small body and its head.
_WHOLE_BYTES = 16 * 1024


class EdgeStream(IOStream):
    """Stream that replaces Tornado's refusals.

    `refuse` builds a reply from a problem and a request id (None: a new id).
    """

    def __init__(
        self, connection: socket.socket, refuse: Callable[[Problem, str | None], bytes], max_buffer_size: int
    ) -> None:
        super().__init__(connection, max_buffer_size=max_buffer_size)
        self._refuse = refuse
        # The current request's raw head and problem, and whether it is answered already.
        self.head = b""
        self.problem: Problem | None = None
        self.is_answered = False
        # A head that was read, for the connection that reads it again.
        self.next_head: bytes | None = None
        # Takes a request that came whole, while a head is awaited; returns False if the bytes are Tornado's.
        self.take_whole: Callable[[bytes], bool] | None = None
        # True while such a request is under way: what comes meanwhile waits in the buffer.
        self.is_held = False
        super().set_nodelay(True)

    def set_nodelay(self, value: bool) -> None:  # noqa: FBT001 (Tornado's parameter)
        """Do nothing: no write ever waits for another one, and Tornado's two system calls a reply are spared."""

    def read_until_regex(self, regex: bytes, max_bytes: int | None = None) -> Awaitable[bytes]:
        """Read a head, or return the one that was read already."""
        head, self.next_head = self.next_head, None
        if head is None:
            return super().read_until_regex(regex, max_bytes)
        ready: Future[bytes] = Future()
        ready.set_result(head)
        return ready

    def _handle_read(self) -> None:
        """Read what has come. Tornado's pending read gets it, unless it is a request that `take_whole` takes."""
        if self.is_held:
            with contextlib.suppress(OSError, StreamBufferFullError):  # the stream is closed then
                self._read_to_buffer()
            return
        # Tornado waits for a regex only when a head is next.
        if self.take_whole is not None and self._read_regex is not None and not self._read_buffer:
            try:
                data = self.socket.recv(_WHOLE_BYTES)
            except OSError:
                data = b""
            if data and self.take_whole(data):
                return
            self._read_buffer += data
            self._read_buffer_size += len(data)
        super()._handle_read()

    def go_on(self) -> None:
        """Let Tornado read what has come while a request was held."""
        if self._read_buffer:
            self.io_loop.add_callback(self._read_on)
        else:
            self.is_held = False

    def _read_on(self) -> None:
        self.is_held = False
        if not self.closed():
            self._handle_events(self.fileno(), self.io_loop.READ)

    def close(self, exc_info: Any = False) -> None:  # noqa: FBT002 (Tornado's parameter)
        """Close the connection. What waits behind a held request is not begun."""
        if self.is_held:
            self._read_buffer.clear()
            self._read_buffer_size = 0
        super().close(exc_info)

    def send(self, data: bytes) -> "Future[None] | None":
        """Write a reply by one call of the system; return a future only if the system does not take all of it."""
        if not self.closed() and not self.writing():
            with contextlib.suppress(OSError):  # `write` meets it again, and knows what to do
                data = data[self.socket.send(data) :]
        return self.write(data) if data else None

    def write(self, data: bytes | memoryview) -> "Future[None]":
        """Write data; replace a refusal by Tornado with ours."""
        if data == _TORNADOS_REFUSAL:
            return asyncio.ensure_future(self._write_refusal())
        return super().write(data)

    async def _write_refusal(self) -> None:
        if not self.is_answered:
            await super().write(self._refuse(self.problem or MALFORMED, request_id_in(self.head)))
        await self._linger()

    async def _linger(self) -> None:
        """Close the sending direction, and read until the client closes the other direction."""
        with contextlib.suppress(TimeoutError, OSError, StreamClosedError):
            self.socket.shutdown(socket.SHUT_WR)
            async with asyncio.timeout(_LINGER_S):
                left_bytes = _LINGER_BYTES
                while left_bytes > 0:
                    left_bytes -= len(await self.read_bytes(_READ_BYTES, partial=True))
