"""Where every request comes in: limits on its body, then the way to whoever handles it.

Not here: the handlers (handlers/), the routes beside the webhook (app.py). Threads: the event loop.
"""

from asyncio import Future
from collections.abc import Awaitable

from tornado.http1connection import HTTP1Connection
from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerConnectionDelegate,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.web import Application

from omi_actors.errors import TooLargeError
from web.counting import count_request
from web.handlers.webhook import ROUTE, WebhookRequest
from web.problems import api_problem, problem_json
from web.replies import CLOSE, reply_bytes, send
from web.requests import header, request_id_of
from web.site import Site

_WEBHOOK_PATHS = frozenset((ROUTE, ROUTE + "/"))
# Tornado's own limit answers with a bare 400 and cuts the line; ours answers properly, so Tornado's is out of the way.
_NO_LIMIT = 1 << 62
# Content-Length beyond this many digits is more than anybody has.
_MAX_DIGITS = 15
# Of a body that was refused this much is still taken and thrown away: closing on a sender that still sends
# would make its kernel discard our reply.
_LINGER_BYTES = 64 * 1024 * 1024


class Entry(HTTPServerConnectionDelegate):
    """Gives each request to the webhook or to the application."""

    def __init__(self, site: Site, application: Application) -> None:
        self._site = site
        self._application = application

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        """Take the next request of a connection."""
        assert isinstance(request_conn, HTTP1Connection)  # noqa: S101 (Tornado's server has no other)
        return _Incoming(self._site, self._application, server_conn, request_conn)


class _Incoming(HTTPMessageDelegate):
    """One request on its way in. Counts its bytes; above the limit it is replied to and the rest thrown away."""

    def __init__(self, site: Site, application: Application, server_conn: object, connection: HTTP1Connection) -> None:
        self._site = site
        self._application = application
        self._server_conn = server_conn
        self._connection = connection
        self._received_bytes = 0
        self._target: HTTPMessageDelegate | None = None
        self._refused: Future[None] | None = None

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        assert isinstance(start_line, RequestStartLine)  # noqa: S101 (a server gets no responses)
        self._headers = headers
        self._site.traffic.body_begins(self)
        self._connection.set_max_body_size(_NO_LIMIT)
        if start_line.method == "POST" and start_line.path.partition("?")[0] in _WEBHOOK_PATHS:
            self._target = WebhookRequest(self._site, self._connection)
        else:
            self._target = self._application.start_request(self._server_conn, self._connection)
        wait = self._target.headers_received(start_line, headers)
        if _declared_bytes(headers) > self._site.max_body_bytes:
            self._refuse()
        return wait

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        self._received_bytes += len(chunk)
        if self._target is not None and self._received_bytes > self._site.max_body_bytes:
            self._refuse()
        if self._target is not None:
            return self._target.data_received(chunk)
        if self._received_bytes > self._site.max_body_bytes + _LINGER_BYTES:
            self._connection.close()
        return None

    def finish(self) -> None:
        self._site.traffic.body_ends(self)
        if self._target is not None:
            self._target.finish()
        elif self._refused is not None:
            self._refused.add_done_callback(self._close)

    def on_connection_close(self) -> None:
        self._site.traffic.body_ends(self)
        if self._target is not None:
            self._target.on_connection_close()

    def give_up(self) -> None:
        """Close: the body took too long."""
        self._connection.close()

    def _refuse(self) -> None:
        """Reply that the body is too large, now. The connection closes when the sender is through, or at our limits."""
        target, self._target = self._target, None
        if isinstance(target, WebhookRequest):
            reply = target.refuse_body()
        else:
            reply = self._api_refusal()
            if target is not None:
                target.on_connection_close()
        if self._connection.stream.closed():
            return
        if "Expect" in self._headers:
            send(self._connection, reply)  # the sender waits for a word before it sends the body: this is it
        else:
            self._refused = self._connection.stream.write(reply)

    def _api_refusal(self) -> bytes:
        problem = api_problem(TooLargeError("The body is above MAX_REQUEST_SIZE."))
        request_id, now_s = request_id_of(self._headers), self._site.clock.now_s()
        count_request("other", "other", problem.status, 0.0)
        body = problem_json(problem, request_id=request_id, now_s=now_s)
        return reply_bytes(problem.status, body, request_id=request_id, now_s=now_s, more=CLOSE)

    def _close(self, _: Future[None]) -> None:
        self._connection.finish()
        self._connection.close()


def _declared_bytes(headers: HTTPHeaders) -> int:
    declared = header(headers, "Content-Length")
    if declared is None or not declared.isdecimal():
        return 0  # chunked, or for Tornado to refuse
    return int(declared[:_MAX_DIGITS])
