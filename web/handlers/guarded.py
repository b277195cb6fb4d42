"""Checks before every handler, in their order: the caller, the rate limit, the page's origin, access; and the deadline.

Not here: the caller (caller.py), errors and logging (base.py), the rules themselves (web/edge/).
Threads: the event loop.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Mapping
from types import MappingProxyType
from typing import ClassVar

from tornado.web import OutputTransform, RequestHandler

from omi_actors.domain.people.accounts import SignedIn, digest_of
from omi_actors.errors import RateLimitedError
from omi_actors.kit.errors import ExpectedError
from web.declare import Declared
from web.edge.browsers import API_POLICY, browser_headers, check_origin
from web.handlers.caller import Access, CallerHandler

_METHODS = frozenset(RequestHandler.SUPPORTED_METHODS)
_CLIENT_ERROR = 400
# Look-ups of unknown tokens count under this name.
_UNKNOWN_TOKEN = "unknown token"  # noqa: S105 (a name)


def limit_key(person: SignedIn) -> str:
    """Return the sender of a person's requests for limits: the account, since several live behind one address."""
    return f"account:{person.account_id}"


class GuardedHandler(CallerHandler):
    """One request with its checks; subclasses state who may come in, and the limits of their address."""

    # Other methods of the address, which a faster path than this class handles, with their declarations.
    more_methods: ClassVar[Mapping[str, Declared]] = MappingProxyType({})
    # Routes of one kind share RATE_LIMIT_MAX_REQUESTS; None is not limited.
    limit_kind: ClassVar[str | None] = "api"
    # True if the address must answer while the store does not; a token then opens nothing.
    answers_without_store: ClassVar[bool] = False
    # True if the handler has its own deadline instead of REQUEST_TIMEOUT.
    has_own_deadline: ClassVar[bool] = False
    # True if a reply takes some milliseconds. In each iteration of the loop only one such request runs.
    is_paced: ClassVar[bool] = False
    content_policy: ClassVar[str] = API_POLICY

    _deadline: asyncio.Timeout | None = None
    # The sender's rate limit. Kept, since Tornado clears the headers before it writes an error.
    _limit_headers: Mapping[str, str] = MappingProxyType({})

    @property
    def is_late(self) -> bool:
        """Return True if REQUEST_TIMEOUT has passed."""
        return self._deadline is not None and self._deadline.expired()

    def prepare(self) -> Awaitable[None] | None:
        """Find the person, then make the checks. Tornado waits for the result, if there is one.

        Raises:
            RateLimitedError: the sender's limit is used up.
            ForbiddenError: the request changes something, and its page may not use this server.
            SignatureMismatchError, NotPermittedError, FeatureOffError: the caller may not come in.
        """
        token = self.find_token()
        if token is not None and self.site.identities is not None:
            digest = digest_of(token)
            known = self.site.identities.recall(digest)
            if known is None:
                return self._look_up(digest)
            self.recognise(known)
        return self._begin()

    async def _look_up(self, digest: str) -> None:
        """Look the token up in the store. An address with too many unknown tokens must wait to try others.

        The tokens that were found before need not wait: several persons live behind one address.
        """
        limit, sender = self.site.request_limit, self.client.limit_key
        assert self.site.identities is not None  # noqa: S101 (prepare checks it)
        try:
            if limit is not None and not self.site.identities.has_met(digest):
                limit.check(_UNKNOWN_TOKEN, sender)
            found = await self.site.identities.find(digest)
        except ExpectedError:
            if not self.answers_without_store:
                raise
            found = None
        if found is not None:
            self.recognise(found)
        elif limit is not None:
            limit.count(_UNKNOWN_TOKEN, sender)
        waiting = self._begin()
        if waiting is not None:
            await waiting

    def _begin(self) -> Awaitable[None] | None:
        """Count the request, check its page, and let the caller in or not."""
        # A preflight request costs little, and a page whose preflight is refused sees no reason.
        if self.limit_kind is not None and self.request.method != "OPTIONS":
            self.count_for_limit(self.limit_kind)
        if self.access is not Access.OMI:  # which no cookie lets in
            check_origin(self.request.method, self.request.headers, self.site.cors.allows)
        if self._has_method:
            self.admit()
        return self.site.snapshot_pacer.wait() if self.is_paced else None

    def count_for_limit(self, kind: str) -> None:
        """Count the request among its sender's of this kind.

        Raises:
            RateLimitedError: the sender's limit is used up.
        """
        limit = self.site.request_limit
        if limit is None or self.is_operator:
            return
        standing = limit.begin(kind, self._limit_key)
        self._limit_headers = standing.headers()
        for name, value in self._limit_headers.items():
            self.set_header(name, value)
        if standing.is_over:
            raise RateLimitedError("Too many requests.", retry_after_s=standing.reset_s)

    @property
    def _limit_key(self) -> str:
        """Return the sender for limits: the person's account, else the address."""
        return self.client.limit_key if self.person is None else limit_key(self.person)

    @property
    def _has_method(self) -> bool:
        """Return True unless Tornado will refuse the request's method, or answer a preflight request."""
        name = (self.request.method or "").lower()
        return name != "options" and getattr(type(self), name) is not getattr(GuardedHandler, name)

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
