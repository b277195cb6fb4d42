"""The stream of a connection: Tornado's refusals as our error replies, and heads that were read already.

Not here: connections (listener.py). Threads: the event loop.
"""

import asyncio
import contextlib
import socket
from asyncio import Future
from collections.abc import Awaitable, Callable

from tornado.iostream import IOStream, StreamClosedError

from web.edge.header_checks import MALFORMED, request_id_in
from web.problems import Problem

# The refusal that Tornado's HTTP1Connection writes; a test notices when it changes.
_TORNADOS_REFUSAL = b"HTTP/1.1 400 Bad Request\r\n\r\n"
# A refused sender's further bytes are read and discarded for this long: closing on unread bytes would make our kernel
# discard the answer.
_LINGER_S = 1.0
_LINGER_BYTES = 1024 * 1024
_READ_BYTES = 64 * 1024


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
