"""The base of all handlers beside the webhook: who asks, how often, how long; one way to fail; one line, one count.

Not here: what a failure is answered (problems.py). Threads: the event loop.
"""

import asyncio
import contextlib
from asyncio import Future
from collections.abc import Mapping
from functools import cached_property
from types import MappingProxyType, TracebackType
from typing import Any, ClassVar

import msgspec
from tornado.http1connection import HTTP1Connection
from tornado.web import HTTPError, OutputTransform, RequestHandler

from omi_actors.errors import (
    AskTimeoutError,
    BadRequestError,
    NotFoundError,
    OmiError,
    RateLimitedError,
    SignatureMismatchError,
)
from omi_actors.instruments.logs import LogContext, bound_context, get_logger
from web.auth import bearer_token, is_same
from web.counting import count_request
from web.door.browser_headers import API_POLICY, browser_headers
from web.door.clients import Client, find_client
from web.door.cors import is_same_origin
from web.problems import API, INTERNAL, Problem, api_problem, problem_json
from web.requests import request_id_of
from web.site import Site

_log = get_logger("web.requests")
_METHODS = frozenset(RequestHandler.SUPPORTED_METHODS)
_METHOD_NOT_ALLOWED = 405
_CLIENT_ERROR = 400
_SERVER_ERROR = 500
# The operator's session in a browser. By https under a name that only this host, by https, can have set.
COOKIE = "omi_operator"
SECURE_COOKIE = "__Host-omi_operator"

# Failures that Tornado itself finds, before any code of ours runs.
_OF_STATUS = {
    400: API[BadRequestError],
    404: API[NotFoundError],
    _METHOD_NOT_ALLOWED: Problem(
        405, "method_not_allowed", "This address does not take that method.", "The Allow header lists them."
    ),
}


