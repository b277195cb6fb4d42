"""Requests about one of several processes at an address, passed on to it when another one has got them.

Requests and webhooks that a process has seen, and its actors, are in its own memory. A browser's next connection may
reach any process. So each has a socket in a folder of the parent's, private to its owner.
Not here: the processes (omi_actors/cli/processes.py), sessions, which nodes hand to each other.
Threads: the event loop.
"""

import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tornado.httpclient import HTTPClientError, HTTPRequest, HTTPResponse
from tornado.httputil import HTTPHeaders, HTTPServerRequest
from tornado.netutil import Resolver, bind_unix_socket
from tornado.simple_httpclient import SimpleAsyncHTTPClient

# Marks a request that was passed on; it is not passed on again.
RELAYED = "X-Omi-Actors-Relayed"
# Seconds for a reply: a replayed webhook waits for its answer.
_TIMEOUT_S = 30.0
_CONNECT_S = 1.0
# Headers of one connection, and those that the passing process sets itself.
_OWN = frozenset(
    {
        "connection",
        "content-length",
        "transfer-encoding",
        "keep-alive",
        "date",
        "server",
        "x-request-id",
        "accept-encoding",
    }
)


class Relay:
    """The sockets of all processes at this address, by their nodes."""

    def __init__(self, folder: Path, node: str, near: Sequence[str]) -> None:
        self._folder = folder
        self._node = node
        self.others = tuple(one for one in near if one != node)
        self._client: SimpleAsyncHTTPClient | None = None

    def bind(self) -> socket.socket:
        """Return this process's listening socket."""
        return bind_unix_socket(str(self._folder / self._node), mode=0o600)

    def close(self) -> None:
        """Close the connections to the others."""
        if self._client is not None:
            self._client.close()

    async def pass_on(self, request: HTTPServerRequest, node: str) -> HTTPResponse | None:
        """Return the reply of another process to this request; None if it does not answer."""
        if self._client is None:
            self._client = SimpleAsyncHTTPClient(force_instance=True, resolver=_Folder(self._folder))
        headers = HTTPHeaders({name: value for name, value in request.headers.items() if name.lower() not in _OWN})
        headers[RELAYED] = self._node
        sent = HTTPRequest(
            f"http://{node}{request.uri}",
            method=request.method or "GET",
            headers=headers,
            body=request.body or None,
            allow_nonstandard_methods=True,
            follow_redirects=False,
            decompress_response=False,
            connect_timeout=_CONNECT_S,
            request_timeout=_TIMEOUT_S,
        )
        try:
            return await self._client.fetch(sent, raise_error=False)
        except (OSError, HTTPClientError):  # it is gone, or paused
            return None


def headers_of(reply: HTTPResponse) -> dict[str, str]:
    """Return the headers of another process's reply that are its own."""
    return {name: value for name, value in reply.headers.items() if name.lower() not in _OWN}


class _Folder(Resolver):
    """Finds a process by its node's name: the path of its socket."""

    def initialize(self, folder: Path) -> None:
        self._folder = folder

    async def resolve(self, host: str, port: int, family: Any = socket.AF_UNSPEC) -> list[tuple[int, Any]]:
        """Return the one address."""
        del port, family
        return [(socket.AF_UNIX, str(self._folder / host))]
