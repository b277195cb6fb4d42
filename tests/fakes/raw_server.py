"""A server on the running loop whose every byte the test decides: for responses that no sane server sends."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from scripts.lab.replay.http import Target

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def serve_raw(handler: Handler) -> AsyncIterator[Target]:
    """Give each connection to `handler`, which ends at the latest when the caller closes; then close it."""
    ended: list[asyncio.Event] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        end = asyncio.Event()
        ended.append(end)
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                await handler(reader, writer)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
        finally:
            end.set()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield Target("127.0.0.1", server.sockets[0].getsockname()[1])
    finally:
        server.close()
        async with asyncio.timeout(5):
            for end in ended:
                await end.wait()


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """Read one request and return its head."""
    head = await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0))
    return head