class BaseHandler(RequestHandler):
    """One request. `route` labels metrics: the template of the address, never the address."""

    route: ClassVar[str] = "other"
    # Methods that the address takes although this class does not, because something faster does.
    more_methods: ClassVar[tuple[str, ...]] = ()
    # What is counted together against RATE_LIMIT_MAX_REQUESTS; None for what is not limited.
    limit_kind: ClassVar[str | None] = "api"
    # Whether it keeps its own time, as a stream does that goes on while there is something to say.
    has_own_deadline: ClassVar[bool] = False
    content_policy: ClassVar[str] = API_POLICY

    request_id = ""
    _deadline: asyncio.Timeout | None = None
    # Where the sender stands; an error's answer says so, too.
    _limit_headers: Mapping[str, str] = MappingProxyType({})

    @property
    def site(self) -> Site:
        """What all handlers share."""
        site = self.settings["site"]
        assert isinstance(site, Site)  # noqa: S101 (app.py puts it there)
        return site

    def set_default_headers(self) -> None:
        """Name the request, and nothing about the software."""
        self.request_id = self.request_id or request_id_of(self.request.headers)
        self.clear_header("Server")
        self.set_header("X-Request-Id", self.request_id)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "no-store")
        for name, value in self._further_headers().items():
            self.set_header(name, value)
        if self.site.traffic.is_draining:
            self.set_header("Connection", "close")

    def initialize(self) -> None:
        """Count the request as under way. `prepare` would be too late: it is not called for an unknown method."""
        self.began_mono_s = self.site.clock.mono_s()
        self.site.traffic.begin()

    def prepare(self) -> None:
        """Count the request against its sender's number.

        Raises:
            RateLimitedError: it is one too many.
        """
        limit = self.site.request_limit
        if limit is None or self.limit_kind is None or self.is_operator:
            return
        standing = limit.begin(self.limit_kind, self.client.limit_key)
        self._limit_headers = standing.headers()
        for name, value in self._limit_headers.items():
            self.set_header(name, value)
        if standing.is_over:
            raise RateLimitedError("Too many requests.", retry_after_s=standing.reset_s)

    def options(self, *_: str) -> None:
        """Answer a browser that asks, for a page of another site, what it may send."""
        methods = ", ".join(self._allowed_methods())
        self.set_header("Allow", methods)
        for name, value in self.site.cors.preflight_headers(self.request.headers.get("Origin"), methods).items():
            self.set_header(name, value)
        self.set_status(204)

    async def _execute(self, transforms: list[OutputTransform], *args: bytes, **kwargs: bytes) -> None:
        """Run the request, for REQUEST_TIMEOUT at most; then its work is cancelled, and it gets an error."""
        self._deadline = asyncio.timeout(None if self.has_own_deadline else self.site.request_timeout_s)
        with contextlib.suppress(TimeoutError):
            async with self._deadline:
                await super()._execute(transforms, *args, **kwargs)

    def finish(self, chunk: str | bytes | dict[str, Any] | None = None) -> Future[None]:
        """Send the answer; while draining, end its connection as the header says (Tornado only says it)."""
        sent = super().finish(chunk)
        if self.site.traffic.is_draining:
            connection = self.connection
            sent.add_done_callback(lambda _: connection.close())
        return sent

    def compute_etag(self) -> str | None:
        """No answer of ours is worth a hash of it."""
        return None

    @property
    def connection(self) -> HTTP1Connection:
        """The connection on which the request came."""
        connection = self.request.connection
        assert isinstance(connection, HTTP1Connection)  # noqa: S101 (Tornado's server has no other)
        return connection

    @cached_property
    def client(self) -> Client:
        """Who sent the request, behind proxies that are trusted."""
        peer = getattr(self.connection.context, "remote_ip", "")
        return find_client(peer, self.request.headers, self.site.trusted_proxies)

    @cached_property
    def is_operator(self) -> bool:
        """Whether it carries ADMIN_TOKEN; or the operator's cookie, and comes from a page of ours."""
        if is_same(bearer_token(self.request.headers.get("Authorization")), self.site.admin_token):
            return True
        token = self.get_cookie(SECURE_COOKIE) or self.get_cookie(COOKIE)
        return token is not None and is_same_origin(self.request.headers) and self.site.operators.is_open(token)

    def require_operator(self) -> None:
        """Let only the operator pass.

        Raises:
            SignatureMismatchError: this is somebody else.
        """
        if not self.is_operator:
            raise SignatureMismatchError(
                "This needs the operator: `Authorization: Bearer` with ADMIN_TOKEN, or a browser signed in by the link "
                "that the server prints at its start."
            )

    def send_json(self, value: Any, status: int = 200) -> None:
        """Answer with a JSON value."""
        self.set_status(status)
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.finish(msgspec.json.encode(value))

    def send_page(self, html: str) -> None:
        """Answer with a page."""
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish(html)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer every failure, Tornado's and ours, in the one form."""
        error = (kwargs.get("exc_info") or (None, None, None))[1]
        if error is None and self._deadline is not None and self._deadline.expired():
            problem = API[AskTimeoutError]
        elif isinstance(error, HTTPError) or error is None:
            problem = _OF_STATUS.get(status_code, INTERNAL)
        else:
            problem = api_problem(error)
        self.set_status(problem.status)
        if problem.retry_after_s is not None:
            self.set_header("Retry-After", str(max(1, round(problem.retry_after_s))))
        if isinstance(error, SignatureMismatchError):
            self.set_header("WWW-Authenticate", "Bearer")
        if problem.status == _METHOD_NOT_ALLOWED:
            self.set_header("Allow", ", ".join(self._allowed_methods()))
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.finish(problem_json(problem, request_id=self.request_id, now_s=self.site.clock.now_s()))

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Log what nobody expected, with its traceback; the rest is in the request's own line."""
        if isinstance(value, OmiError | HTTPError):
            return
        with bound_context(LogContext(self.request_id)):
            _log.error("request failed", route=self.route, error=type(value).__name__, exc_info=value)
        del typ, tb  # both are the value's own

    def on_finish(self) -> None:
        """Count the request, write its line."""
        self.site.traffic.end()
        seconds = self.site.clock.mono_s() - self.began_mono_s
        status, method = self.get_status(), self.request.method or ""
        if status >= _CLIENT_ERROR and self.site.request_limit is not None and self.limit_kind and not self.is_operator:
            self.site.request_limit.failed(self.limit_kind, self.client.limit_key)
        count_request(self.route, method if method in _METHODS else "other", status, seconds)
        with bound_context(LogContext(self.request_id)):
            slow = seconds >= self.site.slow_request_s
            level = _log.warning if slow or status >= _SERVER_ERROR else _log.info
            level(
                "slow request" if slow else "request",
                route=self.route,
                method=method,
                status=status,
                ms=round(seconds * 1e3, 1),
            )

    def _further_headers(self) -> dict[str, str]:
        headers = self.site.cors.headers(self.request.headers.get("Origin"))
        headers |= self._limit_headers
        if self.site.tells_browsers:
            headers |= browser_headers(self.content_policy, is_https=self.client.is_https)
        return headers

    def _allowed_methods(self) -> list[str]:
        own = (name for name in _METHODS if getattr(type(self), name.lower()) is not getattr(BaseHandler, name.lower()))
        return sorted({*own, *self.more_methods})


class NotFound(BaseHandler):
    """Every address that is not one of ours."""

    def prepare(self) -> None:
        """Refuse, whatever the method."""
        super().prepare()
        raise HTTPError(404)
