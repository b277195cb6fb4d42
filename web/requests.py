"""What every request brings beside its body: its id and its query.

Not here: bodies (webhook/payloads.py), who sent it (auth.py). Threads: none, pure.
"""

import re
from urllib.parse import unquote_plus

from tornado.httputil import HTTPHeaders

from omi_actors.ids import new_request_id

# What may go into logs and headers as it is.
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def request_id_of(headers: HTTPHeaders) -> str:
    """Return the sender's X-Request-Id if it is harmless, else a new one."""
    if "X-Request-Id" in headers:
        given = headers["X-Request-Id"]
        if _REQUEST_ID.fullmatch(given):
            return given
    return new_request_id()


def header(headers: HTTPHeaders, name: str) -> str | None:
    """Return a header's value. Asking first is cheaper than `get`, which raises and catches when it is missing."""
    return headers[name] if name in headers else None  # noqa: SIM401 (see above)


def parse_query(target: str) -> dict[str, str]:
    """Return the decoded query of a request target. Of a repeated name the last value counts: Omi appends its uid."""
    query = target.partition("?")[2]
    if not query:
        return {}
    if "%" in query or "+" in query:
        return {unquote_plus(name): unquote_plus(value) for name, value in _pairs(query)}
    return dict(_pairs(query))


def _pairs(query: str) -> list[tuple[str, str]]:
    return [(name, value) for name, _, value in (part.partition("=") for part in query.split("&") if part)]
