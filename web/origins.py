"""Whether a request that changes something comes from a page of another site: browsers say so themselves.

Not here: who may ask at all (auth.py, chat_owner.py), the answer (problems.py). Threads: none, pure.
Source: the Origin header (RFC 6454) and Fetch Metadata (Sec-Fetch-Site). Programs send neither.
"""

from urllib.parse import urlsplit

from tornado.httputil import HTTPHeaders

from omi_actors.errors import ForbiddenError
from web.requests import header

# Methods that change nothing.
_SAFE = frozenset(("GET", "HEAD", "OPTIONS"))


def check_origin(method: str | None, headers: HTTPHeaders) -> None:
    """Refuse what a page of another site sends, since the browser adds our cookies to it.

    Raises:
        ForbiddenError: the request changes something, and its page is not ours.
    """
    if method in _SAFE:
        return
    if header(headers, "Sec-Fetch-Site") == "cross-site":
        raise ForbiddenError("A page of another site may not do this.")
    origin = header(headers, "Origin")
    if origin is not None and _host_of(origin) != (header(headers, "Host") or "").lower():
        raise ForbiddenError("A page of another origin may not do this.")


def _host_of(origin: str) -> str | None:
    """Return host and port of an origin; None for "null" and for what is none."""
    try:
        return urlsplit(origin).netloc.lower() or None
    except ValueError:
        return None
