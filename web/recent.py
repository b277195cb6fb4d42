"""A map of what was used lately: bounded by bytes, and what is not used for two minutes is forgotten.

Not here: what is kept (people/polls.py). Threads: the event loop.
"""

import asyncio
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

# Seconds. A value is forgotten between one and two of these after its last use, so that deleted text leaves the memory.
_KEEP_S = 60.0
# The part of all bytes that one value may have.
_LARGEST = 1 / 100


class Recent(Generic[K, V]):
    """Values that can be made again, by key. Two generations: a value that is used moves to the younger one.

    recent: Recent[bytes, bytes] = Recent(1_000_000)
    recent.put(b"key", b"value", 8)
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._young: dict[K, tuple[V, int]] = {}
        self._old: dict[K, tuple[V, int]] = {}
        self._young_bytes = 0
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def get(self, key: K) -> V | None:
        """Return the value of a key, or None."""
        known = self._young.get(key)
        if known is None and (known := self._old.pop(key, None)) is not None:
            self.put(key, *known)
        return None if known is None else known[0]

    def put(self, key: K, value: V, size_bytes: int) -> None:
        """Keep a value, unless it is large. If there are too many bytes, the older generation is forgotten."""
        if size_bytes > self._max_bytes * _LARGEST:
            return
        if self._young_bytes + size_bytes > self._max_bytes // 2:
            self._age()
        self._young[key] = value, size_bytes
        self._young_bytes += size_bytes
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_KEEP_S, self._tick)

    def _tick(self) -> None:
        self._age()
        is_empty = not self._old
        self._timer = None if is_empty else asyncio.get_running_loop().call_later(_KEEP_S, self._tick)

    def _age(self) -> None:
        self._old, self._young, self._young_bytes = self._young, {}, 0
