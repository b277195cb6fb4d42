"""Readings of the metrics: a copy of the registry with sums and the growth since an earlier copy.

Not here: the metrics (metrics.py), quantiles (latencies.py), texts (status/). Threads: the event loop takes copies, at
3 ms each; any may read them.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.samples import Sample

# A sample's labels as sorted pairs.
_Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Readings:
    """The samples of /metrics at one moment, by name, with `_total`, `_count`, `_sum`; buckets are left out."""

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


class Times(Histogram):
    """A histogram that leaves out its buckets while readings are taken: they are most of all samples."""

    is_brief = False

    def _child_samples(self) -> Iterable[Sample]:
        if not Times.is_brief:
            return super()._child_samples()
        count = sum(bucket.get() for bucket in self._buckets)
        return (Sample("_count", {}, count, None, None), Sample("_sum", {}, self._sum.get(), None, None))


def take_readings(registry: CollectorRegistry) -> Readings:
    """Copy the samples of the registry."""
    samples: dict[str, dict[_Labels, float]] = {}
    Times.is_brief = True
    try:
        for metric in registry.collect():
            for sample in metric.samples:
                samples.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    finally:
        Times.is_brief = False
    return Readings(samples)
