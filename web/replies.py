"""Writing a reply straight to a connection, without a RequestHandler.

Not here: what is replied (problems.py, webhook/replies.py). Threads: the event loop.
The header block is made by hand: half the price of Tornado's, which checks and encodes each line anew.
"""

from asyncio import Future
from collections.abc import Callable
from functools import lru_cache
from http.client import responses

from tornado.http1connection import HTTP1Connection
from tornado.httputil import format_timestamp

CLOSE = "Connection: close\r\n"
KEEP_ALIVE = "Connection: keep-alive\r\n"


def reply_bytes(status: int, body: bytes, *, request_id: str, now_s: float, more: str = "") -> bytes:
    """Return a whole reply. `more` holds further header lines, each with its CRLF, of our own making only."""
    head = f"{_status_line(status)}{_date_line(int(now_s))}X-Request-Id: {request_id}\r\n{more}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode("latin-1") + body


def send(
    connection: HTTP1Connection,
    reply: bytes,
    *,
    close: bool = False,
    on_flushed: Callable[[bool], None] | None = None,
) -> None:
    """Send a reply and be done with the request.

    `close` ends the connection, too; `on_flushed` is told whether the reply left this machine.
    """
    if not close and on_flushed is None:
        connection.write(reply)
        connection.finish()
        return
    if connection.stream.closed():
        if on_flushed is not None:
            on_flushed(False)  # noqa: FBT003 (the one thing that is said)
        return

    def flushed(written: Future[None]) -> None:
        connection.finish()
        if close:
            connection.close()
        if on_flushed is not None:
            on_flushed(not written.cancelled() and written.exception() is None)

    # The stream's own future tells of a connection that closed meanwhile; the connection's own hides it.
    connection.stream.write(reply).add_done_callback(flushed)


@lru_cache
def _status_line(status: int) -> str:
    return f"HTTP/1.1 {status} {responses[status]}\r\nContent-Type: application/json; charset=utf-8\r\n"


@lru_cache(maxsize=2)
def _date_line(now_s: int) -> str:
    return f"Date: {format_timestamp(now_s)}\r\n"
