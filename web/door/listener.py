"""The connections of one server: counted, and ended when their other end is gone or takes nothing.

Not here: what they ask (entry.py), slow heads (Tornado's timeout), slow bodies (traffic.py). Threads: the event loop.
"""

import contextlib
import socket
from dataclasses import dataclass
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.iostream import IOStream

from omi_actors.clock import Clock
from web.door.census import Census
from web.door.connections import Conversation
from web.door.refusals import refusal_bytes
from web.door.streams import DoorStream
from web.problems import Problem

# What a connection may bring that nobody has asked it for yet.
_READ_AHEAD_BYTES = 1024 * 1024
# Silence after which the kernel asks the other end of an open stream whether it is there.
_KEEPALIVE_AFTER_S = 60


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a connection, under the names by which Tornado asks for it."""

    remote_ip: str
    protocol: str = "http"


class Listener(HTTPServer):
    """Tornado's server with our connections. Call `guard` before it takes any."""

    def guard(self, census: Census, clock: Clock, stall_timeout_s: float) -> None:
        """Set the limits: who takes nothing of a reply for `stall_timeout_s` is cut off (by Linux)."""
        self._census = census
        self._clock = clock
        self._stall_timeout_s = stall_timeout_s

    def handle_stream(self, stream: IOStream, address: Any) -> None:
        """Take a connection, or say that there are too many."""
        peer = Peer(str(address[0]) if address else "")
        problem = self._census.enter(peer.remote_ip)
        if problem is not None:
            stream.write(self._refusal(problem, None)).add_done_callback(lambda _: stream.close())
            return
        ours = DoorStream(stream.socket, self._refusal, _READ_AHEAD_BYTES)
        _notice_silence(ours.socket, self._stall_timeout_s)
        conversation = Conversation(ours, self.conn_params, peer)
        self._connections.add(conversation)
        conversation.start_serving(self)

    def on_close(self, server_conn: object) -> None:
        """Forget a connection that has ended."""
        super().on_close(server_conn)
        assert isinstance(server_conn, Conversation)  # noqa: S101 (handle_stream makes no others)
        assert isinstance(server_conn.context, Peer)  # noqa: S101 (the same)
        self._census.leave(server_conn.context.remote_ip)

    def _refusal(self, problem: Problem, request_id: str | None) -> bytes:
        return refusal_bytes(problem, request_id, self._clock)


def _notice_silence(connection: socket.socket, timeout_s: float) -> None:
    """Let the kernel end a connection whose other end has vanished, or takes nothing of what is sent."""
    with contextlib.suppress(OSError):  # a socket that is no TCP one
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(timeout_s * 1000))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEPALIVE_AFTER_S)
