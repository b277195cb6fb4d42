"""How often: requests per sender and kind of route, webhooks per wearable, over a fixed window.

Two counters, for two prices. The API's goes through the `limits` library, whose strategies know other storages, too
(20 to 35 µs a request on two slow cores); a webhook's is one dictionary (0.5 µs there).
Not here: who the sender is (clients.py), the answer (web/problems.py). Threads: the event loop.
"""

from dataclasses import dataclass

from limits import RateLimitItemPerSecond
from limits.strategies import FixedWindowRateLimiter

from omi_actors.clock import Clock
from omi_actors.errors import RateLimitedError
from web.door.window_storage import WindowStorage

# More wearables than one process serves in a window; beyond, a new window begins early, in their favour.
_MAX_WEARABLES = 100_000


class WebhookLimit:
    """Counts the webhooks of each wearable. All windows begin together."""

    def __init__(self, clock: Clock, max_webhooks: int, window_s: float) -> None:
        self._max_webhooks = max_webhooks
        self._window_s = window_s
        self._clock = clock
        self._counts: dict[str, int] = {}
        self._ends_mono_s = 0.0

    def count(self, wearable: str) -> None:
        """Count one more webhook.

        Raises:
            RateLimitedError: it is one too many.
        """
        now_mono_s = self._clock.mono_s()
        if now_mono_s >= self._ends_mono_s or len(self._counts) >= _MAX_WEARABLES:
            self._counts = {}
            self._ends_mono_s = now_mono_s + self._window_s
        count = self._counts.get(wearable, 0) + 1
        self._counts[wearable] = count
        if count > self._max_webhooks:
            raise RateLimitedError("Too many webhooks of one wearable.", retry_after_s=self._ends_mono_s - now_mono_s)


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
    """Counts requests by kind of route and sender. A sender's window begins with their first request."""

    def __init__(self, clock: Clock, max_requests: int, window_s: int, *, only_failed: bool) -> None:
        self._clock = clock
        self._item = RateLimitItemPerSecond(max_requests, window_s)
        self._window_s = window_s
        self._only_failed = only_failed
        self._strategy = FixedWindowRateLimiter(WindowStorage(clock))

    def begin(self, kind: str, sender: str) -> Standing:
        """Count a request that begins, unless only failed ones count; return where its sender stands."""
        if self._only_failed:
            return self._standing(kind, sender, is_over=not self._strategy.test(self._item, kind, sender))
        return self._standing(kind, sender, is_over=not self._strategy.hit(self._item, kind, sender))

    def failed(self, kind: str, sender: str) -> None:
        """Count a request that has failed, if only those count."""
        if self._only_failed:
            self._strategy.hit(self._item, kind, sender)

    def _standing(self, kind: str, sender: str, *, is_over: bool) -> Standing:
        ends_mono_s, remaining = self._strategy.get_window_stats(self._item, kind, sender)
        reset_s = max(1, round(ends_mono_s - self._clock.mono_s()))
        return Standing(self._item.amount, remaining, self._window_s, reset_s, is_over)
