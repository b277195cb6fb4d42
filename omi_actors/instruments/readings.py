"""Readings of the metrics: a copy of the registry with sums, quantiles and the growth since an earlier copy.

Not here: the metrics (metrics.py), texts about them (status/). Threads: any; a copy takes a few milliseconds.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

# A sample's labels as sorted pairs.
_Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Readings:
    """All samples of /metrics at one moment, by name, with `_total`, `_count`, `_sum`, `_bucket`."""

    samples: Mapping[str, Mapping[_Labels, float]]

    def total(self, name: str, **labels: str) -> float:
        """Return the sum of the samples with this name and these labels; 0 if there are none."""
        return sum(value for _, value in self._matching(name, labels))

    def by(self, label: str, name: str, **labels: str) -> dict[str, float]:
        """Return a sum for each value of one label, in alphabetical order."""
        sums: dict[str, float] = {}
        for own, value in self._matching(name, labels):
            word = next((word for other, word in own if other == label), "")
            sums[word] = sums.get(word, 0.0) + value
        return dict(sorted(sums.items()))

    def mean(self, histogram: str, **labels: str) -> float | None:
        """Return a histogram's mean; None if nothing was observed."""
        count = self.total(f"{histogram}_count", **labels)
        return self.total(f"{histogram}_sum", **labels) / count if count else None

    def quantile(self, share: float, histogram: str, **labels: str) -> float | None:
        """Return a histogram's quantile; None if nothing was observed. `share` is between 0 and 1.

        It assumes that values are spread evenly within a bucket. Above the last bound it returns that bound.
        Source: Prometheus's histogram_quantile.
        """
        by_bound = self.by("le", f"{histogram}_bucket", **labels)
        counts = sorted((float(bound), count) for bound, count in by_bound.items())
        if not counts or not counts[-1][1]:
            return None
        rank, low, below = share * counts[-1][1], 0.0, 0.0
        for bound, count in counts:
            if count >= rank and count > below:
                return low if math.isinf(bound) else low + (bound - low) * (rank - below) / (count - below)
            low, below = (low if math.isinf(bound) else bound), count
        return low

    def since(self, earlier: "Readings | None") -> "Readings":
        """Return the growth of counters and histograms since `earlier`. For gauges the difference has no meaning."""
        if earlier is None:
            return self
        gained = {}
        for name, values in self.samples.items():
            before = earlier.samples.get(name, {})
            gained[name] = {labels: value - before.get(labels, 0.0) for labels, value in values.items()}
        return Readings(gained)

    def _matching(self, name: str, labels: Mapping[str, str]) -> Iterator[tuple[_Labels, float]]:
        wanted = tuple(labels.items())
        for own, value in self.samples.get(name, {}).items():
            if all(pair in own for pair in wanted):
                yield own, value


def take_readings(registry: CollectorRegistry) -> Readings:
    """Copy all samples of the registry."""
    samples: dict[str, dict[_Labels, float]] = {}
    for metric in registry.collect():
        for sample in metric.samples:
            samples.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return Readings(samples)
