"""Link between one node and a server that all nodes share: the network between them can be cut, and mended.

While it is cut, connections stay and carry nothing, and new ones are taken and not answered. Afterwards everything
arrives that is still wanted. Not here: the people's connections (proxy.py). Threads: one event loop.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

_CHUNK_BYTES = 65_536
Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Link:
    """A port of 127.0.0.1 that leads to a server; `connect` opens a connection to that."""

    def __init__(self, connect: Callable[[], Awaitable[Ends]]) -> None:
        self.port = 0
        self._connect = connect
        self._whole = asyncio.Event()
        self._whole.set()
        self._server: asyncio.Server | None = None
        self._relays: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen on any free port and set `port`."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close everything."""
        if self._server is not None:
            self._server.close()
        for relay in self._relays:
            relay.cancel()
        await asyncio.gather(*self._relays, return_exceptions=True)

    def cut(self) -> None:
        """Carry nothing from now on."""
        self._whole.clear()

    def mend(self) -> None:
        """Carry everything again."""
        self._whole.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 (we run in one)
        self._relays.add(task)
        opened, ways = [writer], list[asyncio.Task[None]]()
        try:
            with suppress(OSError):
                await self._whole.wait()
                server_reader, server_writer = await self._connect()
                opened.append(server_writer)
                for way in (self._carry(reader, server_writer), self._carry(server_reader, writer)):
                    ways.append(asyncio.create_task(way))
                await asyncio.wait(ways)
        finally:
            for carrying in ways:
                carrying.cancel()
            for end in opened:
                end.close()
            self._relays.discard(task)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry bytes one way, until one end closes; then close the other, as soon as that can be known there."""
        with suppress(OSError):
            while data := await reader.read(_CHUNK_BYTES):
                await self._whole.wait()
                writer.write(data)
                await writer.drain()
        await self._whole.wait()
        writer.close()
