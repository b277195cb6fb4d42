"""Rules for browsers: CORS (the other sites that may use this server), and security headers.

Not here: the methods of an address (handlers/guarded.py), names of this server (addresses.py).
Threads: any, frozen after construction.
Source: the Fetch standard's CORS protocol.
"""

from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from tornado.httputil import HTTPHeaders

from omi_actors.errors import ForbiddenError
from web.requests import header

# OpenAI's SDK and clients of MCP send the last ones from a page, too.
_ALLOWED_HEADERS = (
    "Content-Type, Authorization, Accept, X-Requested-With, Idempotency-Key, X-Chat-Secret, X-Request-Id,"
    " OpenAI-Organization, OpenAI-Project, OpenAI-Beta, X-Stainless-Lang, X-Stainless-Package-Version, X-Stainless-OS,"
    " X-Stainless-Arch, X-Stainless-Runtime, X-Stainless-Runtime-Version, X-Stainless-Retry-Count, X-Stainless-Timeout,"
    " X-Stainless-Helper-Method, X-Stainless-Poll-Helper,"
    " MCP-Protocol-Version, Mcp-Method, Mcp-Name"
)
_EXPOSED_HEADERS = "X-Request-Id, X-Chat-Secret, Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset"


class Cors:
    """The origins that may use this server. `scheme://*.domain` allows all names below the domain."""

    def __init__(self, origins: tuple[str, ...], max_age_s: int) -> None:
        self._exact = frozenset(origin for origin in origins if "*" not in origin)
        parts = [origin.partition("*") for origin in origins if "*" in origin]
        self._patterns = tuple((scheme, suffix) for scheme, _, suffix in parts)
        self._max_age = str(max_age_s)

    def allows(self, origin: str) -> bool:
        """Return True if a page of this origin may use the server."""
        origin = origin.lower()
        return origin in self._exact or any(_matches(origin, scheme, suffix) for scheme, suffix in self._patterns)

    def headers(self, origin: str | None) -> dict[str, str]:
        """Return the CORS headers of an answer to a page of `origin`; None for a request without origin."""
        vary = {"Vary": "Origin"} if self._exact or self._patterns else {}
        if origin is None or not self.allows(origin):
            return vary
        return {
            **vary,
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Credentials": "true",
            "Access-Control-Expose-Headers": _EXPOSED_HEADERS,
        }

    def preflight_headers(self, origin: str | None, methods: str) -> dict[str, str]:
        """Return the additional headers of a reply to a preflight request; `methods` is comma-separated."""
        if origin is None or not self.allows(origin):
            return {}
        return {
            "Access-Control-Allow-Methods": methods,
            "Access-Control-Allow-Headers": _ALLOWED_HEADERS,
            "Access-Control-Max-Age": self._max_age,
        }


def _matches(origin: str, scheme: str, suffix: str) -> bool:
    """Return True if an origin is `scheme`, at least one label, and `suffix`, which begins with a dot."""
    label = origin.removeprefix(scheme).removesuffix(suffix)
    is_whole = origin.startswith(scheme) and origin.endswith(suffix)
    return is_whole and all(part.replace("-", "").isalnum() and part.isascii() for part in label.split("."))


# Policy of answers that are no pages: nothing may run or load.
API_POLICY: Final = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
# Policy of pages: files of this server only, nothing inline.
PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_COMMON: Final = {
    "X-Frame-Options": "DENY",
    # With "no-referrer", browsers send `Origin: null` with our own forms, which is refused as another site's.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), payment=(), usb=()",
}
# Half a year in seconds. Subdomains are not included, since they may belong to others.
_HSTS: Final = "max-age=15552000"


def browser_headers(policy: str, *, is_https: bool) -> dict[str, str]:
    """Return the security headers of an answer; `policy` is its Content-Security-Policy."""
    headers = {**_COMMON, "Content-Security-Policy": policy}
    return {**headers, "Strict-Transport-Security": _HSTS} if is_https else headers


# Methods that change nothing.
SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS"))
# Values of Sec-Fetch-Site for our own pages and for typed addresses.
_OURS = (None, "same-origin", "none")


def check_origin(method: str | None, headers: HTTPHeaders, is_allowed: Callable[[str], bool]) -> None:
    """Refuse a change from a page of another site, since the browser adds our cookies to that page's requests.

    Raises:
        ForbiddenError: the method may change something, and the page is neither ours nor `is_allowed`.
    """
    if method in SAFE_METHODS or is_same_origin(headers):
        return
    origin = header(headers, "Origin")
    if origin is None or not is_allowed(origin):
        raise ForbiddenError("A page of another site must not do this.")


def is_same_origin(headers: HTTPHeaders) -> bool:
    """Return True if a request comes from a page of this server, or from no page. Another port is another origin."""
    if header(headers, "Sec-Fetch-Site") not in _OURS:
        return False
    origin = header(headers, "Origin")
    return origin is None or _host_of(origin) == (header(headers, "Host") or "").lower()


def _host_of(origin: str) -> str | None:
    """Return host and port of an origin; None if it is "null" or invalid."""
    try:
        return urlsplit(origin).netloc.lower() or None
    except ValueError:
        return None
