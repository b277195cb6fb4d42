"""Checks before every handler: who may come in, the page's origin, the rate limit; and the deadline.

Not here: errors and logging (base.py), the rules themselves (web/auth.py, web/identity.py, web/edge/).
Threads: the event loop.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Mapping
from enum import Enum
from functools import cached_property
from types import MappingProxyType
from typing import ClassVar

from tornado.http1connection import HTTP1Connection
from tornado.web import OutputTransform, RequestHandler

from omi_actors.domain.people.accounts import Role, SignedIn, is_token
from omi_actors.errors import (
    FeatureOffError,
    NotPermittedError,
    RateLimitedError,
    SignatureMismatchError,
)
from omi_actors.kit.errors import ExpectedError
from web.auth import OPERATOR, Owner, bearer_token, is_same
from web.edge.addresses import Client, find_client
from web.edge.browsers import API_POLICY, SAFE_METHODS, browser_headers, check_origin, is_same_origin
from web.identity import COOKIE, SECURE_COOKIE, choose_cookie, is_foreign, token_in_header
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


# Look-ups of unknown tokens count under this name.
_UNKNOWN_TOKEN = "unknown token"  # noqa: S105 (a name)


class Access(Enum):
    """Who may use an address. Every handler states one; a test holds all of them against every kind of caller."""

    ANYBODY = "anybody"
    PERSON = "a signed-in person, as the owner of what is read or changed"
    # An observer may only read.
    OPERATOR = "the operator and admins; observers may read"
    # Checked by the handlers, since a part of these callers has no account.
    SCRAPER = "METRICS_TOKEN, and as OPERATOR"
    CHATTER = "the operator, and anonymous owners where they are allowed"
    OMI = "Omi, by signature or token"


class GuardedHandler(RequestHandler):
    """One request with its checks; subclasses state who may come in, and the limits of their address."""

    access: ClassVar[Access]
    # Other methods of the address, which a faster path than this class handles.
    more_methods: ClassVar[tuple[str, ...]] = ()
    # Routes of one kind share RATE_LIMIT_MAX_REQUESTS; None is not limited.
    limit_kind: ClassVar[str | None] = "api"
    # True if the address must answer while the store does not; a token then opens nothing.
    answers_without_store: ClassVar[bool] = False
    # True if the handler has its own deadline instead of REQUEST_TIMEOUT.
    has_own_deadline: ClassVar[bool] = False
    # True if a reply takes some milliseconds. In each iteration of the loop only one such request runs.
    is_paced: ClassVar[bool] = False
    content_policy: ClassVar[str] = API_POLICY

    # The signed-in person, or None; set before the handler runs.
    person: SignedIn | None = None
    # The sentence for a request whose token opens nothing.
    _refusal = "No session token provided"
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
        """Return True for ADMIN_TOKEN, for the operator's cookie sent by our own page, and for an admin's token."""
        if is_same(bearer_token(self.request.headers.get("Authorization")), self.site.admin_token):
            return True
        if self.person is not None and self.person.role is Role.ADMIN:
            return True
        token = self.get_cookie(SECURE_OPERATOR_COOKIE) or self.get_cookie(OPERATOR_COOKIE)
        return token is not None and is_same_origin(self.request.headers) and self.site.operators.is_open(token)

    @property
    def may_observe(self) -> bool:
        """Return True if the caller may read what the operator reads."""
        return self.is_operator or (self.person is not None and self.person.role is Role.OBSERVER)

    @property
    def is_late(self) -> bool:
        """Return True if REQUEST_TIMEOUT has passed."""
        return self._deadline is not None and self._deadline.expired()

    def require_operator(self) -> None:
        """Refuse the request unless it is the operator's, or an observer's that changes nothing.

        Raises:
            SignatureMismatchError: the caller is neither. NotPermittedError: an observer must not change this.
        """
        if not self.may_observe:
            raise SignatureMismatchError(
                "This is for the operator. Programs send ADMIN_TOKEN; browsers sign in by the link printed at start."
            )
        if not self.is_operator and self.request.method not in SAFE_METHODS:
            raise NotPermittedError("An observer may only read.")

    def require_person(self) -> SignedIn:
        """Return the signed-in person.

        Raises:
            FeatureOffError: there are no accounts here. SignatureMismatchError: the request has no valid token.
        """
        if self.site.identities is None:
            raise FeatureOffError("ENABLE_USER_SYSTEM is off")
        if self.person is None:
            raise SignatureMismatchError(
                self._refusal, hint="Sign in by POST /auth/login, and send its token as `Authorization: Bearer …`."
            )
        return self.person

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

    def set_secret_cookie(self, name: str, value: str, max_age_s: int, *, samesite: str = "Strict") -> None:
        """Set a cookie that scripts cannot read, and that other sites cannot use."""
        is_https = self.client.is_https
        self.set_cookie(name, value, max_age=max_age_s, path="/", httponly=True, samesite=samesite, secure=is_https)

    def prepare(self) -> Awaitable[None] | None:
        """Find the person, then make the checks. Tornado waits for the result, if there is one.

        Raises:
            RateLimitedError: the sender's limit is used up.
            ForbiddenError: the request changes something, and its page may not use this server.
            SignatureMismatchError, NotPermittedError, FeatureOffError: the caller may not come in.
        """
        token = self.find_token()
        if token is not None and self.site.identities is not None:
            known = self.site.identities.recall(token)
            if known is None:
                return self._look_up(token)
            self._recognise(known)
        return self._begin()

    def find_token(self) -> str | None:
        """Return the token of a person that the request carries: in its `Authorization` header, else in its cookie."""
        headers, method = self.request.headers, self.request.method
        if method == "OPTIONS":
            return None
        token = token_in_header(headers)
        if token is None and not is_foreign(headers, self.site.cors.allows):
            secure, plain = self.get_cookie(SECURE_COOKIE), self.get_cookie(COOKIE)
            token = choose_cookie(headers, secure, plain, is_https=self.client.is_https)
        if token is not None:
            self._refusal = "Invalid session"
        return token if token is not None and is_token(token) else None

    async def _look_up(self, token: str) -> None:
        """Look the token up in the store. An address with too many unknown tokens must wait."""
        limit, sender = self.site.request_limit, self.client.limit_key
        if limit is not None:
            limit.check(_UNKNOWN_TOKEN, sender)
        assert self.site.identities is not None  # noqa: S101 (prepare checks it)
        try:
            found = await self.site.identities.find(token)
        except ExpectedError:
            if not self.answers_without_store:
                raise
            found = None
        if found is not None:
            self._recognise(found)
        elif limit is not None:
            limit.count(_UNKNOWN_TOKEN, sender)
        waiting = self._begin()
        if waiting is not None:
            await waiting

    def _recognise(self, person: SignedIn) -> None:
        if person.expires_at > self.site.clock.now_s():
            self.person = person
        else:
            self._refusal = "Session expired"

    def _begin(self) -> Awaitable[None] | None:
        """Count the request, check its page, and let the caller in or not."""
        limit = self.site.request_limit
        if limit is not None and self.limit_kind is not None and not self.is_operator:
            standing = limit.begin(self.limit_kind, self._limit_key)
            self._limit_headers = standing.headers()
            for name, value in self._limit_headers.items():
                self.set_header(name, value)
            if standing.is_over:
                raise RateLimitedError("Too many requests.", retry_after_s=standing.reset_s)
        check_origin(self.request.method, self.request.headers, self.site.cors.allows)
        if self._has_method:
            self.admit()
        return self.site.snapshot_pacer.wait() if self.is_paced else None

    @property
    def _limit_key(self) -> str:
        """Return the sender for limits: an account, since several live behind one address; else the address."""
        return self.client.limit_key if self.person is None else f"account:{self.person.account_id}"

    @property
    def _has_method(self) -> bool:
        """Return True unless Tornado will refuse the request's method, or answer a preflight request."""
        name = (self.request.method or "").lower()
        return name != "options" and getattr(type(self), name) is not getattr(GuardedHandler, name)

    def admit(self) -> None:
        """Let the caller in, by the `access` of the address.

        Raises:
            SignatureMismatchError, NotPermittedError, FeatureOffError: the caller may not come in.
        """
        if self.access is Access.PERSON:
            self.require_person()
        elif self.access is Access.OPERATOR:
            self.require_operator()

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
            limit.failed(self.limit_kind, self._limit_key)

    async def _execute(self, transforms: list[OutputTransform], *args: bytes, **kwargs: bytes) -> None:
        """Run the request. After REQUEST_TIMEOUT its work is cancelled, and it is answered with an error."""
        self._deadline = asyncio.timeout(None if self.has_own_deadline else self.site.times.request_s)
        with contextlib.suppress(TimeoutError):
            async with self._deadline:
                await super()._execute(transforms, *args, **kwargs)
