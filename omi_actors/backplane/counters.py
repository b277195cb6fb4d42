"""Counts over fixed windows, for limits: counted here at once, and exchanged with the other nodes by and by.

A hit never waits for anybody: it knows this node's count and, of the others', what the last exchange said. A key is
exchanged once its own count is a quarter of its limit: what is far from its limit everywhere costs nobody anything.
So up to four nodes together admit no more than the limit and what comes during one exchange; N of them at most N/4
limits.
Not here: the exchange itself (redis_backplane.py), what is limited (web/). Threads: the event loop's.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from omi_actors.clock import Clock

# Keys counted at a time; more are invented by a flood. The oldest goes first, in its favour.
_MAX_KEYS = 100_000
# The part of its limit from which on a key is exchanged: one in so many.
_QUIET_PART = 4


class Hit(NamedTuple):
    """How a key stands: whether this hit is within its limit, how many more are, seconds until its window ends."""

    is_allowed: bool
    remaining: int
    reset_s: float


@dataclass(slots=True)
class _Window:
    """`own` hits, of which the others were told of `sent`; theirs are `others`."""

    ends_mono_s: float
    own: int = 0
    sent: int = 0
    others: int = 0


class Unsent(NamedTuple):
    """Hits of a key that other nodes do not know of, and the seconds that its window still lasts here."""

    key: str
    hits: int
    left_s: float


class WindowCounters:
    """See the module. A key's window begins with its first hit; windows of shared keys end together."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._windows: dict[str, _Window] = {}
        self._unsent: dict[str, None] = {}
        self._on_unsent: Callable[[], None] | None = None

    def __len__(self) -> int:
        return len(self._windows)

    def hit(self, key: str, *, limit: int, window_s: float) -> Hit:
        """Count one hit of `key`; also one beyond the limit counts."""
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
        """Tell how a next hit would stand, without counting it."""
        now_mono_s = self._clock.mono_s()
        window = self._windows.get(key)
        if window is None or window.ends_mono_s <= now_mono_s:
            return Hit(limit > 0, limit, window_s)
        remaining = max(0, limit - window.own - window.others)
        return Hit(remaining > 0, remaining, window.ends_mono_s - now_mono_s)

    def _begin(self, key: str, now_mono_s: float, window_s: float) -> _Window:
        self._windows.pop(key, None)
        # Two old ones may go for one that comes: what has ended does not pile up.
        for old in list(islice(self._windows, 2)):
            if self._windows[old].ends_mono_s <= now_mono_s or len(self._windows) >= _MAX_KEYS:
                del self._windows[old]
        window = self._windows[key] = _Window(now_mono_s + window_s)
        return window

    # --- for whoever exchanges them

    def share(self, on_unsent: Callable[[], None] | None) -> None:
        """Call `on_unsent()` when there is something to exchange; None while nobody exchanges.

        What was told and heard stays known meanwhile: these hits were made.
        """
        self._on_unsent = on_unsent

    def take_unsent(self, most: int) -> Sequence[Unsent]:
        """Take what the other nodes should be told of, up to `most` keys. It counts as told, whatever becomes of it.

        Told twice, it would lock somebody out who has done nothing; told never, it admits a few more.
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
        """Whether there is something to tell."""
        return bool(self._unsent)

    def learn(self, key: str, *, total: int, left_s: float) -> None:
        """Take note of what all nodes together have counted of `key`, in a window that ends in `left_s` seconds."""
        window = self._windows.get(key)
        if window is not None and window.sent:
            window.others = max(0, total - window.sent)
            window.ends_mono_s = self._clock.mono_s() + left_s
