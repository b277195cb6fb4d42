"""Connections of one server: their limits, heads and their timeout, and timeouts of dead connections.

Not here: requests (web/entry.py), slow bodies (limits.py), Tornado's refusals (stream.py). Threads: the event loop.
"""

import asyncio
import contextlib
import resource
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
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
from web.edge.header_checks import head_problem, refusal_bytes
from web.edge.sharing import Door, Loads
from web.edge.stream import EdgeStream
from web.edge.whole import WholeConnection, WholeRequest, read_whole
from web.problems import Problem

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
# Returns what answers a request that came whole; None: Tornado does.
FindWhole = Callable[[WholeRequest], Callable[[WholeConnection], None] | None]
_HEAD_END = rb"\r?\n\r?\n"


class RequestLoop(HTTP1ServerConnection):
    """Serves the requests of one connection in order: those of `find_whole` and `answer_known`, others by Tornado."""

    stream: EdgeStream
    context: "Peer"

    def __init__(
        self,
        stream: EdgeStream,
        params: HTTP1ConnectionParameters,
        peer: "Peer",
        answer_known: AnswerKnown,
        find_whole: FindWhole,
    ) -> None:
        super().__init__(stream, params, peer)
        self._answer_known = answer_known
        self._find_whole = find_whole
        stream.take_whole = self._take_whole
        assert params.header_timeout is not None  # noqa: S101 (our server sets it)
        self._head_timeout_s = params.header_timeout
        # The second on the loop's clock until which a head must come; None while a request is under way.
        self._head_due_s: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        # Tornado's connections get heads that have been read.
        self._head_params = copy(params)
        self._head_params.header_timeout = None

    async def _server_request_loop(self, delegate: HTTPServerConnectionDelegate) -> None:
        try:
            # Other connections run between two pipelined requests.
            while await self._serve_one(delegate):  # noqa: ASYNC110 (see above)
                await asyncio.sleep(0)
        finally:
            if self._timer is not None:
                self._timer.cancel()
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

    def _take_whole(self, data: bytes) -> bool:
        request = read_whole(data)
        answer = None if request is None else self._find_whole(request)
        if answer is None:
            return False
        self._head_due_s = None
        self.stream.is_held = True
        answer(WholeConnection(self.stream, self.context, self._end_whole))
        return True

    def _end_whole(self) -> None:
        """Wait for the next request, as before."""
        self._await_head()
        self.stream.go_on()

    def _await_head(self) -> None:
        self._head_due_s = asyncio.get_running_loop().time() + self._head_timeout_s
        if self._timer is None:
            self._look_again()

    async def _read_head(self) -> bytes:
        """Read the next head; close the connection if it does not come in time."""
        self._await_head()
        head = await self.stream.read_until_regex(_HEAD_END, self.params.max_header_size)
        self._head_due_s = None
        return head

    def _look_again(self) -> None:
        # One timer a connection: a new one for each head would cost as much as parsing it.
        assert self._head_due_s is not None  # noqa: S101 (a head is awaited)
        self._timer = asyncio.get_running_loop().call_at(self._head_due_s, self._check_time)

    def _check_time(self) -> None:
        self._timer = None
        if self._head_due_s is None:
            return  # a request is under way; the next head begins a new timer
        if self._head_due_s > asyncio.get_running_loop().time():
            self._look_again()
        else:
            self.stream.close()


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

    # Set when the last connection has closed; None until `linger`.
    _is_left: asyncio.Event | None = None

    def guard(
        self,
        limits: ConnectionLimits,
        clock: Clock,
        stall_timeout_s: float,
        answer_known: AnswerKnown,
        find_whole: FindWhole,
    ) -> None:
        """Set the limits, and what answers below Tornado.

        Linux closes a connection if its client reads nothing of a reply for `stall_timeout_s`.
        """
        self._limits = limits
        self._clock = clock
        self._stall_timeout_s = stall_timeout_s
        self._answer_known, self._find_whole = answer_known, find_whole

    def share(self, sockets: Sequence[socket.socket], loads: Loads) -> None:
        """Accept connections at sockets that other processes have, too."""
        for sock in sockets:
            door = Door(sock, loads, lambda: len(self._connections), self._handle_connection)
            self._sockets[sock.fileno()], self._handlers[sock.fileno()] = sock, door.close
            door.open()

    async def linger(self, seconds: float) -> None:
        """Wait until the clients have closed their connections, at most so long."""
        self._is_left = asyncio.Event()
        if self._connections:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._is_left.wait()

    def handle_stream(self, stream: IOStream, address: Any) -> None:
        """Accept a connection, or refuse it if there are too many."""
        peer = Peer(str(address[0]) if address else "")
        problem = self._limits.enter(peer.remote_ip)
        if problem is not None:
            stream.write(self._refusal(problem, None)).add_done_callback(lambda _: stream.close())
            return
        ours = EdgeStream(stream.socket, self._refusal, _READ_AHEAD_BYTES)
        _set_dead_peer_timeouts(ours.socket, self._stall_timeout_s)
        loop = RequestLoop(ours, self.conn_params, peer, self._answer_known, self._find_whole)
        self._connections.add(loop)
        loop.start_serving(self)

    def on_close(self, server_conn: object) -> None:
        """Forget a connection that has ended."""
        super().on_close(server_conn)
        if self._is_left is not None and not self._connections:
            self._is_left.set()
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
