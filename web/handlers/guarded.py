"""What every handler checks before it does anything: who asks, from which page, how often; and how long it may take.

Not here: errors and logging (base.py), the checks themselves (web/door/, web/edge/browsers.py). Threads: the event
loop.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import ClassVar

from tornado.http1connection import HTTP1Connection
from tornado.web import OutputTransform, RequestHandler

from omi_actors.errors import RateLimitedError, SignatureMismatchError
from web.auth import bearer_token, is_same
from web.edge.browsers import API_POLICY, browser_headers, check_origin, is_same_origin
from web.edge.clients import Client, find_client
from web.site import Site

# The operator's session in a browser. By https under a name that only this host, by https, can have set.
COOKIE = "omi_operator"
SECURE_COOKIE = "__Host-omi_operator"
_METHODS = frozenset(RequestHandler.SUPPORTED_METHODS)
_CLIENT_ERROR = 400


class GuardedHandler(RequestHandler):
    """One request, not yet let in."""

    # Methods that the address takes although this class does not, because something faster does.
    more_methods: ClassVar[tuple[str, ...]] = ()
    # What is counted together against RATE_LIMIT_MAX_REQUESTS; None for what is not limited.
    limit_kind: ClassVar[str | None] = "api"
    # Whether it keeps its own time, instead of REQUEST_TIMEOUT.
    has_own_deadline: ClassVar[bool] = False
    # Whether it takes some milliseconds to answer; of several at once, one does in each turn of the loop.
    takes_turns: ClassVar[bool] = False
    content_policy: ClassVar[str] = API_POLICY

    _deadline: asyncio.Timeout | None = None
    # Where the sender stands; an error's answer says so, too.
    _limit_headers: Mapping[str, str] = MappingProxyType({})

    @property
    def site(self) -> Site:
        """What all handlers share."""
        site = self.settings["site"]
        assert isinstance(site, Site)  # noqa: S101 (app.py puts it there)
        return site

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

    @property
    def is_late(self) -> bool:
        """Whether REQUEST_TIMEOUT is over."""
        return self._deadline is not None and self._deadline.expired()

    def require_operator(self) -> None:
        """Let only the operator pass.

        Raises:
            SignatureMismatchError: this is somebody else.
        """
        if not self.is_operator:
            raise SignatureMismatchError(
                "This is for the operator. Programs send ADMIN_TOKEN; browsers sign in by the link printed at start."
            )

    def prepare(self) -> Awaitable[None] | None:
        """Count the request against its sender's number, and refuse what a page of another site has a browser send.

        Returns what is to be waited for before the request goes on, None for nothing.

        Raises:
            RateLimitedError: it is one too many.
            ForbiddenError: it changes something, and its page may not use this server.
        """
        limit = self.site.request_limit
        if limit is not None and self.limit_kind is not None and not self.is_operator:
            standing = limit.begin(self.limit_kind, self.client.limit_key)
            self._limit_headers = standing.headers()
            for name, value in self._limit_headers.items():
                self.set_header(name, value)
            if standing.is_over:
                raise RateLimitedError("Too many requests.", retry_after_s=standing.reset_s)
        check_origin(self.request.method, self.request.headers, self.site.cors.allows)
        return self.site.look_turns.wait() if self.takes_turns else None

    def options(self, *_: str) -> None:
        """Answer a browser that asks, for a page of another site, what it may send."""
        methods = ", ".join(self.allowed_methods())
        self.set_header("Allow", methods)
        for name, value in self.site.cors.preflight_headers(self.request.headers.get("Origin"), methods).items():
            self.set_header(name, value)
        self.set_status(204)

    @classmethod
    def allowed_methods(cls) -> list[str]:
        """Return the methods that the address takes, in alphabetical order; without OPTIONS, which all take."""
        own = (name for name in _METHODS if getattr(cls, name.lower()) is not getattr(GuardedHandler, name.lower()))
        return sorted({*own, *cls.more_methods})

    def door_headers(self) -> dict[str, str]:
        """Return what browsers and senders are told with every answer."""
        headers = self.site.cors.headers(self.request.headers.get("Origin"))
        headers |= self._limit_headers
        if self.site.tells_browsers:
            headers |= browser_headers(self.content_policy, is_https=self.client.is_https)
        return headers

    def on_finish(self) -> None:
        """Count a failure, if only failures count."""
        limit = self.site.request_limit
        if self.get_status() >= _CLIENT_ERROR and limit is not None and self.limit_kind and not self.is_operator:
            limit.failed(self.limit_kind, self.client.limit_key)

    async def _execute(self, transforms: list[OutputTransform], *args: bytes, **kwargs: bytes) -> None:
        """Run the request, for REQUEST_TIMEOUT at most; then its work is cancelled, and it gets an error."""
        self._deadline = asyncio.timeout(None if self.has_own_deadline else self.site.times.request_s)
        with contextlib.suppress(TimeoutError):
            async with self._deadline:
                await super()._execute(transforms, *args, **kwargs)
