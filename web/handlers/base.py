"""Base of all handlers except the webhook's: the request id, the error format, and each request's log line and count.

Not here: access and limits (guarded.py), the answer to each error (web/problems.py). Threads: the event loop.
"""

from asyncio import Future
from types import TracebackType
from typing import Any, ClassVar

import msgspec
from tornado.iostream import StreamClosedError
from tornado.web import HTTPError, OutputTransform, RequestHandler

from omi_actors.domain.people.accounts import Role
from omi_actors.domain.work.queue_admin import Requester
from omi_actors.errors import BadRequestError, NotFoundError, SignatureMismatchError
from omi_actors.instruments.latencies import CHAT, group_of
from omi_actors.instruments.logs import LogContext, bound_context, get_logger
from omi_actors.instruments.requests import REQUESTS, Trace
from omi_actors.kit.errors import AskTimeoutError, ExpectedError
from web.edge.browsers import PAGE_POLICY
from web.handlers.caller import Access
from web.handlers.guarded import GuardedHandler
from web.pages.render import OPERATOR_PLACE, TIMELINES, render_error
from web.problems import API, INTERNAL, Problem, api_problem, problem_json
from web.relay import RELAYED, Relay, headers_of
from web.requests import CLOSED, count_request, request_id_of

_log = get_logger("web.requests")
_METHODS = frozenset(RequestHandler.SUPPORTED_METHODS)
_UNAUTHORIZED, _NOT_FOUND, _METHOD_NOT_ALLOWED = 401, 404, 405
_SERVER_ERROR = 500

# Failures that Tornado finds before our code runs.
_OF_STATUS = {
    400: API[BadRequestError],
    404: API[NotFoundError],
    _METHOD_NOT_ALLOWED: Problem(
        405, "method_not_allowed", "This address does not support the method.", "The Allow header lists them."
    ),
}


