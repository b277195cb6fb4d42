"""Checks before every handler: the operator, the owner of a chat, the page's origin, the rate limit; and the deadline.

Not here: errors and logging (base.py), the rules themselves (web/auth.py, web/edge/). Threads: the event loop.
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
from web.auth import OPERATOR, Owner, bearer_token, is_same
from web.edge.addresses import Client, find_client
from web.edge.browsers import API_POLICY, browser_headers, check_origin, is_same_origin
from web.requests import header
from web.site import Site

# The operator's session in a browser. Over https the name has a prefix that only this host, over https, can set.
OPERATOR_COOKIE = "omi_operator"
SECURE_OPERATOR_COOKIE = "__Host-omi_operator"
_METHODS = frozenset(RequestHandler.SUPPORTED_METHODS)
# An anonymous chatter's secret; clients without cookies send it as a header, after one reply has issued it.
CHAT_COOKIE = "omi_chat"
CHAT_SECRET_HEADER = "X-Chat-Secret"  # noqa: S105 (a name)
# Seconds: the longest time that browsers keep a cookie.
_CHAT_COOKIE_AGE_S = 365 * 86_400
_CLIENT_ERROR = 400


class GuardedHandler(RequestHandler):
    """One request with its checks; subclasses set the limits of their address as class variables."""

    # Other methods of the address, which a faster path than this class handles.
    more_methods: ClassVar[tuple[str, ...]] = ()
    # Routes of one kind share RATE_LIMIT_MAX_REQUESTS; None is not limited.
    limit_kind: ClassVar[str | None] = "api"
    # True if the handler has its own deadline instead of REQUEST_TIMEOUT.
    has_own_deadline: ClassVar[bool] = False
    # True if a reply takes some milliseconds. In each iteration of the loop only one such request runs.
    is_paced: ClassVar[bool] = False
    content_policy: ClassVar[str] = API_POLICY

    _deadline: asyncio.Timeout | None = None
    # The sender's rate limit. Kept, since Tornado clears the headers before it writes an error.
    _limit_headers: Mapping[str, str] = MappingProxyType({})

    @property
    def site(self) -> Site:
        """The state that all handlers share."""
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
        """The sender of the request. If a trusted proxy sent the request, the proxy's headers name the sender."""
        peer = getattr(self.connection.context, "remote_ip", "")
        return find_client(peer, self.request.headers, self.site.trusted_proxies)

    @cached_property
    def is_operator(self) -> bool:
        """Return True if the request has ADMIN_TOKEN, or has the operator's cookie and comes from our own page."""
        if is_same(bearer_token(self.request.headers.get("Authorization")), self.site.admin_token):
            return True
        token = self.get_cookie(SECURE_OPERATOR_COOKIE) or self.get_cookie(OPERATOR_COOKIE)
        return token is not None and is_same_origin(self.request.headers) and self.site.operators.is_open(token)

    @property
    def is_late(self) -> bool:
        """Return True if REQUEST_TIMEOUT has passed."""
        return self._deadline is not None and self._deadline.expired()

    def require_operator(self) -> None:
        """Refuse the request unless it is the operator's.

        Raises:
            SignatureMismatchError: the request is not the operator's.
        """
        if not self.is_operator:
            raise SignatureMismatchError(
                "This is for the operator. Programs send ADMIN_TOKEN; browsers sign in by the link printed at start."
            )

    def find_owner(self) -> Owner:
        """Return the owner of the sessions in this request; the reply to a new anonymous POST issues a secret.

        Raises:
            SignatureMismatchError: a token is wrong, or a needed token is missing.
        """
        if self.is_operator:
            return OPERATOR
        headers = self.request.headers
        secret = header(headers, CHAT_SECRET_HEADER) or self.get_cookie(CHAT_COOKIE)
        owner = self.site.chat_guard.find_owner(bearer_token(header(headers, "Authorization")), secret)
        if owner.new_secret and self.request.method == "POST":
            self.set_header(CHAT_SECRET_HEADER, owner.new_secret)
            self.set_secret_cookie(CHAT_COOKIE, owner.new_secret, _CHAT_COOKIE_AGE_S)
        return owner

    def set_secret_cookie(self, name: str, value: str, max_age_s: int) -> None:
        """Set a cookie that neither scripts nor other sites can use."""
        is_https = self.client.is_https
        self.set_cookie(name, value, max_age=max_age_s, path="/", httponly=True, samesite="Strict", secure=is_https)

    def prepare(self) -> Awaitable[None] | None:
        """Count the request against its sender's limit, and refuse changes sent by a page of another site.

        Returns an awaitable that Tornado waits for before it calls the handler, or None.

        Raises:
            RateLimitedError: the sender's limit is used up.
            ForbiddenError: the request changes something, and its page may not use this server.
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
        return self.site.snapshot_pacer.wait() if self.is_paced else None

    def options(self, *_: str) -> None:
        """Answer a browser's preflight request for a page of another site."""
        methods = ", ".join(self.allowed_methods())
        self.set_header("Allow", methods)
        for name, value in self.site.cors.preflight_headers(self.request.headers.get("Origin"), methods).items():
            self.set_header(name, value)
        self.set_status(204)

    @classmethod
    def allowed_methods(cls) -> list[str]:
        """Return the methods of the address in alphabetical order, without OPTIONS, which every address takes."""
        own = (name for name in _METHODS if getattr(cls, name.lower()) is not getattr(GuardedHandler, name.lower()))
        return sorted({*own, *cls.more_methods})

    def edge_headers(self) -> dict[str, str]:
        """Return the CORS, rate limit and security headers of every answer."""
        headers = self.site.cors.headers(self.request.headers.get("Origin"))
        headers |= self._limit_headers
        if self.site.sends_security_headers:
            headers |= browser_headers(self.content_policy, is_https=self.client.is_https)
        return headers

    def on_finish(self) -> None:
        """Count a failed request, if only failed requests count."""
        limit = self.site.request_limit
        if self.get_status() >= _CLIENT_ERROR and limit is not None and self.limit_kind and not self.is_operator:
            limit.failed(self.limit_kind, self.client.limit_key)

    async def _execute(self, transforms: list[OutputTransform], *args: bytes, **kwargs: bytes) -> None:
        """Run the request. After REQUEST_TIMEOUT its work is cancelled, and it is answered with an error."""
        self._deadline = asyncio.timeout(None if self.has_own_deadline else self.site.times.request_s)
        with contextlib.suppress(TimeoutError):
            async with self._deadline:
                await super()._execute(transforms, *args, **kwargs)
