"""How many connections there are, and from where; who is one too many.

Not here: the connections themselves (listener.py). Threads: the event loop.
"""

import resource
from collections import Counter

from config.proxies import TrustedProxies
from web.door.clients import is_proxy
from web.problems import Problem

# Open files beside connections: the store's, the logs', those to models and to Omi.
_OTHER_FILES = 128
_FEWEST = 16
_AGAIN_S = 5.0

FULL = Problem(
    503, "too_many_connections", "The server has no room for more connections.", "Try again in a moment.", _AGAIN_S
)
FULL_FOR_ADDRESS = Problem(
    429,
    "too_many_connections",
    "There are too many connections from this address.",
    "Keep connections open and use them again; MAX_CONNECTIONS_PER_ADDRESS sets the limit.",
    _AGAIN_S,
)


class Census:
    """Counts open connections by address. Addresses without any are forgotten."""

    def __init__(self, limit: int, limit_per_address: int, trusted: TrustedProxies) -> None:
        self._limit = limit
        self._limit_per_address = limit_per_address
        self._trusted = trusted
        self._by_address: Counter[str] = Counter()
        self.total = 0

    def enter(self, address: str) -> Problem | None:
        """Count a new connection; or say why it is one too many, and count nothing."""
        if self.total >= self._limit:
            return FULL
        if self._by_address[address] >= self._limit_per_address and not is_proxy(address, self._trusted):
            return FULL_FOR_ADDRESS
        self.total += 1
        self._by_address[address] += 1
        return None

    def leave(self, address: str) -> None:
        """Count a connection that was counted as closed."""
        self.total -= 1
        self._by_address[address] -= 1
        if self._by_address[address] <= 0:
            del self._by_address[address]


def share_of(room: int) -> int:
    """Return how many of all connections one address may have at most: never so many that nobody else gets one."""
    return max(1, room * 3 // 4)


def possible_connections(wanted: int) -> int:
    """Return how many of the wanted connections the system's limit of open files allows.

    Without files left, accepting fails again and again at full speed, and the store cannot open its own.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return wanted if soft == resource.RLIM_INFINITY else min(wanted, max(_FEWEST, soft - _OTHER_FILES))
