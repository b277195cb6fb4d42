"""Header checks: a head is refused if it is too large, has odd line ends, or states the body's length in two ways.

Two servers in a row could read an odd line end or length differently. So the first body could hide a second request.
Not here: the grammar, folded headers included (Tornado), writing the refusal (listener.py). Threads: any; pure.
Source: RFC 9112 §2.2, §3, §6.1, §6.3; RFC 6585 §5.
"""

import re

from tornado.httputil import HTTPHeaders

from omi_actors.clock import Clock
from omi_actors.ids import new_request_id
from web.problems import Problem, problem_json
from web.requests import CLOSE, count_request, reply_bytes

# Real requests have under 1 kB of headers; a signature and a tracing proxy double that.
MAX_HEAD_BYTES = 16 * 1024
# A head up to this size is read and refused with an answer; a longer one closes its connection.
FLOOD_BYTES = 64 * 1024
_MAX_TARGET_BYTES = 8 * 1024
_MAX_LINES = 100
# Bytes. Shorter heads cannot exceed the other limits by much and are not checked.
_FEW_BYTES = 1024

MALFORMED = Problem(
    400, "malformed_request", "The request is not valid HTTP/1.1.", "A proxy on the route may have changed it."
)
_LINE_END = Problem(
    400,
    "malformed_request",
    "A line of the head does not end with CR LF.",
    "End each line with CR LF, and send no CR or LF elsewhere in the head.",
)
TOO_LARGE_HEAD = Problem(
    431,
    "headers_too_large",
    "The headers are too large.",
    "Send at most 16 kB in 100 lines; clear cookies if need be.",
)
TARGET_TOO_LONG = Problem(414, "target_too_long", "The address is too long.", "Send long values in the body.")
_AMBIGUOUS = Problem(
    400,
    "ambiguous_length",
    "The request gives its length in two ways.",
    "Send one Content-Length or one Transfer-Encoding: chunked, not both.",
)

_REQUEST_ID = re.compile(rb"\nx-request-id:[ \t]*([A-Za-z0-9._-]{1,64})[ \t]*\r?\n", re.IGNORECASE)


def head_problem(head: bytes) -> Problem | None:
    """Return the reason to refuse a head before it is parsed, or None."""
    ends = head.count(b"\r\n")
    if head.count(b"\n") != ends or head.count(b"\r") != ends:
        return _LINE_END
    if len(head) < _FEW_BYTES:
        return None
    if head.find(b"\n") > _MAX_TARGET_BYTES:
        return TARGET_TOO_LONG
    if len(head) > MAX_HEAD_BYTES or head.count(b"\n") > _MAX_LINES:
        return TOO_LARGE_HEAD
    return None


def length_problem(version: str, length: str | None, headers: HTTPHeaders) -> Problem | None:
    """Return a problem if the length of the body is ambiguous, else None. `length` is the raw Content-Length."""
    if length is not None:
        return _AMBIGUOUS if "," in length or "Transfer-Encoding" in headers else None
    return _AMBIGUOUS if version == "HTTP/1.0" and "Transfer-Encoding" in headers else None


def request_id_in(head: bytes) -> str | None:
    """Return the sender's request id, if it is safe, from a head that cannot be parsed."""
    match = _REQUEST_ID.search(head)
    return None if match is None else match[1].decode()


def refusal_bytes(problem: Problem, request_id: str | None, clock: Clock) -> bytes:
    """Return the bytes of a whole reply. The caller closes the connection after this reply."""
    now_s = clock.now_s()
    count_request("other", "other", problem.status, 0.0)
    request_id = request_id or new_request_id()
    again = "" if problem.retry_after_s is None else f"Retry-After: {max(1, round(problem.retry_after_s))}\r\n"
    body = problem_json(problem, request_id=request_id, now_s=now_s)
    return reply_bytes(problem.status, body, request_id=request_id, now_s=now_s, more=again + CLOSE)
