"""Requests that came whole by one read, with a plain head: read and answered without Tornado's parser and futures.

Anything else is Tornado's, whose grammar decides: a body that comes later, chunks, compression, a repeated or odd
header, a large head. So this reads less than HTTP, and nothing that Tornado would refuse (tests/web/test_whole.py).
Not here: who answers (web/entry.py), the connection (listener.py, stream.py). Threads: the event loop.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from web.edge.stream import EdgeStream

if TYPE_CHECKING:
    from asyncio import Future

# Bytes. A longer head has limits of its own (header_checks.py).
_MAX_HEAD_BYTES = 1024
_NAME = re.compile("[A-Za-z0-9-]+")
_UNUSUAL = frozenset(("", "Transfer-Encoding", "Content-Encoding", "Expect", "Upgrade", "Trailer"))


class WholeRequest(NamedTuple):
    """A POST. Names of headers are written as Tornado writes them: `Content-Type`."""

    target: str
    headers: Mapping[str, str]
    body: bytes


def read_whole(data: bytes) -> WholeRequest | None:
    """Return the one request that these bytes are; None if they are anything else, or not plain."""
    head, _, body = data.partition(b"\r\n\r\n")
    if not head.startswith(b"POST /") or not head.isascii() or len(head) > _MAX_HEAD_BYTES:
        return None
    first, *lines = head.decode("ascii").split("\r\n")
    if not "".join((first, *lines)).isprintable():
        return None
    target, _, version = first.removeprefix("POST ").partition(" ")
    headers = {}
    for line in lines:
        name, colon, value = line.partition(": ")
        headers[_write_name(name) if colon else ""] = value.strip()
    if version != "HTTP/1.1" or len(headers) != len(lines) or not _UNUSUAL.isdisjoint(headers):
        return None
    if "Host" not in headers or headers.get("Content-Length") != str(len(body)):
        return None
    if headers.get("Connection", "keep-alive").lower() != "keep-alive":
        return None
    return WholeRequest(target, headers, body)


@lru_cache(maxsize=1000)
def _write_name(name: str) -> str:
    """Return a header's name as Tornado writes it; "" if it is not plain."""
    return "-".join(part.capitalize() for part in name.split("-")) if _NAME.fullmatch(name) else ""


class WholeConnection:
    """One request that came whole, on its connection: takes its reply, as Tornado's connection does.

    `context` is the other end; `on_over` is called when the reply has left.
    """

    __slots__ = ("_on_over", "_unsent", "context", "stream")

    def __init__(self, stream: EdgeStream, context: object, on_over: Callable[[], None]) -> None:
        self.stream = stream
        self.context = context
        self._on_over = on_over
        # The rest of a reply that the system did not take at once.
        self._unsent: Future[None] | None = None

    def set_close_callback(self, callback: Callable[[], None] | None) -> None:
        """Call `callback` if the connection closes before `finish`."""
        self.stream.set_close_callback(callback)

    def write(self, reply: bytes) -> None:
        """Send the reply."""
        self._unsent = self.stream.send(reply)

    def finish(self) -> None:
        """End the request, when its reply has left."""
        self.stream.set_close_callback(None)
        if self._unsent is None:
            self._on_over()
        else:
            self._unsent.add_done_callback(lambda _: self._on_over())

    def close(self) -> None:
        """Close the connection."""
        self.stream.close()
