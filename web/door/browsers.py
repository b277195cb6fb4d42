"""Pages of other sites: which may read our answers, and send us what changes something.

Not here: whether a request comes from one (origins.py), the methods that an address takes (handlers/guarded.py).
Threads: any, frozen after construction.
Source: the Fetch standard's CORS protocol.
"""

_ALLOWED_HEADERS = "Content-Type, Authorization, Accept, Idempotency-Key, X-Chat-Secret, X-Request-Id"
_EXPOSED_HEADERS = "X-Request-Id, X-Chat-Secret, Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset"


class Cors:
    """Decides by the Origin header. `scheme://*.domain` stands for all names below the domain."""

    def __init__(self, origins: tuple[str, ...], max_age_s: int) -> None:
        self._exact = frozenset(origin for origin in origins if "*" not in origin)
        parts = [origin.partition("*") for origin in origins if "*" in origin]
        self._patterns = tuple((scheme, suffix) for scheme, _, suffix in parts)
        self._max_age = str(max_age_s)

    def allows(self, origin: str) -> bool:
        """Tell whether a page of this origin may use the server."""
        origin = origin.lower()
        return origin in self._exact or any(_matches(origin, scheme, suffix) for scheme, suffix in self._patterns)

    def headers(self, origin: str | None) -> dict[str, str]:
        """Return the headers of an answer to a page of `origin`; of None, to nobody's page."""
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
        """Return the further headers of an answer to a browser that asks before it sends; `methods` comma-separated."""
        if origin is None or not self.allows(origin):
            return {}
        return {
            "Access-Control-Allow-Methods": methods,
            "Access-Control-Allow-Headers": _ALLOWED_HEADERS,
            "Access-Control-Max-Age": self._max_age,
        }


def _matches(origin: str, scheme: str, suffix: str) -> bool:
    """Tell whether an origin is `scheme`, at least one label, and `suffix`, which begins with a dot."""
    label = origin.removeprefix(scheme).removesuffix(suffix)
    is_whole = origin.startswith(scheme) and origin.endswith(suffix)
    return is_whole and all(part.replace("-", "").isalnum() and part.isascii() for part in label.split("."))