class BaseHandler(GuardedHandler):
    """One request. `route` labels metrics: it is the pattern of the address, never the address itself.

    Example:
        class LiveHandler(BaseHandler):
            route = "/livez"
            access = Access.ANYBODY
            def get(self) -> None: self.send_json({"status": "pass"})
    """

    route: ClassVar[str] = "other"
    # True if the model decides the duration. Such requests have their own metric and are not logged as slow.
    is_slow_by_nature: ClassVar[bool] = False
    # False for the parts of a page, such as its style sheet: only their failures and slow requests are logged.
    is_logged: ClassVar[bool] = True
    # False for what an open page reads all the time: it would push other requests out of the request log.
    is_kept: ClassVar[bool] = True

    request_id = ""
    # True if the connection has closed before the reply.
    is_gone = False

    def set_default_headers(self) -> None:
        """Set the request id and the edge's headers; hide the software's name."""
        self.request_id = self.request_id or request_id_of(self.request.headers)
        self.clear_header("Server")
        self.set_header("X-Request-Id", self.request_id)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "no-store")
        for name, value in self.edge_headers().items():
            self.set_header(name, value)
        if self.site.traffic.is_draining:
            self.set_header("Connection", "close")

    def initialize(self) -> None:
        """Count the request as under way. Tornado does not call `prepare` for an unknown method."""
        super().initialize()
        self.began_mono_s = self.site.clock.mono_s()
        self.site.traffic.begin()
        method = self.request.method or ""
        self.trace = Trace(self.request_id, method if method in _METHODS else "other", self.route, self.began_mono_s)
        if self.is_kept:
            REQUESTS.begin(self.trace)

    def on_connection_close(self) -> None:
        """Note that the connection has closed."""
        self.is_gone = True

    def close(self) -> None:
        """Close the connection to a client that does not read the reply."""
        self.is_gone = True
        self.connection.close()

    @property
    def seconds(self) -> float:
        """Seconds since the request began."""
        return self.site.clock.mono_s() - self.began_mono_s

    @property
    def requester(self) -> Requester:
        """Return the maker of an action of the operator's, for its record."""
        person = self.person
        is_account = person is not None and person.role is not Role.PERSON
        return Requester(person.account_id if person is not None and is_account else "operator", self.request_id)

    def finish(self, chunk: str | bytes | dict[str, Any] | None = None) -> Future[None]:
        """Send the reply. While the server drains, close the connection, too: Tornado only sends the header for it."""
        sent = super().finish(chunk)
        connection = self.connection
        if self.site.traffic.is_draining:
            sent.add_done_callback(lambda _: connection.close())
        return sent

    async def answer_at(self, node: str) -> bool:
        """Let the process with this node answer, if it is another one at this address. Else return False."""
        relay = self.site.relay
        return relay is not None and node in relay.others and await self._pass_on(relay, node, is_search=False)

    async def answer_elsewhere(self) -> bool:
        """Let the process at this address answer that finds what is asked for. Return False if none does."""
        relay = self.site.relay
        if relay is not None:
            for node in relay.others:
                if await self._pass_on(relay, node, is_search=True):
                    return True
        return False

    async def _pass_on(self, relay: Relay, node: str, *, is_search: bool) -> bool:
        if RELAYED in self.request.headers:
            return False
        reply = await relay.pass_on(self.request, node)
        if reply is None or (is_search and reply.code == _NOT_FOUND):
            return False
        self.set_status(reply.code)
        for name, value in headers_of(reply).items():
            self.set_header(name, value)
        self.finish(reply.body)
        return True

    async def has_left(self) -> bool:
        """Return True if a reply has left this machine. Call it right after `finish`."""
        stream = self.connection.stream
        if stream.closed():
            # The connection was closed after the reply, as the client asked, or it broke.
            return not self.is_gone and stream.error is None
        try:
            # An empty write ends after all earlier ones. The connection's futures would hide that it closed meanwhile.
            await stream.write(b"")
        except StreamClosedError:
            return False
        return True

    def compute_etag(self) -> str | None:
        """Send no ETag: answers are never cached."""
        return None

    def send_json(self, value: Any, status: int = 200) -> None:
        """Answer with a JSON value."""
        if self.site.legacy is not None:
            value, status = self.site.legacy.reshape(self.route, value, status)
        self.set_status(status)
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.finish(msgspec.json.encode(value))

    def send_page(self, html: str | bytes) -> None:
        """Answer with a page."""
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish(html)

    def send_problem(self, problem: Problem) -> None:
        """Answer with an error: as a page if a browser opens the address, else as JSON."""
        legacy = self.site.legacy
        self.set_status((problem if legacy is None else legacy.reword(self.route, problem)[0]).status)
        if problem.retry_after_s is not None:
            self.set_header("Retry-After", str(max(1, round(problem.retry_after_s))))
        if self.wants_page:
            if problem.status == _UNAUTHORIZED and self.access is Access.OPERATOR:
                # A page that is refused is an error on the browser's console.
                self.redirect(OPERATOR_PLACE, status=303)
            else:
                self._send_error_page(problem)
            return
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.finish(self.problem_json(problem))

    @property
    def wants_page(self) -> bool:
        """Return True if a person reads the reply: a browser that opens an address or sends a form accepts HTML."""
        headers, method = self.request.headers, self.request.method
        # A browser's form names the page's origin; programs do not.
        return "text/html" in headers.get("Accept", "") and (
            method == "GET" or (method == "POST" and "Origin" in headers)
        )

    def _send_error_page(self, problem: Problem) -> None:
        if self.site.sends_security_headers:
            self.set_header("Content-Security-Policy", PAGE_POLICY)
        self.send_page(render_error(problem, self.request_id, timeline=self._timeline))

    @property
    def _timeline(self) -> str:
        """Return the address of this request's timeline, for callers who may read it; else ""."""
        is_there = self.site.has_metrics and self.is_kept and self.may_observe
        return f"{TIMELINES}/{self.request_id}" if is_there else ""

    def problem_json(self, problem: Problem) -> bytes:
        """Return an error of this request as JSON."""
        now_s, timeline, message = self.site.clock.now_s(), self._timeline, ""
        if self.site.legacy is not None:
            problem, message = self.site.legacy.reword(self.route, problem)
        return problem_json(problem, request_id=self.request_id, now_s=now_s, timeline=timeline, message=message)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer every failure, Tornado's and ours, with an error reply."""
        error = (kwargs.get("exc_info") or (None, None, None))[1]
        if error is None and self.is_late:
            problem = API[AskTimeoutError]
        elif isinstance(error, HTTPError) or error is None:
            problem = _OF_STATUS.get(status_code, INTERNAL)
        else:
            problem = self.explain(error)
        if isinstance(error, SignatureMismatchError):
            self.set_header("WWW-Authenticate", "Bearer")
        if problem.status == _METHOD_NOT_ALLOWED:
            self.set_header("Allow", ", ".join(self.allowed_methods()))
        self._count_error(error, problem)
        self.send_problem(problem)

    def explain(self, error: BaseException) -> Problem:
        """Return the reply to an error of ours."""
        return api_problem(error)

    def _count_error(self, error: BaseException | None, problem: Problem) -> None:
        is_ours = error is not None and not isinstance(error, HTTPError)
        name = type(error).__name__ if is_ours else problem.code
        level = "info" if problem.status < _SERVER_ERROR else "warn" if isinstance(error, ExpectedError) else "error"
        REQUESTS.count_error(name, self.route, level=level, request_id=self.request_id)

    async def _execute(self, transforms: list[OutputTransform], *args: bytes, **kwargs: bytes) -> None:
        """Run the request in its context: the store's lines and stages find it by that."""
        with bound_context(LogContext(self.request_id)):
            await super()._execute(transforms, *args, **kwargs)

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Log an unexpected error with its traceback. The request's own log line has expected errors."""
        if isinstance(value, ExpectedError | HTTPError):
            return
        with bound_context(LogContext(self.request_id)):
            _log.error("request failed", route=self.route, error=type(value).__name__, exc_info=value)
        del typ, tb  # both are in the value

    def on_finish(self) -> None:
        """Count the request and log it."""
        super().on_finish()
        self.site.traffic.end()
        seconds = self.seconds
        status, method = self.get_status(), self.trace.method
        is_stream = self.is_slow_by_nature and group_of(self.route) != CHAT
        count_request(self.route, method, None if self.is_gone else status, seconds, is_stream=is_stream)
        if self.is_kept:
            REQUESTS.end(self.trace, None if self.is_gone else status, self.began_mono_s + seconds)
        slow = seconds >= self.site.times.slow_request_s and not self.is_slow_by_nature
        is_warning = slow or status >= _SERVER_ERROR
        if not (is_warning or self.is_logged):
            return
        fields = {"status": CLOSED if self.is_gone else status, "ms": round(seconds * 1e3, 1)}
        if slow:
            fields |= self.trace.slow_fields()
        with bound_context(LogContext(self.request_id)):
            write = _log.warning if is_warning else _log.info
            write("slow request" if slow else "request", route=self.route, method=method, **fields)


class NotFound(BaseHandler):
    """Answers 404 at every unknown address."""

    access = Access.ANYBODY

    def find_token(self) -> None:
        """Find none: the answer is the same for everybody."""

    def prepare(self) -> None:
        """Refuse every method."""
        super().prepare()
        raise HTTPError(404)
