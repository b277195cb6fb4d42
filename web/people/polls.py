"""The short way of the three addresses that phones poll, 34 times a minute each: below Tornado's handlers.

It takes the usual request of a person with a known token, and answers 200. Whatever else is to be said, it hands the
request to the address's handler, as if it had come there at once. Both ways send the same (tests/people/test_polls.py).
Not here: the statements (omi_actors/store/people/), other addresses (routes.py). Threads: the event loop.
"""

import asyncio
import contextlib
import gzip
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec
from tornado.http1connection import HTTP1Connection
from tornado.httputil import HTTPHeaders, HTTPMessageDelegate, RequestStartLine, ResponseStartLine
from tornado.web import GZipContentEncoding

from omi_actors.domain.people.accounts import Role, SignedIn, is_token
from omi_actors.instruments.logs import LogContext, bound_context, get_logger
from omi_actors.kit.errors import ExpectedError
from omi_actors.kit.future import Future
from web.edge.addresses import find_client
from web.edge.browsers import API_POLICY, browser_headers
from web.handlers.caller import OPERATOR_COOKIE
from web.handlers.guarded import limit_key
from web.identity import Identities, token_in_header
from web.people.base import POLLED, PolledHandler
from web.people.conversations import MAX_MESSAGES, CurrentHandler, MessagesHandler
from web.people.windows import WindowsHandler
from web.requests import CLOSED, GZIP_LEVEL, count_request, header, reply_bytes, request_id_of, send
from web.site import Site

_MESSAGES_PATH = re.compile(r"/conversations/([^/%?]+)/messages(?:\?limit=([1-9]\d{0,2}))?")
# Headers of browsers, and of requests with a body.
_UNUSUAL = ("Origin", "Sec-Fetch-Site", "Content-Length", "Transfer-Encoding", "Expect")

_OK = 200
_log = get_logger("web.requests")


@dataclass(frozen=True, slots=True)
class _Poll:
    """A polled address: its handler, the ids in it, and the number of rows that it asks for."""

    handler: type[PolledHandler]
    ids: tuple[str, ...]
    limit: int


_POLLS = {one.route: _Poll(one, (), one.page) for one in (CurrentHandler, WindowsHandler)}

Otherwise = Callable[[], HTTPMessageDelegate]


def find_poll(
    site: Site, connection: HTTP1Connection, start_line: RequestStartLine, headers: HTTPHeaders, otherwise: Otherwise
) -> "PollRequest | None":
    """Return the short way of a request; None if it must take the usual one, which `otherwise` begins."""
    if start_line.method != "GET" or site.identities is None or site.traffic.is_draining:
        return None
    poll = _POLLS.get(start_line.path) or _find_messages(start_line.path)
    if poll is None or start_line.version != "HTTP/1.1" or _is_unusual(headers):
        return None
    token = token_in_header(headers)
    if token is None or not is_token(token) or not site.identities.has_met(token):
        return None
    return PollRequest(site, connection, poll, token, otherwise)


def _find_messages(target: str) -> _Poll | None:
    match = _MESSAGES_PATH.fullmatch(target)
    if match is None:
        return None
    limit = min(MAX_MESSAGES, int(match[2] or MessagesHandler.page))
    return _Poll(MessagesHandler, (match[1],), limit)


def _is_unusual(headers: HTTPHeaders) -> bool:
    connection, cookies = header(headers, "Connection"), header(headers, "Cookie")
    return (
        any(name in headers for name in _UNUSUAL)
        or (connection is not None and connection.lower() != "keep-alive")
        or (cookies is not None and OPERATOR_COOKIE in cookies)
    )


