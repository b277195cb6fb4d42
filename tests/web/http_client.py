"""A client that sends exactly the given bytes and reads the replies."""

import asyncio
import contextlib
import json
from dataclasses import dataclass

from tests.canaries import watch
from tests.declared import hold

TIMEOUT_S = 5


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def dropped(self):
        return self.headers.get("x-omi-actors-dropped")


class Connection:
    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        # False: the server answers in other shapes than declared.
        self.holds = True

    async def reopen(self):
        """Leave an endless reply."""
        port = self.writer.get_extra_info("peername")[1]
        await self.close()
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port)

    @classmethod
    async def open(cls, port):
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.close()

    async def close(self):
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()

    def abort(self):
        self.writer.transport.abort()

    def write(self, data):
        self.writer.write(data)

    async def request(self, method, target, body=b"", headers=()):
        self.write(request_bytes(method, target, body, headers))
        reply = await self.reply(has_body=method != "HEAD")
        if self.holds:
            hold(method, target, reply)
        return reply

    async def reply(self, *, has_body=True):
        async with asyncio.timeout(TIMEOUT_S):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {
                name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)
            }
            length = int(headers.get("content-length", 0)) if has_body else 0
            body = await self.reader.readexactly(length)
            is_endless = headers.get("content-type", "").startswith("text/event-stream")
            if has_body and not is_endless and headers.get("transfer-encoding") == "chunked":
                body = await self._read_chunks()
            reply = Reply(int(head[0].split()[1]), headers, body)
        if reply.status >= 400:
            watch("an error's answer", "\n".join(head) + reply.body.decode(errors="replace"))
        return reply

    async def _read_chunks(self):
        body = b""
        while size := int(await self.reader.readline(), 16):
            body += (await self.reader.readexactly(size + 2))[:-2]
        await self.reader.readexactly(2)
        return body

    async def ends(self):
        """Whether the server closes the connection, without another byte."""
        async with asyncio.timeout(TIMEOUT_S):
            try:
                return await self.reader.read() == b""
            except ConnectionError:
                return True


def request_bytes(method, target, body=b"", headers=(), version="HTTP/1.1"):
    lines = [
        f"{method} {target} {version}",
        "Host: localhost",
        *(f"{name}: {value}" for name, value in dict(headers).items()),
    ]
    if body or method == "POST":
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body
