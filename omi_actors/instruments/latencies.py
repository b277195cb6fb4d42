"""Latencies: recorders that take seconds, and sketches that return their quantiles within 2 %.

A recorder only appends to a list, which costs a request some 50 ns. Once a second the metrics collector moves the
values into sketches, at 2 µs each.
Not here: windows of minutes (minutes.py), Prometheus's buckets (metrics.py). Threads: recorders any, sketches one.
"""

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from ddsketch.ddsketch import BaseDDSketch
from ddsketch.mapping import LogarithmicMapping
from ddsketch.store import DenseStore

# The largest relative error of a quantile.
ACCURACY = 0.02
# Values that wait for the collector; more come only if it does not run, and then the oldest are dropped.
_MOST_WAITING = 100_000
# Seconds; shorter values count as this, so that the bins of a sketch are few.
_SHORTEST_S = 1e-6
_MAPPING = LogarithmicMapping(ACCURACY)


@dataclass(frozen=True, slots=True)
class Summary:
    """A sketch in figures, in seconds. Without values, `count` is 0 and the rest None."""

    count: int = 0
    mean: float | None = None
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    highest: float | None = None


class Sketch:
    """Seconds with their count, sum, highest value and quantiles. Sketches can be merged."""

    __slots__ = ("_bins", "_sketch", "count", "highest", "total")

    def __init__(self) -> None:
        self._bins = DenseStore()
        self._sketch = BaseDDSketch(_MAPPING, self._bins, DenseStore(), 0.0)
        self.count = 0
        self.total = 0.0
        self.highest = 0.0

    def add(self, seconds: float) -> None:
        """Add a value."""
        seconds = max(seconds, _SHORTEST_S)
        self._sketch.add(seconds)
        self.count += 1
        self.total += seconds
        self.highest = max(self.highest, seconds)

    def merge(self, other: "Sketch") -> None:
        """Add all values of another sketch."""
        self._sketch.merge(other._sketch)  # noqa: SLF001 (of the same class)
        self.count += other.count
        self.total += other.total
        self.highest = max(self.highest, other.highest)

    def quantile(self, share: float) -> float | None:
        """Return the least value that this share of the values does not exceed (nearest rank); None without values."""
        if not self.count:
            return None
        # The library counts from 0 and rounds down; the half keeps a rounding error from doing so, too.
        rank = math.ceil(share * self.count) - 0.5
        value = self._sketch.get_quantile_value(min(1.0, rank / max(1, self.count - 1)))
        return self.highest if value is None else min(float(value), self.highest)

    def summary(self) -> Summary:
        """Return the figures."""
        if not self.count:
            return Summary()
        p50, p95, p99 = (self.quantile(share) for share in (0.5, 0.95, 0.99))
        return Summary(self.count, self.total / self.count, p50, p95, p99, self.highest)

    @property
    def bins(self) -> list[tuple[int, int]]:
        """Return the bins that hold values: the key and the count of each."""
        first = self._bins.offset
        return [(first + index, round(count)) for index, count in enumerate(self._bins.bins) if count]

    def fill(self, bins: Iterable[tuple[int, int]], total: float, highest: float) -> None:
        """Add the values of a sketch that was stored: its bins, its sum and its highest value."""
        for key, count in bins:
            self._sketch.add(_MAPPING.value(key), count)
            self.count += count
        self.total += total
        self.highest = max(self.highest, highest)


def merge_all(sketches: Iterable[Sketch]) -> Sketch:
    """Return one sketch with the values of all."""
    whole = Sketch()
    for sketch in sketches:
        whole.merge(sketch)
    return whole


class Recorder:
    """Takes seconds from any thread; `note` is called for each value, `take` by the collector alone."""

    __slots__ = ("_waiting", "note")

    def __init__(self) -> None:
        self._waiting: deque[float] = deque(maxlen=_MOST_WAITING)
        self.note = self._waiting.append

    def take(self) -> list[float]:
        """Remove the values that wait, and return them."""
        return [self._waiting.popleft() for _ in range(len(self._waiting))]


# Requests by group, then the parts of an answer's way, and the store.
WEBHOOK, CHAT, PEOPLE, PAGES = "webhook", "chat", "people", "pages"
ANSWER, MODEL, COMMIT = "answer", "model", "commit"
RECORDERS = {name: Recorder() for name in (WEBHOOK, CHAT, PEOPLE, PAGES, ANSWER, MODEL, COMMIT)}
# Groups of requests that are the server's work for people; pages, assets and probes are apart.
TRAFFIC = (WEBHOOK, CHAT, PEOPLE)

_CHAT_ROUTES = frozenset(("/chat", "/messages/send", "/v1/chat/completions", "/v1/responses"))
_PAGE_ROUTES = frozenset(("/", "/health", "/livez", "/readyz", "/metrics", "/help", "/api/info"))
_PAGE_FOLDERS = ("/app/", "/metrics-dashboard", "/operator", "/omi-webhook/")
_PAGE_FILES = (".css", ".js", ".svg", ".png", ".ico", ".html", ".webmanifest")


def group_of(route: str) -> str:
    """Return the group of a route's requests. Unknown addresses are among the people's, as errors of their callers."""
    if route == "/omi-webhook":
        return WEBHOOK
    if route in _CHAT_ROUTES:
        return CHAT
    if route in _PAGE_ROUTES or route.startswith(_PAGE_FOLDERS) or route.endswith(_PAGE_FILES):
        return PAGES
    return PEOPLE
