"""Limits of requests: those under way, slow bodies, memory and threads for large bodies, rate limits.

Rate limits count in a fixed window that begins with a sender's first request. Counting takes about a microsecond; with
REDIS_URL, the nodes share the counts that are near their limit (omi_actors/backplane/counters.py).
Not here: the limit of one body (web/entry.py), answers to refused requests (web/problems.py), the sender's address
(addresses.py). Threads: the event loop.
"""

import asyncio
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, TypeVar

from omi_actors.backplane.counters import Hit, WindowCounters
from omi_actors.clock import Clock
from omi_actors.errors import OverloadError, RateLimitedError
from omi_actors.instruments import metrics
from omi_actors.instruments.logs import get_logger

_log = get_logger(__name__)


class SlowBody(Protocol):
    """A request whose body is still arriving."""

    def time_out(self) -> None:
        """Refuse the request, since its body took too long."""
        ...


class Traffic:
    """Counts requests under way and ends slow bodies.

    All bodies share one timer, since one timer for each would cost more than parsing. After `drain` has set
    `is_draining`, replies close their connections.
    """

    def __init__(self, clock: Clock, body_timeout_s: float) -> None:
        self._clock = clock
        self._body_timeout_s = body_timeout_s
        # Oldest first, with the monotonic second at which each began.
        self._bodies: dict[SlowBody, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._idle: asyncio.Event | None = None
        self.active = 0
        self.is_draining = False

    def begin(self) -> None:
        """Count a request as under way."""
        self.active += 1

    def end(self) -> None:
        """Count a request as over."""
        self.active -= 1
        if self._idle is not None and not self.active:
            self._idle.set()

    def body_begins(self, body: SlowBody) -> None:
        """Start the timeout of a body."""
        self._bodies[body] = self._clock.mono_s()
        if self._timer is None:
            self._wait(self._body_timeout_s)

    def body_ends(self, body: SlowBody) -> None:
        """End the timeout of a body, if it has one."""
        self._bodies.pop(body, None)

    async def drain(self, grace_s: float) -> bool:
        """Wait until no request is under way; return False if some are left after `grace_s` seconds."""
        self.is_draining = True
        if not self.active:
            return True
        self._idle = asyncio.Event()
        try:
            await asyncio.wait_for(self._idle.wait(), grace_s)
        except TimeoutError:
            return False
        return True

    def close(self) -> None:
        """Stop the timer. Call it before the event loop ends."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._sweep)

    def _sweep(self) -> None:
        self._timer = None
        now = self._clock.mono_s()
        overdue = []
        for body, since in self._bodies.items():
            left_s = since + self._body_timeout_s - now
            if left_s > 0:
                self._wait(left_s)
                break
            overdue.append(body)
        for body in overdue:
            del self._bodies[body]
            body.time_out()


# Smaller bodies are not counted: one on each connection needs little memory.
SMALL_BODY_BYTES = 64 * 1024
_AGAIN_S = 5.0


class Uploads:
    """Memory for all large bodies, in bytes. Unauthenticated bodies count, too: a signature check needs the body."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self.held_bytes = 0

    def reserve(self, count: int) -> None:
        """Reserve `count` more bytes.

        Raises:
            OverloadError: there is not enough memory; nothing is reserved.
        """
        if self.held_bytes + count > self._limit_bytes:
            raise OverloadError("Too many large bodies at once.", retry_after_s=_AGAIN_S)
        self.held_bytes += count

    def release(self, count: int) -> None:
        """Release `count` bytes."""
        self.held_bytes -= count


_Read = TypeVar("_Read")

# Larger bodies are read in a thread: the slowest kind takes 3 ms a kilobyte.
LARGE_BODY_BYTES = 8 * 1024
# A body up to this size is read in half a second; a body of MAX_REQUEST_SIZE may take several seconds.
_GIANT_BODY_BYTES = 256 * 1024


class BodyReaders:
    """Two threads that parse bodies: one for the largest bodies, one for the others. Each starts at its first body."""

    def __init__(self) -> None:
        self._usual = ThreadPoolExecutor(1, "body reader")
        self._giants = ThreadPoolExecutor(1, "giant body reader")

    def read(self, size_bytes: int, read: Callable[[], _Read]) -> asyncio.Future[_Read]:
        """Call `read` for a body of `size_bytes` in the thread for its size."""
        readers = self._usual if size_bytes <= _GIANT_BODY_BYTES else self._giants
        return asyncio.get_running_loop().run_in_executor(readers, read)

    def close(self) -> None:
        """Accept no more bodies. Waiting bodies are still read."""
        self._usual.shutdown(wait=False)
        self._giants.shutdown(wait=False)


class WebhookLimit:
    """Counts the webhooks of each wearable."""

    def __init__(self, counters: WindowCounters, max_webhooks: int, window_s: float) -> None:
        self._counters = counters
        self._max_webhooks = max_webhooks
        self._window_s = window_s

    def count(self, wearable: str) -> None:
        """Count one more webhook.

        Raises:
            RateLimitedError: the wearable's limit is used up.
        """
        hit = self._counters.hit(f"webhook:{wearable}", limit=self._max_webhooks, window_s=self._window_s)
        if not hit.is_allowed:
            raise RateLimitedError("Too many webhooks of one wearable.", retry_after_s=hit.reset_s)


@dataclass(frozen=True, slots=True)
class Standing:
    """A sender's limit: of `limit` requests `remaining` are left until the window ends in `reset_s` seconds."""

    limit: int
    remaining: int
    window_s: int
    reset_s: int
    is_over: bool

    def headers(self) -> dict[str, str]:
        """Return the RateLimit headers of a reply."""
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

    @property
    def numbers(self) -> tuple[int, int]:
        """Return the largest number of requests, and the seconds in which they may come."""
        return self._max_requests, self._window_s

    def begin(self, kind: str, sender: str) -> Standing:
        """Count a new request, unless only failed requests count; return its sender's limit."""
        count = self._counters.peek if self._only_failed else self._counters.hit
        hit: Hit = count(_key(kind, sender), limit=self._max_requests, window_s=self._window_s)
        reset_s = max(1, round(hit.reset_s))
        return Standing(self._max_requests, hit.remaining, self._window_s, reset_s, is_over=not hit.is_allowed)

    def check(self, kind: str, sender: str) -> None:
        """Refuse a sender with too many requests that `count` has counted.

        Raises:
            RateLimitedError: the sender's limit is used up.
        """
        hit = self._counters.peek(_key(kind, sender), limit=self._max_requests, window_s=self._window_s)
        if not hit.is_allowed:
            raise RateLimitedError(f"Too many requests: {kind}.", retry_after_s=hit.reset_s)

    def count(self, kind: str, sender: str) -> None:
        """Count a request of this kind and sender; `check` refuses the sender when its limit is used up."""
        self._counters.hit(_key(kind, sender), limit=self._max_requests, window_s=self._window_s)

    def failed(self, kind: str, sender: str) -> None:
        """Count a failed request, if only failed requests count."""
        if self._only_failed:
            self._counters.hit(_key(kind, sender), limit=self._max_requests, window_s=self._window_s)


# Seconds between two lines of the log about refused webhooks.
_LINE_EVERY_S = 60.0


class RefusedWebhooks:
    """Counts webhooks without the right token or signature by sender, and slows their senders.

    A right one is never counted or refused: Omi's come from few addresses, and refusals open its circuit breaker.
    """

    def __init__(self, limit: RequestLimit | None, clock: Clock) -> None:
        self._limit = limit
        self._clock = clock
        self._unlogged = 0
        self._next_line_mono_s = -math.inf

    def count(self, sender: str, detail: str) -> float | None:
        """Count one; return the seconds to wait if the sender has sent too many, else None."""
        self._log(detail)
        standing = None
        if self._limit is not None:
            standing = self._limit.begin("refused-webhook", sender)
            self._limit.failed("refused-webhook", sender)
        is_over = standing is not None and standing.is_over
        metrics.WEBHOOKS_UNAUTHORIZED.labels("slowed" if is_over else "told").inc()
        return float(standing.reset_s) if standing is not None and is_over else None

    def _log(self, detail: str) -> None:
        """Log the first one at once; later lines, one a minute at most, have the number since the line before."""
        self._unlogged += 1
        now_mono_s = self._clock.mono_s()
        if now_mono_s >= self._next_line_mono_s:
            self._next_line_mono_s = now_mono_s + _LINE_EVERY_S
            _log.warning("webhooks refused", count=self._unlogged, latest=detail)
            self._unlogged = 0


def _key(kind: str, sender: str) -> str:
    return f"{kind}:{sender}"
