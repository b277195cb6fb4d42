"""What browsers are told to refuse for us: foreign scripts, frames, guesses at types, referrers.

Not here: pages themselves. Threads: none, pure.
"""

from typing import Final

# For answers that are no pages: nothing in them may run or load.
API_POLICY: Final = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
# For pages: what comes from this server, nothing inline, nothing from elsewhere.
PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_COMMON: Final = {
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), payment=(), usb=()",
}
# Half a year, without subdomains: those may not be ours.
_HSTS: Final = "max-age=15552000"


def browser_headers(policy: str, *, is_https: bool) -> dict[str, str]:
    """Return the security headers of an answer; `policy` is its Content-Security-Policy."""
    headers = {**_COMMON, "Content-Security-Policy": policy}
    return {**headers, "Strict-Transport-Security": _HSTS} if is_https else headers