class PollRequest(HTTPMessageDelegate):
    """One request on the short way, until it is answered or handed to its handler."""

    def __init__(self, site: Site, connection: HTTP1Connection, poll: _Poll, token: str, otherwise: Otherwise) -> None:
        self._site = site
        self._connection = connection
        self._poll = poll
        self._token = token
        self._otherwise = otherwise
        self._limit_lines = ""
        self._is_over = False
        self._task: asyncio.Task[None] | None = None

    def headers_received(self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders) -> None:
        """Keep the head: there is no body."""
        self._start_line, self._headers = start_line, headers
        self._began_mono_s = self._site.clock.mono_s()
        self._site.traffic.begin()

    def finish(self) -> None:
        """Begin to read what the address shows, for the person of the token."""
        self._connection.set_close_callback(self.on_connection_close)
        assert self._site.identities is not None  # noqa: S101 (find_poll checks it)
        person = self._site.identities.recall(self._token)
        if person is None:
            self._task = asyncio.create_task(self._look_up(self._site.identities))
        else:
            self._read(person)

    def on_connection_close(self) -> None:
        """End the request without a reply."""
        if not self._is_over:
            self._end(None)

    async def _look_up(self, identities: Identities) -> None:
        try:
            person = await identities.find(self._token)
        except ExpectedError:
            person = None
        if not self._is_over:
            self._read(person)

    def _read(self, person: SignedIn | None) -> None:
        if person is None or person.role is not Role.PERSON or person.expires_at <= self._site.clock.now_s():
            self._turn_back()
            return
        if self._site.request_limit is not None:
            standing = self._site.request_limit.begin(POLLED, limit_key(person))
            if standing.is_over:
                self._turn_back()
                return
            self._limit_lines = "".join(f"{name}: {value}\r\n" for name, value in standing.headers().items())
        loop = asyncio.get_running_loop()

        def settled(reading: Future[Any]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has closed
                loop.call_soon_threadsafe(self._answer, reading)

        poll, store = self._poll, self._site.system.store
        poll.handler.ask(store, person.account_id, *poll.ids, limit=poll.limit).add_done_callback(settled)

    def _answer(self, reading: Future[Any]) -> None:
        if self._is_over:
            return
        try:
            found = reading.result()
        except Exception:  # noqa: BLE001 (the handler does it again, and reports it)
            self._turn_back()
            return
        if found is None and self._poll.ids:
            self._turn_back()
            return
        self._send(msgspec.json.encode({"ok": True, **self._poll.handler.show(found, self._poll.limit)}))

    def _send(self, body: bytes) -> None:
        more = self._limit_lines + self._fixed_lines()
        if (
            self._site.compresses
            and len(body) >= GZipContentEncoding.MIN_LENGTH
            and "gzip" in (header(self._headers, "Accept-Encoding") or "")
        ):
            body = gzip.compress(body, GZIP_LEVEL)
            more += "Content-Encoding: gzip\r\n"
        self._end(_OK)
        request_id, now_s = request_id_of(self._headers), self._site.clock.now_s()
        send(self._connection, reply_bytes(_OK, body, request_id=request_id, now_s=now_s, more=more))

    def _fixed_lines(self) -> str:
        site = self._site
        peer = getattr(self._connection.context, "remote_ip", "")
        is_https = find_client(peer, self._headers, site.trusted_proxies).is_https
        vary = [*site.cors.headers(None).values(), *(("Accept-Encoding",) if site.compresses else ())]
        return _write_lines(", ".join(vary), is_https if site.sends_security_headers else None)

    def _turn_back(self) -> None:
        """Hand the request to its handler."""
        self._is_over = True
        self._site.traffic.end()
        target = self._otherwise()
        target.headers_received(self._start_line, self._headers)
        target.finish()

    def _end(self, status: int | None) -> None:
        """Count the request; status None: its connection has closed."""
        self._is_over = True
        self._site.traffic.end()
        seconds = self._site.clock.mono_s() - self._began_mono_s
        count_request(self._poll.handler.route, "GET", status, seconds)
        if seconds >= self._site.times.slow_request_s:
            with bound_context(LogContext(request_id_of(self._headers))):
                fields = {"status": CLOSED if status is None else status, "ms": round(seconds * 1e3, 1)}
                _log.warning("slow request", route=self._poll.handler.route, method="GET", **fields)


@lru_cache(maxsize=8)
def _write_lines(vary: str, is_https: bool | None) -> str:  # noqa: FBT001 (cached by position)
    """Return the header lines that all replies have; `is_https` is None without security headers."""
    lines = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
    if vary:
        lines["Vary"] = vary
    if is_https is not None:
        lines |= browser_headers(API_POLICY, is_https=is_https)
    return "".join(f"{name}: {value}\r\n" for name, value in lines.items())
