"""How often: requests per sender and kind of route, webhooks per wearable, over a fixed window.

A sender's window begins with its first request. Counting is a dictionary (about a microsecond) that never waits; with
REDIS_URL the nodes tell each other of those that come near their limit (omi_actors/backplane/counters.py).
Not here: who the sender is (clients.py), the answer (web/problems.py). Threads: the event loop.
"""

from dataclasses import dataclass

from omi_actors.backplane.counters import Hit, WindowCounters
from omi_actors.errors import RateLimitedError


class WebhookLimit:
    """Counts the webhooks of each wearable."""

    def __init__(self, counters: WindowCounters, max_webhooks: int, window_s: float) -> None:
        self._counters = counters
        self._max_webhooks = max_webhooks
        self._window_s = window_s

    def count(self, wearable: str) -> None:
        """Count one more webhook.

        Raises:
            RateLimitedError: it is one too many.
        """
        hit = self._counters.hit(f"webhook:{wearable}", limit=self._max_webhooks, window_s=self._window_s)
        if not hit.is_allowed:
            raise RateLimitedError("Too many webhooks of one wearable.", retry_after_s=hit.reset_s)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a sender stands: of `limit` requests `remaining` are left until the window ends in `reset_s` seconds."""

    limit: int
    remaining: int
    window_s: int
    reset_s: int
    is_over: bool

    def headers(self) -> dict[str, str]:
        """Return what tells the sender so."""
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset_s),
            "RateLimit-Policy": f"{self.limit};w={self.window_s}",
        }


class RequestLimit:
    """Counts requests by kind of route and sender."""

    def __init__(self, counters: WindowCounters, max_requests: int, window_s: int, *, only_failed: bool) -> None:
        self._counters = counters
        self._max_requests = max_requests
        self._window_s = window_s
        self._only_failed = only_failed

    def begin(self, kind: str, sender: str) -> Standing:
        """Count a request that begins, unless only failed ones count; return where its sender stands."""
        count = self._counters.peek if self._only_failed else self._counters.hit
        hit: Hit = count(_key(kind, sender), limit=self._max_requests, window_s=self._window_s)
        reset_s = max(1, round(hit.reset_s))
        return Standing(self._max_requests, hit.remaining, self._window_s, reset_s, is_over=not hit.is_allowed)

    def failed(self, kind: str, sender: str) -> None:
        """Count a request that has failed, if only those count."""
        if self._only_failed:
            self._counters.hit(_key(kind, sender), limit=self._max_requests, window_s=self._window_s)


def _key(kind: str, sender: str) -> str:
    return f"{kind}:{sender}"
