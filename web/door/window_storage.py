"""Where the `limits` library counts: in a dictionary of bounded size, by our clock.

The library's own storage in memory starts a thread for a request, and has no bound for the keys that a flood invents.
Not here: what is counted (rate_limits.py). Threads: the event loop.
"""

from limits.storage import Storage

from omi_actors.clock import Clock

_MAX_KEYS = 50_000


class WindowStorage(Storage):
    """Counts by key, each with the monotonic second at which it is forgotten. All have the same window."""

    STORAGE_SCHEME = None

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        # In the order of their beginning, and so of their end.
        self._windows: dict[str, tuple[int, float]] = {}

    @property
    def base_exceptions(self) -> type[Exception]:
        """Return what may go wrong in the storage: nothing of its own."""
        return ValueError

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Count `amount` more; the first one begins a window of `expiry` seconds."""
        count, ends_mono_s = self._alive(key) or (0, self._clock.mono_s() + expiry)
        if not count:
            self._windows.pop(key, None)
            self._make_room()
        self._windows[key] = (count + amount, ends_mono_s)
        return count + amount

    def get(self, key: str) -> int:
        """Return the count of the window at hand."""
        return (self._alive(key) or (0, 0.0))[0]

    def get_expiry(self, key: str) -> float:
        """Return the monotonic second at which the window ends; now, if there is none."""
        return (self._alive(key) or (0, self._clock.mono_s()))[1]

    def check(self) -> bool:
        """Tell that the storage works."""
        return True

    def reset(self) -> int:
        """Forget everything; return how many keys that were."""
        count = len(self._windows)
        self._windows.clear()
        return count

    def clear(self, key: str) -> None:
        """Forget one key."""
        self._windows.pop(key, None)

    def _alive(self, key: str) -> tuple[int, float] | None:
        window = self._windows.get(key)
        return window if window is not None and window[1] > self._clock.mono_s() else None

    def _make_room(self) -> None:
        """Forget windows that have ended; if all are open still, the one that ends next."""
        now_mono_s = self._clock.mono_s()
        while self._windows:
            oldest = next(iter(self._windows))
            if self._windows[oldest][1] > now_mono_s and len(self._windows) < _MAX_KEYS:
                return
            del self._windows[oldest]
