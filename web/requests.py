"""Requests and replies below the handlers: request ids, queries, counts, raw replies.

Not here: bodies (webhook/payloads.py), access (auth.py). Threads: the event loop.
"""

import re
from asyncio import Future
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from http.client import responses
from typing import Protocol
from urllib.parse import unquote_plus

from prometheus_client import Counter, Histogram
from tornado.httputil import HTTPHeaders, RequestStartLine, format_timestamp
from tornado.iostream import IOStream

from omi_actors.ids import new_request_id
from omi_actors.instruments import metrics
from omi_actors.instruments.latencies import RECORDERS, TRAFFIC, group_of
from omi_actors.instruments.metrics import HTTP_EXTREMES

# Request ids that are safe in logs and headers.
_ADDRESS = re.compile(r"https?://([^/?#]*)(.*)", re.IGNORECASE)
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def request_id_of(headers: Mapping[str, str]) -> str:
    """Return the sender's X-Request-Id if it is safe, else a new one."""
    if "X-Request-Id" in headers:
        given = headers["X-Request-Id"]
        if _REQUEST_ID.fullmatch(given):
            return given
    return new_request_id()


def header(headers: Mapping[str, str], name: str) -> str | None:
    """Return a header's value, or None. The test first is faster than `get`, which raises and catches an error."""
    return headers[name] if name in headers else None  # noqa: SIM401 (see above)


def as_path(start_line: RequestStartLine, headers: HTTPHeaders) -> RequestStartLine:
    """Return the request line with a path as its target, though a forward proxy has passed on the whole address.

    The address's host then replaces the header's. Source: RFC 9112 §3.2.2.
    """
    match = None if start_line.path.startswith("/") else _ADDRESS.fullmatch(start_line.path)
    if match is None:
        return start_line
    headers["Host"] = match[1]
    return start_line._replace(path=match[2] if match[2].startswith("/") else f"/{match[2]}")


def parse_query(target: str) -> dict[str, str]:
    """Return the decoded query of a request target. The last value of a name counts, since Omi appends its uid."""
    query = target.partition("?")[2]
    if not query:
        return {}
    if "%" in query or "+" in query:
        return {unquote_plus(name): unquote_plus(value) for name, value in _pairs(query)}
    return dict(_pairs(query))


def _pairs(query: str) -> list[tuple[str, str]]:
    return [(name, value) for name, _, value in (part.partition("=") for part in query.split("&") if part)]


# The status label of a request that ended without a reply.
CLOSED = "closed"


def count_request(route: str, method: str, status: int | None, seconds: float, *, is_stream: bool = False) -> None:
    """Count one finished request; `status` is None when its connection closed before the reply.

    `is_stream`: its caller decided how long it took, so it is no latency.
    """
    _requests(route, method, CLOSED if status is None else f"{status // 100}xx").inc()
    _seconds(route).observe(seconds)
    if seconds and status is not None and not is_stream:  # a refused body has no measured time
        _latency_note(route)(seconds)


# Finding a metric's labels costs as much as counting; the sets of labels are few and bounded.
@cache
def _requests(route: str, method: str, status: str) -> Counter:
    return metrics.HTTP_REQUESTS.labels(route, method, status)


@cache
def _seconds(route: str) -> Histogram:
    return metrics.HTTP_SECONDS.labels(route)


@cache
def _latency_note(route: str) -> Callable[[float], object]:
    group = group_of(route)
    note = RECORDERS[group].note
    if group not in TRAFFIC:
        return note

    def note_traffic(seconds: float) -> None:
        note(seconds)
        HTTP_EXTREMES.note(seconds)

    return note_traffic


# The fastest level: it makes JSON as small as 1.3 times of the best.
GZIP_LEVEL = 1

CLOSE = "Connection: close\r\n"
KEEP_ALIVE = "Connection: keep-alive\r\n"


def reply_bytes(status: int, body: bytes, *, request_id: str, now_s: float, more: str = "") -> bytes:
    """Return the bytes of a whole reply.

    `more` holds additional header lines, each with its CRLF; it must never contain a sender's text.
    """
    head = f"{_status_line(status)}{_date_line(int(now_s))}X-Request-Id: {request_id}\r\n{more}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode("latin-1") + body


class ReplyWay(Protocol):
    """A connection that waits for one reply: Tornado's, or ours of a request that came whole."""

    @property
    def stream(self) -> IOStream:
        """Return what the bytes go through."""
        ...

    def write(self, chunk: bytes, /) -> object:
        """Send a whole reply."""
        ...

    def finish(self) -> None:
        """End the request."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


def send(
    connection: ReplyWay,
    reply: bytes,
    *,
    close: bool = False,
    on_flushed: Callable[[bool], None] | None = None,
) -> None:
    """Send a reply and finish the request.

    `close` also ends the connection. `on_flushed` is called with True if the reply left this machine, else with False.
    """
    if not close and on_flushed is None:
        connection.write(reply)
        connection.finish()
        return
    if connection.stream.closed():
        if on_flushed is not None:
            on_flushed(False)  # noqa: FBT003 (the callback's only argument)
        return

    def flushed(written: Future[None]) -> None:
        connection.finish()
        if close:
            connection.close()
        if on_flushed is not None:
            on_flushed(not written.cancelled() and written.exception() is None)

    # The stream's future fails when the connection closes meanwhile; the connection's own future hides that.
    connection.stream.write(reply).add_done_callback(flushed)


@lru_cache
def _status_line(status: int) -> str:
    return f"HTTP/1.1 {status} {responses[status]}\r\nContent-Type: application/json; charset=utf-8\r\n"


@lru_cache(maxsize=2)
def _date_line(now_s: int) -> str:
    return f"Date: {format_timestamp(now_s)}\r\n"
