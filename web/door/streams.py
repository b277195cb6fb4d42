"""A connection's bytes: Tornado's own stream, except that its bare "400" becomes an answer in our form.

Tornado refuses what it cannot parse by itself, past every hook but this one.
Not here: why it is refused (heads.py), the life of a connection (listener.py). Threads: the event loop.
"""

import asyncio
import contextlib
import socket
from asyncio import Future
from collections.abc import Callable

from tornado.iostream import IOStream, StreamClosedError

from web.door.heads import MALFORMED, request_id_in
from web.problems import Problem

# What Tornado's HTTP1Connection writes; a test sees when that changes.
_TORNADOS_REFUSAL = b"HTTP/1.1 400 Bad Request\r\n\r\n"
# What a refused sender still sends is thrown away for so long: closing on unread bytes would make our kernel discard
# the answer.
_LINGER_S = 1.0
_LINGER_BYTES = 1024 * 1024
_READ_BYTES = 64 * 1024


class DoorStream(IOStream):
    """`refuse` makes the bytes of a refusal, from a problem and the sender's request id (None for a new one)."""

    def __init__(
        self, connection: socket.socket, refuse: Callable[[Problem, str | None], bytes], max_buffer_size: int
    ) -> None:
        super().__init__(connection, max_buffer_size=max_buffer_size)
        self._refuse = refuse
        # Of the request at hand: its head as it came, what is wrong with it, and whether it has its answer already.
        self.head = b""
        self.problem: Problem | None = None
        self.is_answered = False

    def write(self, data: bytes | memoryview) -> "Future[None]":
        """Write; Tornado's refusal as ours."""
        if data == _TORNADOS_REFUSAL:
            return asyncio.ensure_future(self._say_no())
        return super().write(data)

    async def _say_no(self) -> None:
        if not self.is_answered:
            await super().write(self._refuse(self.problem or MALFORMED, request_id_in(self.head)))
        await self._linger()

    async def _linger(self) -> None:
        """Say that nothing more comes, and let the other side finish its sentence."""
        with contextlib.suppress(TimeoutError, OSError, StreamClosedError):
            self.socket.shutdown(socket.SHUT_WR)
            async with asyncio.timeout(_LINGER_S):
                left_bytes = _LINGER_BYTES
                while left_bytes > 0:
                    left_bytes -= len(await self.read_bytes(_READ_BYTES, partial=True))
