"""Proxy on loopback between the people and the servers: it can lose replies and switch to another server.

Two kinds of loss alternate. In one, the proxy cuts both connections after the request has arrived, so that the server
notices. In the other, the proxy swallows the server's reply. Not here: faults of the servers themselves. Threads: one
event loop.
"""

import asyncio
import itertools
from contextlib import suppress


class Proxy:
    """A proxy. It loses the reply to each `lose_every`-th request; 0: it loses none.

    `swallowed` holds lost replies, and replies of a server that came after the switch to another server.
    """

    def __init__(self, port: int) -> None:
        self.lose_every = 0
        self.lost = 0
        self.swallowed: list[bytes] = []
        self.port = 0
        self._to_port = port
        self._requests = itertools.count(1)
        self._server: asyncio.Server | None = None
        # Task of each connection, with its open ends: the client's, then the server's.
        self._open: dict[asyncio.Task[None], list[asyncio.StreamWriter]] = {}

    async def start(self) -> None:
        """Listen on any free port and set `port`."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close everything, also connections that wait for a server's reply."""
        if self._server is not None:
            self._server.close()
        for ends in self._open.values():
            for writer in ends:
                writer.close()
        await asyncio.gather(*self._open)

    def lead_to(self, port: int) -> None:
        """Switch to another server. Clients that wait for the old server are disconnected, and may send again."""
        self._to_port = port
        for client, *_ in self._open.values():
            client.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward one request at a time: the client sends no second request before the reply."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 (we run in one)
        ends = self._open[task] = [writer]
        with suppress(OSError, EOFError):
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._to_port)
            ends.append(server_writer)
            await self._relay((reader, writer), (server_reader, server_writer))
        for end in ends:
            end.close()
        del self._open[task]

    async def _relay(
        self,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        server: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        while True:
            server[1].write(await _read_message(client[0]))
            await server[1].drain()
            number = next(self._requests)
            is_lost = self.lose_every > 0 and number % self.lose_every == 0
            if is_lost:
                self.lost += 1
                if self.lost % 2:
                    return
            reply = await _read_message(server[0])
            if is_lost or client[1].is_closing():
                self.swallowed.append(reply)
                return
            client[1].write(reply)
            await client[1].drain()


async def _read_message(reader: asyncio.StreamReader) -> bytes:
    """Read one request or reply; all have a Content-Length."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return head + await reader.readexactly(length)
