"""Counts over fixed windows, for rate limits over several nodes.

A hit (one request) is counted at once, without waiting for other nodes: their hits are known from the last exchange. A
key is exchanged only when it has a quarter of its limit on this node; most keys never do. So up to four nodes together
admit the limit, plus the hits during one exchange. N nodes (N > 4) admit at most N/4 times the limit.
Not here: the exchange (redis_backplane.py), the limits (web/edge/limits.py). Threads: the event loop.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from omi_actors.clock import Clock

# Keys in memory; only a flood has more. Then the oldest is dropped, which admits its sender.
_MAX_KEYS = 100_000
# A key is exchanged from this part of its limit on: one in four.
_QUIET_PART = 4


class Hit(NamedTuple):
    """The state of a key: whether this hit is within the limit, hits that remain, seconds until the window ends."""

    is_allowed: bool
    remaining: int
    reset_s: float


@dataclass(slots=True)
class _Window:
    """This node's hits `own`, of which `sent` were sent to the other nodes; their hits `others`."""

    ends_mono_s: float
    own: int = 0
    sent: int = 0
    others: int = 0


class Unsent(NamedTuple):
    """Hits of a key that the other nodes do not know, and the seconds that its window still lasts here."""

    key: str
    hits: int
    left_s: float


class WindowCounters:
    """Counts by key. A key's window begins with its first hit; windows of exchanged keys end together.

    Example:
        counters = WindowCounters(clock)
        hit = counters.hit(address, limit=100, window_s=60.0)
        if not hit.is_allowed: refuse(retry_after_s=hit.reset_s)
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._windows: dict[str, _Window] = {}
        self._unsent: dict[str, None] = {}
        self._on_unsent: Callable[[], None] | None = None

    def __len__(self) -> int:
        return len(self._windows)

    def hit(self, key: str, *, limit: int, window_s: float) -> Hit:
        """Count one hit of `key`, also beyond the limit."""
        now_mono_s = self._clock.mono_s()
        window = self._windows.get(key)
        if window is None or window.ends_mono_s <= now_mono_s:
            window = self._begin(key, now_mono_s, window_s)
        window.own += 1
        if self._on_unsent is not None and window.own * _QUIET_PART >= limit >= window.sent + window.others:
            self._unsent[key] = None
            self._on_unsent()
        total = window.own + window.others
        return Hit(total <= limit, limit - total if total < limit else 0, window.ends_mono_s - now_mono_s)

    def peek(self, key: str, *, limit: int, window_s: float) -> Hit:
        """Return the result of a next hit without counting it."""
        now_mono_s = self._clock.mono_s()
        window = self._windows.get(key)
        if window is None or window.ends_mono_s <= now_mono_s:
            return Hit(limit > 0, limit, window_s)
        remaining = max(0, limit - window.own - window.others)
        return Hit(remaining > 0, remaining, window.ends_mono_s - now_mono_s)

    def _begin(self, key: str, now_mono_s: float, window_s: float) -> _Window:
        self._windows.pop(key, None)
        # Up to two old windows go for each new one, so that ended ones do not pile up.
        for old in list(islice(self._windows, 2)):
            if self._windows[old].ends_mono_s <= now_mono_s or len(self._windows) >= _MAX_KEYS:
                del self._windows[old]
        window = self._windows[key] = _Window(now_mono_s + window_s)
        return window

    # --- for the exchange

    def share(self, on_unsent: Callable[[], None] | None) -> None:
        """Call `on_unsent()` when there are hits to exchange; None ends that. Exchanged counts stay."""
        self._on_unsent = on_unsent

    def take_unsent(self, most: int) -> Sequence[Unsent]:
        """Take the hits of up to `most` keys for the other nodes. They count as sent even if that fails.

        Hits sent twice would lock out an innocent sender; hits never sent only admit a few more.
        """
        now_mono_s = self._clock.mono_s()
        taken = []
        for key in list(islice(self._unsent, most)):
            del self._unsent[key]
            window = self._windows.get(key)
            if window is not None and window.ends_mono_s > now_mono_s:
                taken.append(Unsent(key, window.own - window.sent, window.ends_mono_s - now_mono_s))
                window.sent = window.own
        return taken

    @property
    def has_unsent(self) -> bool:
        """Return True if there are hits to exchange."""
        return bool(self._unsent)

    def learn(self, key: str, *, total: int, left_s: float) -> None:
        """Set the count of `key` over all nodes, in a window that ends in `left_s` seconds."""
        window = self._windows.get(key)
        if window is not None and window.sent:
            window.others = max(0, total - window.sent)
            window.ends_mono_s = self._clock.mono_s() + left_s
