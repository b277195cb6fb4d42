"""Light HTTP/1.1 client with keep-alive, and the targets that it may load.

It uses little CPU, since it shares two cores with the server under load. It repeats no request: if the result is
unknown, the caller decides. Not here: the requests (sender.py). Threads: one event loop.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urlencode, urlsplit

from config.values import is_loopback


class ForeignTargetError(ValueError):
    """The target is on another machine, and the flag that allows this is missing."""


@dataclass(frozen=True, slots=True)
class Target:
    """Address of a server, with the tokens of its webhooks and its operator; "" if there is no token."""

    host: str
    port: int
    token: str = ""
    admin_token: str = ""

    @property
    def operator_headers(self) -> dict[str, str]:
        """Headers of the operator's requests; empty without `admin_token`."""
        return {"Authorization": f"Bearer {self.admin_token}"} if self.admin_token else {}

    def webhook_path(self, path: str, query: dict[str, str]) -> str:
        """Return path and query of a webhook, with the token."""
        full = {**query, "token": self.token} if self.token else query
        return f"{path}?{urlencode(full)}" if full else path


def parse_target(url: str, *, token: str = "", admin_token: str = "", is_ours: bool = False) -> Target:
    """Parse `http://host:port`.

    Raises: ForeignTargetError for a host other than loopback unless `is_ours`; ValueError for an odd URL.
    """
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname or parts.path not in {"", "/"}:
        raise ValueError(f"a target looks like http://127.0.0.1:3000, not {url!r}")
    if not is_ours and not is_loopback(parts.hostname):
        raise ForeignTargetError(f"{parts.hostname} is not this machine; --i-own-this-server allows it")
    return Target(parts.hostname, parts.port or 80, token, admin_token)


class ConnectionFailedError(ConnectionError):
    """No complete response arrived. The server may have handled the request or not."""


@dataclass(frozen=True, slots=True)
class Response:
    """A response. Header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpClient:
    """Connections to one server, opened when needed, without an upper limit. The last used one is reused first."""

    def __init__(self, host: str, port: int, *, timeout_s: float = 30.0) -> None:
        self._host = host
        self._port = port
        self._timeout_s = timeout_s
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the idle connections; each request closes its own."""
        for _, writer in self._idle:
            writer.close()
        self._idle.clear()

    async def request(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Response:
        """Send one request and read its response within the client's timeout.

        Raises: ConnectionFailedError
        """
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self._host}:{self._port}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        message = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._exchange(message)
        except (OSError, EOFError, TimeoutError, ValueError, asyncio.LimitOverrunError) as error:
            raise ConnectionFailedError(f"{method} {path.partition('?')[0]}: {error!r}") from error

    async def _exchange(self, message: bytes) -> Response:
        reader, writer = await self._connection()
        reusable = False
        try:
            writer.write(message)
            await writer.drain()
            response = await _read_response(reader)
            reusable = response.headers.get("connection", "").lower() != "close"
        finally:
            if reusable:
                self._idle.append((reader, writer))
            else:
                writer.close()
        return response

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof() and not writer.is_closing():
                return reader, writer
            writer.close()
        return await asyncio.open_connection(self._host, self._port)


async def _read_response(reader: asyncio.StreamReader) -> Response:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    if not head[0].startswith("HTTP/1.1 "):
        raise ValueError("the response is not HTTP/1.1")
    headers = {}
    for line in head[1:-2]:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = await _read_chunks(reader)
    else:
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Response(int(head[0].split(" ", 2)[1]), headers, body)


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    chunks = []
    while size := int((await reader.readline()).partition(b";")[0], 16):
        chunks.append(await reader.readexactly(size))
        await reader.readexactly(2)
    while (await reader.readline()).strip():
        pass
    return b"".join(chunks)
