"""Connections of one server: their limits, Tornado's refusals as our error replies, and timeouts of dead connections.

Not here: requests (web/entry.py), slow heads (Tornado's timeout), slow bodies (limits.py). Threads: the event loop.
"""

import asyncio
import contextlib
import resource
import socket
from asyncio import Future
from collections import Counter
from collections.abc import Awaitable, Callable
from copy import copy
from dataclasses import dataclass
from typing import Any

from tornado.http1connection import HTTP1Connection, HTTP1ConnectionParameters, HTTP1ServerConnection
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPHeaders, HTTPInputError, HTTPServerConnectionDelegate
from tornado.iostream import IOStream, StreamClosedError, UnsatisfiableReadError

from config.values import TrustedProxies
from omi_actors.clock import Clock
from omi_actors.instruments.logs import get_logger
from web.edge.addresses import is_proxy
from web.edge.header_checks import MALFORMED, head_problem, refusal_bytes, request_id_in
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


_log = get_logger(__name__)


class EdgeConnection(HTTP1Connection):
    """One request on its connection."""

    stream: EdgeStream
    context: "Peer"

    def when_over(self, callback: Callable[[], None]) -> None:
        """Call `callback` when the request is answered, or when its connection has closed after its body."""
        self._finish_future.add_done_callback(lambda _: callback())

    def malformed(self, problem: Problem) -> HTTPInputError:
        """Return the error to raise for a request with `problem`."""
        self.stream.problem = problem
        return HTTPInputError(problem.code)

    def _parse_headers(self, data: bytes) -> tuple[str, HTTPHeaders]:
        self.stream.head = data
        self.stream.is_answered = False
        problem = head_problem(data)
        if problem is not None:
            raise self.malformed(problem)
        return super()._parse_headers(data)


# Answers a request by the bytes of its head and the other end, or returns None: at once, or in the end.
AnswerKnown = Callable[[EdgeStream, bytes, "Peer"], Awaitable[bytes | None] | None]
_HEAD_END = rb"\r?\n\r?\n"


class RequestLoop(HTTP1ServerConnection):
    """Serves the requests of one connection in order: those that `answer_known` answers, the others by Tornado."""

    stream: EdgeStream
    context: "Peer"

    def __init__(
        self, stream: EdgeStream, params: HTTP1ConnectionParameters, peer: "Peer", answer_known: AnswerKnown
    ) -> None:
        super().__init__(stream, params, peer)
        self._answer_known = answer_known
        assert params.header_timeout is not None  # noqa: S101 (our server sets it)
        self._head_timeout_s = params.header_timeout
        # Tornado's connections get heads that have been read.
        self._head_params = copy(params)
        self._head_params.header_timeout = None

    async def _server_request_loop(self, delegate: HTTPServerConnectionDelegate) -> None:
        try:
            # Other connections run between two pipelined requests.
            while await self._serve_one(delegate):  # noqa: ASYNC110 (see above)
                await asyncio.sleep(0)
        finally:
            delegate.on_close(self)

    async def _serve_one(self, delegate: HTTPServerConnectionDelegate) -> bool:
        """Serve one request; return False if the connection has ended."""
        try:
            head = await self._read_head()
            answering = self._answer_known(self.stream, head, self.context)
            reply = None if answering is None else await answering
            if reply is not None:
                await self.stream.write(reply)
                return True
            self.stream.next_head = head
            connection = EdgeConnection(self.stream, False, self._head_params, self.context)  # noqa: FBT003 (Tornado's order)
            return await connection.read_response(delegate.start_request(self, connection))
        except (StreamClosedError, UnsatisfiableReadError, asyncio.CancelledError):
            return False
        except Exception as error:  # noqa: BLE001 (one connection ends, the server goes on)
            _log.error("connection failed", error=type(error).__name__, exc_info=error)
            self.stream.close()
            return False

    async def _read_head(self) -> bytes:
        """Read the next head; close the connection if it does not come in time."""
        timer = asyncio.get_running_loop().call_later(self._head_timeout_s, self.stream.close)
        try:
            return await self.stream.read_until_regex(_HEAD_END, self.params.max_header_size)
        finally:
            timer.cancel()


