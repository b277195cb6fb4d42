"""First steps of every request: check of its host, limits on its body, then the webhook or the application.

Not here: handlers (handlers/, webhook/), the other routes (app.py). Threads: the event loop.
"""

import asyncio
from asyncio import Future
from collections.abc import Awaitable, Callable
from functools import partial

from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerConnectionDelegate,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.web import Application

from omi_actors.errors import (
    BadRequestError,
    ForeignHostError,
    OmiError,
    OverloadError,
    SlowBodyError,
    TooLargeError,
    UnpacksTooLargeError,
    UnsupportedEncodingError,
)
from web.edge.encodings import Unpacker, find_unpacker
from web.edge.header_checks import length_problem, refusal_bytes
from web.edge.listener import EdgeConnection, Peer
from web.edge.stream import EdgeStream
from web.edge.whole import WholeConnection, WholeRequest
from web.people.polls import Polls
from web.problems import api_problem
from web.requests import as_path, header, request_id_of, send
from web.site import Site
from web.webhook.request import ROUTE, WebhookRequest

_WEBHOOK_PATHS = frozenset((ROUTE, ROUTE + "/"))
# Bytes: high enough that Tornado's own limit, with its bare 400, never applies before ours.
_NO_LIMIT = 1 << 62
# Digits of Content-Length that are read: a petabyte has 16.
_MAX_DIGITS = 15
# A refused body is still read and discarded up to this size. Closing on a sender that still sends would make its
# kernel discard our reply.
_LINGER_BYTES = 64 * 1024 * 1024
# Seconds for the sender of a slow body to read its refusal before the connection closes.
_READ_REFUSAL_S = 1.0
# Probes use the machine's address as host; the reply shows only that the server runs.
_PROBES = frozenset(("/livez", "/readyz"))


_TOO_LARGE = TooLargeError("The body is above MAX_REQUEST_SIZE.")
_UNPACKS_TOO_LARGE = UnpacksTooLargeError("The body unpacks to more than MAX_REQUEST_SIZE.")


class Entry(HTTPServerConnectionDelegate):
    """Passes each request to the webhook or to the application."""

    def __init__(self, site: Site, application: Application) -> None:
        self._site = site
        self._application = application
        self._polls = Polls(site)

    def answer_known(self, stream: EdgeStream, head: bytes, peer: Peer) -> Awaitable[bytes | None] | None:
        """Answer a request that came before with the same head, if there is a shorter way than through Tornado."""
        poll = self._polls.recall(head, peer.remote_ip)
        return None if poll is None else self._polls.answer(poll, stream)

    def find_whole(self, request: WholeRequest) -> Callable[[WholeConnection], None] | None:
        """Return what answers a request that came whole; None if it must go through Tornado."""
        is_webhook = request.target.partition("?")[0] in _WEBHOOK_PATHS
        if not is_webhook or len(request.body) > self._site.free_body_bytes:
            return None
        return partial(self._take_webhook, request)

    def _take_webhook(self, request: WholeRequest, connection: WholeConnection) -> None:
        webhook = WebhookRequest(self._site, connection)
        webhook.begin(request.target, request.headers)
        webhook.data_received(request.body)
        webhook.finish()

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        """Return the handler of the connection's next request."""
        assert isinstance(request_conn, EdgeConnection)  # noqa: S101 (our listener has no other)
        return _IncomingRequest(self._site, self._application, self._polls, server_conn, request_conn)


