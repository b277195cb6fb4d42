"""Requests under way: how many, which bodies are slow, and when all are done.

Not here: what a request is (handlers). Threads: the event loop.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, TypeVar

from omi_actors.backplane.counters import Hit, WindowCounters
from omi_actors.clock import Clock
from omi_actors.errors import OverloadError, RateLimitedError


class SlowBody(Protocol):
    """A request whose body is still arriving."""

    def give_up(self) -> None:
        """Close the connection: the body's time is over."""
        ...


class Traffic:
    """Counts requests under way and watches over bodies. One timer for all: a timer each would cost more than parsing.

    `is_draining` is set once, by `drain`: replies then ask their connections to close.
    """

    def __init__(self, clock: Clock, body_timeout_s: float) -> None:
        self._clock = clock
        self._body_timeout_s = body_timeout_s
        # In the order of their beginning; values are monotonic seconds.
        self._bodies: dict[SlowBody, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._idle: asyncio.Event | None = None
        self.active = 0
        self.is_draining = False

    def begin(self) -> None:
        """A request's headers are here."""
        self.active += 1

    def end(self) -> None:
        """A request is answered, or its connection is gone."""
        self.active -= 1
        if self._idle is not None and not self.active:
            self._idle.set()

    def body_begins(self, body: SlowBody) -> None:
        """Watch over a body that may still be arriving."""
        self._bodies[body] = self._clock.mono_s()
        if self._timer is None:
            self._wait(self._body_timeout_s)

    def body_ends(self, body: SlowBody) -> None:
        """Stop watching it. Allowed for one that is not watched."""
        self._bodies.pop(body, None)

    async def drain(self, grace_s: float) -> bool:
        """Wait until nothing is under way; False if something still was after `grace_s` seconds."""
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
        """Stop the timer; the loop is about to end."""
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
            body.give_up()


# Smaller bodies are not counted: as many of them as connections is little.
SMALL_BODY_BYTES = 64 * 1024
_AGAIN_S = 5.0


class Uploads:
    """Counts the bytes of large bodies that are held at this moment."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self.held_bytes = 0

    def take(self, count: int) -> None:
        """Hold `count` bytes more.

        Raises:
            OverloadError: there is no room for them; nothing is held.
        """
        if self.held_bytes + count > self._limit_bytes:
            raise OverloadError("Too many large bodies at once.", retry_after_s=_AGAIN_S)
        self.held_bytes += count

    def give_back(self, count: int) -> None:
        """Let go of `count` bytes."""
        self.held_bytes -= count


_Read = TypeVar("_Read")

# A larger body is read in a thread: one of nothing but oddities takes 3 ms a kilobyte.
LARGE_BODY_BYTES = 8 * 1024
# Read in half a second, whatever it holds; a body of MAX_REQUEST_SIZE may take several.
_GIANT_BODY_BYTES = 256 * 1024


class BodyReaders:
    """The threads of one server; each begins with the first body for it."""

    def __init__(self) -> None:
        self._usual = ThreadPoolExecutor(1, "body reader")
        self._giants = ThreadPoolExecutor(1, "giant body reader")

    def read(self, size_bytes: int, read: Callable[[], _Read]) -> asyncio.Future[_Read]:
        """Call `read`, for a body of `size_bytes`, when it is its turn."""
        readers = self._usual if size_bytes <= _GIANT_BODY_BYTES else self._giants
        return asyncio.get_running_loop().run_in_executor(readers, read)

    def close(self) -> None:
        """Take no more; what waits is still read."""
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
