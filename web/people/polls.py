"""The short way of the three addresses that phones poll, 34 times a minute each: below Tornado's handlers.

It takes the usual request of a person with a known token, and answers 200. Whatever else is to be said, it hands the
request to the address's handler, as if it had come there at once. Both ways send the same (tests/people/test_polls.py).
A phone sends the same head again and again, so a head is parsed once; and a body is made once for what it shows: each
poll reads a stamp of that from the store.
Not here: the statements (omi_actors/store/people/), other addresses (routes.py). Threads: the event loop.
"""

import asyncio
import contextlib
import gzip
import re
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec
from tornado.httputil import HTTPHeaders, HTTPMessageDelegate, RequestStartLine, ResponseStartLine
from tornado.iostream import StreamClosedError
from tornado.web import GZipContentEncoding

from omi_actors.domain.people.accounts import Role, digest_of, is_token
from omi_actors.ids import new_request_id
from omi_actors.instruments.logs import LogContext, bound_context, get_logger
from omi_actors.store.messages import Call
from omi_actors.store.people.conversations import stamp_load
from web.edge.addresses import find_client
from web.edge.browsers import API_POLICY, browser_headers
from web.edge.listener import EdgeConnection
from web.edge.stream import EdgeStream
from web.handlers.caller import OPERATOR_COOKIE
from web.handlers.guarded import limit_key
from web.identity import token_in_header
from web.people.base import POLLED, PolledHandler
from web.people.conversations import MAX_MESSAGES, CurrentHandler, MessagesHandler
from web.people.stamps import Stamps
from web.people.windows import WindowsHandler
from web.recent import Recent
from web.requests import CLOSED, GZIP_LEVEL, count_request, header, reply_bytes, request_id_of, send
from web.site import Site

_MESSAGES_PATH = re.compile(r"/conversations/([^/%?]+)/messages(?:\?limit=([1-9]\d{0,2}))?")
# Headers of browsers, of requests with a body, and of one request only.
_UNUSUAL = ("Origin", "Sec-Fetch-Site", "Content-Length", "Transfer-Encoding", "Expect")
_OF_ONE_REQUEST = "X-Request-Id"
# Bytes for the heads and the bodies of some thousand phones: three of each, about a kilobyte each with its key.
_HEADS_BYTES, _BODIES_BYTES = 16 * 1024 * 1024, 32 * 1024 * 1024
_KEY_BYTES = 600

_OK = 200
_log = get_logger("web.requests")


@dataclass(frozen=True, slots=True)
class Poll:
    """A usual request of a polled address: all that its head says. `limit` counts the rows that its handler reads.

    `lines` are the header lines that all its replies have; `request_id` is the client's.
    """

    handler: type[PolledHandler]
    ids: tuple[str, ...]
    limit: int
    digest: str
    is_packed: bool
    lines: str
    request_id: str | None


@dataclass(frozen=True, slots=True)
class _Body:
    """A reply's body, and the header line of its encoding."""

    line: str
    body: bytes


_POLLS = {one.route: (one, (), one.page) for one in (CurrentHandler, WindowsHandler)}

Otherwise = Callable[[], HTTPMessageDelegate]