class _IncomingRequest(HTTPMessageDelegate):
    """One request while its body arrives. If a body is too large, it is refused and the rest is discarded."""

    def __init__(
        self, site: Site, application: Application, polls: Polls, server_conn: object, connection: EdgeConnection
    ) -> None:
        self._site = site
        self._application = application
        self._polls = polls
        self._server_conn = server_conn
        self._connection = connection
        self._received_bytes = 0
        self._held_bytes = 0
        self._unpacker: Unpacker | None = None
        self._target: HTTPMessageDelegate | None = None
        self._refused: Future[None] | None = None

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        assert isinstance(start_line, RequestStartLine)  # noqa: S101 (a server gets no responses)
        self._headers = headers
        start_line = as_path(start_line, headers)
        declared = header(headers, "Content-Length")
        problem = length_problem(start_line.version, declared, headers)
        if problem is not None:
            raise self._connection.malformed(problem)
        self._site.traffic.body_begins(self)
        self._connection.set_max_body_size(_NO_LIMIT)
        path = start_line.path.partition("?")[0]
        if start_line.method == "POST" and path in _WEBHOOK_PATHS:
            self._target = WebhookRequest(self._site, self._connection)
        elif path in _PROBES or self._site.hosts.is_ours(header(headers, "Host")):
            otherwise = partial(self._application.start_request, self._server_conn, self._connection)
            self._target = self._polls.find(self._connection, start_line, headers, otherwise) or otherwise()
        else:
            self._refuse(ForeignHostError())
            return None
        encoding = header(headers, "Content-Encoding")
        if encoding is not None:
            del headers["Content-Encoding"]  # the target gets the body unpacked
        wait = self._target.headers_received(start_line, headers)
        declared_bytes = _bytes_of(declared)
        if encoding is not None and (declared_bytes or "Transfer-Encoding" in headers):
            self._expect_packed(encoding)
        if declared_bytes > self._site.max_body_bytes:
            self._refuse(_TOO_LARGE)
        if wait is None and declared_bytes > self._site.free_body_bytes:
            return self._site.body_pacer.wait()
        return wait

    def _expect_packed(self, encoding: str) -> None:
        if isinstance(self._target, WebhookRequest) and self._target.is_refused:
            return  # nothing of it is read
        try:
            self._unpacker = find_unpacker(encoding)
        except UnsupportedEncodingError as error:
            self._refuse(error)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        if self._unpacker is None or self._target is None:
            return self._take(chunk)
        return self._unpack(self._unpacker, chunk)

    async def _unpack(self, unpacker: Unpacker, chunk: bytes) -> None:
        """Take a part of a compressed body piece by piece, until it ends or is refused."""
        try:
            for piece in unpacker.unpack(chunk):
                wait = self._take(piece)
                if wait is not None:
                    await wait
                if self._target is None:
                    return
        except BadRequestError as error:
            self._refuse(error)

    def _take(self, chunk: bytes) -> Awaitable[None] | None:
        self._received_bytes += len(chunk)
        if self._received_bytes <= self._site.free_body_bytes:
            return None if self._target is None else self._target.data_received(chunk)
        if self._target is not None:
            self._hold()
        if self._target is not None:
            self._target.data_received(chunk)
        elif self._received_bytes > self._site.max_body_bytes + _LINGER_BYTES:
            self._connection.close()
        return self._site.body_pacer.wait()

    def finish(self) -> None:
        self._site.traffic.body_ends(self)
        if self._target is not None and self._unpacker is not None and not self._unpacker.is_whole:
            self._refuse(BadRequestError(f"The body ends before its {self._unpacker.name} does."))
        if self._target is not None:
            self._target.finish()
        elif self._refused is not None:
            self._refused.add_done_callback(self._close)

    def on_connection_close(self) -> None:
        self._site.traffic.body_ends(self)
        self._release()
        if self._target is not None:
            self._target.on_connection_close()

    def time_out(self) -> None:
        """Refuse a body that took too long, and close the connection. A refused request gets no second reply."""
        if self._target is None:
            self._connection.close()
            return
        self._refuse(SlowBodyError("The body did not arrive in time."))
        asyncio.get_running_loop().call_later(_READ_REFUSAL_S, self._connection.close)

    def _hold(self) -> None:
        """Reserve memory for the received part of a large body until its request ends, or refuse the request."""
        if self._received_bytes > self._site.max_body_bytes:
            self._refuse(_TOO_LARGE if self._unpacker is None else _UNPACKS_TOO_LARGE)
            return
        try:
            self._site.uploads.reserve(self._received_bytes - self._held_bytes)
        except OverloadError as error:
            self._refuse(error)
            return
        if not self._held_bytes:
            self._connection.when_over(self._release)
        self._held_bytes = self._received_bytes

    def _release(self) -> None:
        self._site.uploads.release(self._held_bytes)
        self._held_bytes = 0

    def _refuse(self, error: OmiError) -> None:
        """Reply now and discard the body. The connection closes after the body, or when a limit is reached."""
        target, self._target = self._target, None
        if isinstance(target, WebhookRequest):
            reply = target.refuse_body(error)
        else:
            reply = refusal_bytes(api_problem(error), request_id_of(self._headers), self._site.clock)
            if target is not None:
                target.on_connection_close()
        if self._connection.stream.closed():
            return
        self._connection.stream.is_answered = True
        if "Expect" in self._headers:
            send(self._connection, reply)  # the sender waits for a reply before it sends the body
        else:
            self._refused = self._connection.stream.write(reply)

    def _close(self, _: Future[None]) -> None:
        self._connection.finish()
        self._connection.close()


def _bytes_of(declared: str | None) -> int:
    if declared is None or not declared.isdecimal():
        return 0  # chunked, or refused by Tornado
    return int(declared[:_MAX_DIGITS])
