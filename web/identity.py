"""Identities: which person a request's token belongs to; where tokens stand in requests, and the cookie that holds one.

A token that was looked up is remembered for 5 s. So a revocation on another node is noticed within 5 s; on this node it
is noticed at once. With a SQLite file there is no other node, and a token is remembered for a minute.
Not here: making tokens (omi_actors/domain/people/accounts.py), the operator's token and cookie (handlers/guarded.py).
Threads: the event loop.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from urllib.parse import unquote_plus

from tornado.httputil import HTTPHeaders, HTTPServerRequest

from omi_actors.clock import Clock
from omi_actors.domain.people.accounts import SignedIn
from omi_actors.store.people.accounts import find_signed_in
from omi_actors.system import System
from web.edge.browsers import is_same_origin
from web.requests import header

# A person's cookie. Over https the name has a prefix that only this host, over https, can set.
COOKIE = "sid"
SECURE_COOKIE = "__Host-sid"
_SCHEMES = ("bearer", "sid")
# Seconds for which a looked-up token is remembered: with other nodes, which may revoke it, and without.
REMEMBERED_S = 5.0
REMEMBERED_ALONE_S = 60.0
# About 20 MB; more persons than one node serves at a time.
_MAX_KEPT = 50_000


def token_in_header(headers: HTTPHeaders) -> str | None:
    """Return the token of an `Authorization` header with the scheme Bearer or Sid; None if there is none."""
    scheme, _, token = (header(headers, "Authorization") or "").partition(" ")
    return token.strip() if scheme.lower() in _SCHEMES else None


def choose_cookie(headers: HTTPHeaders, secure: str | None, plain: str | None, *, is_https: bool) -> str | None:
    """Return the token of the cookies `__Host-sid` and `sid`; None if neither counts.

    Another host below the same domain can set `sid`. So over https it counts only for scripts, which send neither
    `Origin` nor `Sec-Fetch-Site`.
    """
    if secure:
        return secure
    is_browser = any(name in headers for name in ("Origin", "Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-Fetch-Dest"))
    return None if is_https and is_browser else plain


def is_foreign(headers: HTTPHeaders, is_listed: Callable[[str], bool]) -> bool:
    """Return True if a request comes from a page that is neither ours nor `is_listed`. Scripts are not foreign."""
    origin = header(headers, "Origin")
    return not is_same_origin(headers) and (origin is None or not is_listed(origin))


def cut_sid(request: HTTPServerRequest) -> str | None:
    """Remove the parameter `sid` from a request's address, and return its value; None if there is none.

    The original's app sends its token there, for its event stream. Nothing else may see it: no log, no error, no page.
    """
    if "sid=" not in (request.query or ""):
        return None
    parts = request.query.split("&")
    request.query = "&".join(part for part in parts if unquote_plus(part.partition("=")[0]) != COOKIE)
    request.uri = request.path + (f"?{request.query}" if request.query else "")
    given = request.query_arguments.pop(COOKIE, [])
    request.arguments = {**request.body_arguments, **request.query_arguments}
    return given[0].decode(errors="replace") if given else None


class Identities:
    """Finds the person of a token, and remembers it for some seconds.

    person = await site.identities.find(digest_of(token))   # None: no such token; see `person.expires_at`, too
    site.identities.forget((person.digest,))     # after its revocation is stored
    """

    def __init__(self, system: System, clock: Clock, *, remembered_s: float = REMEMBERED_S) -> None:
        self._remembered_s = remembered_s
        self._system = system
        self._clock = clock
        # Oldest first, with the monotonic second until which each is remembered.
        self._kept: dict[str, tuple[SignedIn, float]] = {}
        # Counts revocations: a look-up that began before one must not be remembered after it.
        self._revocations = 0
        self._watchers: dict[str, set[asyncio.Event]] = {}

    def recall(self, digest: str) -> SignedIn | None:
        """Return the person of a token (its digest) that is remembered, else None."""
        person, until_mono_s = self._kept.get(digest, (None, 0.0))
        return person if until_mono_s > self._clock.mono_s() else None

    def has_met(self, digest: str) -> bool:
        """Return True if a token was found here before, though it may be looked up again."""
        return digest in self._kept

    async def find(self, digest: str) -> SignedIn | None:
        """Return the person of a token; look it up unless it is remembered.

        Raises:
            ExpectedError: the store does not answer.
        """
        person = self.recall(digest)
        while person is None:
            revocations, began_mono_s = self._revocations, self._clock.mono_s()
            person = await self._system.store.read_apart(find_signed_in, digest)
            if person is None:
                self._kept.pop(digest, None)
                return None
            if revocations == self._revocations:
                self._keep(person, began_mono_s + self._remembered_s)
            else:
                person = None  # it may be the revoked one
        return person

    def forget(self, digests: Iterable[str]) -> None:
        """Forget tokens, and wake all that watch them. Call it when their revocation is stored."""
        self._revocations += 1
        for digest in digests:
            self._kept.pop(digest, None)
            for watcher in self._watchers.get(digest, ()):
                watcher.set()

    async def wait_until_ended(self, person: SignedIn) -> None:
        """Return when the person's token is expired or revoked: at once, but within 5 s if another node revokes it."""
        revoked = asyncio.Event()
        watchers = self._watchers.setdefault(person.digest, set())
        watchers.add(revoked)
        try:
            while not revoked.is_set():
                found = await self.find(person.digest)
                if found is None or found.expires_at <= self._clock.now_s():
                    return
                known_s = self._kept[person.digest][1] - self._clock.mono_s()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(min(known_s, found.expires_at - self._clock.now_s())):
                        await revoked.wait()
        finally:
            watchers.discard(revoked)
            if not watchers:
                self._watchers.pop(person.digest, None)

    def _keep(self, person: SignedIn, until_mono_s: float) -> None:
        self._kept.pop(person.digest, None)
        while len(self._kept) >= _MAX_KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[person.digest] = person, until_mono_s