class Polls:
    """Answers polls of one server: those whose head is known before Tornado reads it, others after it has."""

    def __init__(self, site: Site) -> None:
        self._site = site
        # By the bytes of a head and its sender's address.
        self._heads: Recent[tuple[bytes, str], Poll] = Recent(_HEADS_BYTES)
        self._stamps = Stamps(site.system)
        # By account, and by all that the body depends on.
        self._bodies: Recent[Hashable, _Body] = Recent(_BODIES_BYTES)

    def recall(self, head: bytes, peer: str) -> Poll | None:
        """Return the poll of a head that this sender has sent before, else None."""
        return None if self._site.traffic.is_draining else self._heads.get((head, peer))

    def find(
        self, connection: EdgeConnection, start_line: RequestStartLine, headers: HTTPHeaders, otherwise: Otherwise
    ) -> "PollRequest | None":
        """Return the short way of a request; None if it must take the usual one, which `otherwise` begins."""
        identities = self._site.identities
        if start_line.method != "GET" or identities is None or self._site.traffic.is_draining:
            return None
        found = _POLLS.get(start_line.path) or _find_messages(start_line.path)
        if found is None or start_line.version != "HTTP/1.1" or _is_unusual(headers):
            return None
        token = token_in_header(headers)
        if token is None or not is_token(token) or not identities.has_met(digest := digest_of(token)):
            return None
        poll = self._parse(found, digest, headers, connection.context.remote_ip)
        if poll.request_id is None:
            key = connection.stream.head, connection.context.remote_ip
            self._heads.put(key, poll, len(key[0]) + _KEY_BYTES)
        return PollRequest(self, connection, poll, otherwise)

    def _parse(
        self, found: tuple[type[PolledHandler], tuple[str, ...], int], digest: str, headers: HTTPHeaders, peer: str
    ) -> Poll:
        site = self._site
        is_https = find_client(peer, headers, site.trusted_proxies).is_https
        vary = [*site.cors.headers(None).values(), *(("Accept-Encoding",) if site.compresses else ())]
        lines = _write_lines(", ".join(vary), is_https if site.sends_security_headers else None)
        is_packed = site.compresses and "gzip" in (header(headers, "Accept-Encoding") or "")
        request_id = request_id_of(headers) if _OF_ONE_REQUEST in headers else None
        return Poll(*found, digest, is_packed, lines, request_id)

    async def answer(self, poll: Poll, stream: EdgeStream) -> bytes | None:
        """Return the reply to a poll; None if its handler must answer.

        Raises:
            StreamClosedError: the client has gone.
        """
        site = self._site
        began_mono_s = site.clock.mono_s()
        site.traffic.begin()
        try:
            found = await self._find(poll)
        except Exception:  # noqa: BLE001 (the handler does it again, and reports it)
            return None
        finally:
            site.traffic.end()
        if found is None:
            return None
        limit_lines, body = found
        is_closed, request_id = stream.closed(), poll.request_id or new_request_id()
        self._count(poll, request_id, None if is_closed else _OK, site.clock.mono_s() - began_mono_s)
        if is_closed:
            raise StreamClosedError
        more = limit_lines + poll.lines + body.line
        return reply_bytes(_OK, body.body, request_id=request_id, now_s=site.clock.now_s(), more=more)

    async def _find(self, poll: Poll) -> tuple[str, _Body] | None:
        """Return the lines of the rate limit and the body."""
        site = self._site
        assert site.identities is not None  # noqa: S101 (`find` checks it)
        person = site.identities.recall(poll.digest) or await site.identities.find(poll.digest)
        if person is None or person.role is not Role.PERSON or person.expires_at <= site.clock.now_s():
            return None
        limit_lines = ""
        if site.request_limit is not None:
            standing = site.request_limit.begin(POLLED, limit_key(person))
            if standing.is_over:
                return None
            limit_lines = "".join(f"{name}: {value}\r\n" for name, value in standing.headers().items())
        body = await self._find_body(poll, person.account_id)
        return None if body is None else (limit_lines, body)

    async def _find_body(self, poll: Poll, account_id: str) -> _Body | None:
        """Return the body that shows what the store has now; None if the person has no such thing."""
        store, handler = self._site.system.store, poll.handler
        stamp = await self._stamps.read(Call(handler.stamp, account_id, *poll.ids, limit=poll.limit))
        if stamp is None and poll.ids:
            return None
        shown = account_id, handler, poll.limit, poll.is_packed
        body = self._bodies.get((*shown, stamp))
        if body is None:
            stamp, found = await store.read(
                stamp_load, handler.stamp, handler.load, account_id, *poll.ids, limit=poll.limit
            )
            if found is None and poll.ids:
                return None
            body = _write_body(handler.show(found, poll.limit), is_packed=poll.is_packed)
            self._bodies.put((*shown, stamp), body, len(body.body) + _KEY_BYTES)
        return body

    def _count(self, poll: Poll, request_id: str, status: int | None, seconds: float) -> None:
        """Count the request; status None: its connection has closed."""
        route = poll.handler.route
        count_request(route, "GET", status, seconds)
        if seconds >= self._site.times.slow_request_s:
            with bound_context(LogContext(request_id)):
                fields = {"status": CLOSED if status is None else status, "ms": round(seconds * 1e3, 1)}
                _log.warning("slow request", route=route, method="GET", **fields)


class PollRequest(HTTPMessageDelegate):
    """One request on the short way whose head Tornado has read, until it is answered or handed to its handler."""

    def __init__(self, polls: Polls, connection: EdgeConnection, poll: Poll, otherwise: Otherwise) -> None:
        self._polls = polls
        self._connection = connection
        self._poll = poll
        self._otherwise = otherwise

    def headers_received(self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders) -> None:
        """Keep the head: there is no body."""
        self._start_line, self._headers = start_line, headers

    def finish(self) -> None:
        """Begin to answer."""
        self._task = asyncio.create_task(self._answer())

    async def _answer(self) -> None:
        with contextlib.suppress(StreamClosedError):
            reply = await self._polls.answer(self._poll, self._connection.stream)
            if reply is not None:
                send(self._connection, reply)
                return
            target = self._otherwise()
            target.headers_received(self._start_line, self._headers)
            target.finish()


def _find_messages(target: str) -> tuple[type[PolledHandler], tuple[str, ...], int] | None:
    match = _MESSAGES_PATH.fullmatch(target)
    if match is None:
        return None
    # One row more: it says that there are more.
    return MessagesHandler, (match[1],), min(MAX_MESSAGES, int(match[2] or MessagesHandler.page)) + 1


def _is_unusual(headers: HTTPHeaders) -> bool:
    connection, cookies = header(headers, "Connection"), header(headers, "Cookie")
    return (
        any(name in headers for name in _UNUSUAL)
        or (connection is not None and connection.lower() != "keep-alive")
        or (cookies is not None and OPERATOR_COOKIE in cookies)
    )


def _write_body(form: dict[str, Any], *, is_packed: bool) -> _Body:
    body = msgspec.json.encode({"ok": True, **form})
    if not is_packed or len(body) < GZipContentEncoding.MIN_LENGTH:
        return _Body("", body)
    return _Body("Content-Encoding: gzip\r\n", gzip.compress(body, GZIP_LEVEL))


@lru_cache(maxsize=8)
def _write_lines(vary: str, is_https: bool | None) -> str:  # noqa: FBT001 (cached by position)
    """Return the header lines that all replies have; `is_https` is None without security headers."""
    lines = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
    if vary:
        lines["Vary"] = vary
    if is_https is not None:
        lines |= browser_headers(API_POLICY, is_https=is_https)
    return "".join(f"{name}: {value}\r\n" for name, value in lines.items())