# Open files besides connections: the store, logs, connections to models and to Omi.
_OTHER_FILES = 128
_FEWEST = 16
_AGAIN_S = 5.0

FULL = Problem(
    503, "too_many_connections", "The server has no room for more connections.", "Try again in a moment.", _AGAIN_S
)
FULL_FOR_ADDRESS = Problem(
    429,
    "too_many_connections",
    "There are too many connections from this address.",
    "Keep connections open and use them again; MAX_CONNECTIONS_PER_ADDRESS sets the limit.",
    _AGAIN_S,
)


class ConnectionLimits:
    """Counts open connections by address. Addresses without an open connection are forgotten."""

    def __init__(self, limit: int, limit_per_address: int, trusted: TrustedProxies) -> None:
        self._limit = limit
        self._limit_per_address = limit_per_address
        self._trusted = trusted
        self._by_address: Counter[str] = Counter()
        self.total = 0

    def enter(self, address: str) -> Problem | None:
        """Count a new connection and return None, or return the problem if a limit is reached."""
        if self.total >= self._limit:
            return FULL
        if self._by_address[address] >= self._limit_per_address and not is_proxy(address, self._trusted):
            return FULL_FOR_ADDRESS
        self.total += 1
        self._by_address[address] += 1
        return None

    def leave(self, address: str) -> None:
        """Subtract a closed connection from the count of its address."""
        self.total -= 1
        self._by_address[address] -= 1
        if self._by_address[address] <= 0:
            del self._by_address[address]


def share_of(room: int) -> int:
    """Return the maximum number of connections of one address, which leaves some for other addresses."""
    return max(1, room * 3 // 4)


def possible_connections(wanted: int) -> int:
    """Return `wanted`, or a smaller number if the system's limit of open files is lower.

    If no more file can be opened, accepting fails in a busy loop, and the store cannot open its files.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return wanted if soft == resource.RLIM_INFINITY else min(wanted, max(_FEWEST, soft - _OTHER_FILES))


# Bytes that a connection may buffer before they are read.
_READ_AHEAD_BYTES = 1024 * 1024
# Seconds of silence after which the kernel probes the other end.
_KEEPALIVE_AFTER_S = 60


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a connection, with the attribute names that Tornado reads."""

    remote_ip: str
    protocol: str = "http"


class Listener(HTTPServer):
    """Tornado's server with our connections. Call `guard` before it accepts connections."""

    def guard(self, limits: ConnectionLimits, clock: Clock, stall_timeout_s: float, answer_known: AnswerKnown) -> None:
        """Set the limits, and what answers below Tornado.

        Linux closes a connection if its client reads nothing of a reply for `stall_timeout_s`.
        """
        self._limits = limits
        self._clock = clock
        self._stall_timeout_s = stall_timeout_s
        self._answer_known = answer_known

    def handle_stream(self, stream: IOStream, address: Any) -> None:
        """Accept a connection, or refuse it if there are too many."""
        peer = Peer(str(address[0]) if address else "")
        problem = self._limits.enter(peer.remote_ip)
        if problem is not None:
            stream.write(self._refusal(problem, None)).add_done_callback(lambda _: stream.close())
            return
        ours = EdgeStream(stream.socket, self._refusal, _READ_AHEAD_BYTES)
        _set_dead_peer_timeouts(ours.socket, self._stall_timeout_s)
        loop = RequestLoop(ours, self.conn_params, peer, self._answer_known)
        self._connections.add(loop)
        loop.start_serving(self)

    def on_close(self, server_conn: object) -> None:
        """Forget a connection that has ended."""
        super().on_close(server_conn)
        assert isinstance(server_conn, RequestLoop)  # noqa: S101 (handle_stream makes no others)
        assert isinstance(server_conn.context, Peer)  # noqa: S101 (the same)
        self._limits.leave(server_conn.context.remote_ip)

    def _refusal(self, problem: Problem, request_id: str | None) -> bytes:
        return refusal_bytes(problem, request_id, self._clock)


def _set_dead_peer_timeouts(connection: socket.socket, timeout_s: float) -> None:
    """Let the kernel close a connection if its other end has vanished or reads nothing."""
    with contextlib.suppress(OSError):  # not a TCP socket
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(timeout_s * 1000))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEPALIVE_AFTER_S)
