"""Whether a request comes from a page of another site: browsers say so themselves.

Not here: who may ask at all (auth.py, chat/owner.py), which other pages may (door/browsers.py), the answer
(problems.py). Threads: none, pure. Source: the Origin header (RFC 6454) and Fetch Metadata (Sec-Fetch-Site). Programs
send neither.
"""

from collections.abc import Callable
from urllib.parse import urlsplit

from tornado.httputil import HTTPHeaders

from omi_actors.errors import ForbiddenError
from web.requests import header

# Methods that change nothing.
_SAFE = frozenset(("GET", "HEAD", "OPTIONS"))
# What browsers say of a page of ours, and of an address that was typed in.
_OURS = (None, "same-origin", "none")


def check_origin(method: str | None, headers: HTTPHeaders, is_allowed: Callable[[str], bool]) -> None:
    """Refuse what a page of another site sends, since the browser adds our cookies to it.

    Raises:
        ForbiddenError: the request changes something, and its page is neither ours nor `is_allowed`.
    """
    if method in _SAFE or is_same_origin(headers):
        return
    origin = header(headers, "Origin")
    if origin is None or not is_allowed(origin):
        raise ForbiddenError("A page of another site may not do this.")


def is_same_origin(headers: HTTPHeaders) -> bool:
    """Tell whether a request comes from a page of ours, or from none; another port of this machine is another site."""
    if header(headers, "Sec-Fetch-Site") not in _OURS:
        return False
    origin = header(headers, "Origin")
    return origin is None or _host_of(origin) == (header(headers, "Host") or "").lower()


def _host_of(origin: str) -> str | None:
    """Return host and port of an origin; None for "null" and for what is none."""
    try:
        return urlsplit(origin).netloc.lower() or None
    except ValueError:
        return None
