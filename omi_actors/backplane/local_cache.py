"""A cache in this process: bounded in entries and bytes, the longest unused goes first.

Not here: sharing it (redis_backplane.py). Threads: the event loop's.
"""

from collections import OrderedDict

from omi_actors.clock import Clock

# A larger value is not kept: one would push out hundreds, and Redis moves them all through one thread.
MAX_VALUE_BYTES = 16 * 1024
# What the cache may hold, and so what it may cost in memory (16,384 entries of 16 KiB at worst, were it not for bytes).
MAX_ENTRIES = 16_384
_MAX_BYTES = 16 * 1024 * 1024
# Seconds. Whatever is kept longer is no cache any more.
MAX_TTL_S = 86_400.0


class LocalCache:
    """See the module."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: OrderedDict[str, tuple[bytes, float]] = OrderedDict()
        self._size_bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: str) -> bytes | None:
        """Return what is kept under `key` and still fresh."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry[1] <= self._clock.mono_s():
            self.delete(key)
            return None
        self._entries.move_to_end(key)
        return entry[0]

    def set(self, key: str, value: bytes, ttl_s: float) -> None:
        """Keep `value` for `ttl_s` seconds, unless it is too large."""
        self.delete(key)
        if not is_cacheable(value, ttl_s):
            return
        self._entries[key] = (value, self._clock.mono_s() + min(ttl_s, MAX_TTL_S))
        self._size_bytes += len(value)
        while len(self._entries) > MAX_ENTRIES or self._size_bytes > _MAX_BYTES:
            _, (oldest, _) = self._entries.popitem(last=False)
            self._size_bytes -= len(oldest)

    def delete(self, key: str) -> None:
        """Forget `key`."""
        value, _ = self._entries.pop(key, (b"", 0.0))
        self._size_bytes -= len(value)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self._size_bytes = 0


def is_cacheable(value: bytes, ttl_s: float) -> bool:
    """Tell whether a cache keeps `value` at all."""
    return len(value) <= MAX_VALUE_BYTES and ttl_s > 0
