"""Spells: since when a kind of failure has been coming, and how often. A spell ends a minute after its last failure.

Not here: the metrics (metrics.py), words about spells (status/causes.py). Threads: the event loop.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client import Counter

from omi_actors.instruments import metrics

# Seconds without a failure after which its spell has ended: the operator's page then shows its cause no more.
CALM_S = 60.0
# Counters of failures, with the label that tells their kinds, and the values of other labels that make a failure.
_WATCHED: tuple[tuple[Counter, str, dict[str, str]], ...] = (
    (metrics.WEBHOOKS_REFUSED, "reason", {}),
    (metrics.WEBHOOKS_DROPPED, "reason", {}),
    (metrics.HTTP_REQUESTS, "route", {"status": "5xx"}),
    (metrics.ANSWERS, "cause", {"outcome": "failed"}),
    (metrics.NOTIFICATIONS, "outcome", {}),
    (metrics.JOB_ATTEMPTS, "kind", {"outcome": "buried"}),
    (metrics.STORE_ERRORS, "kind", {}),
    (metrics.ACTOR_CRASHES, "kind", {}),
    (metrics.BUDGET_REFUSALS, "whose", {}),
    (metrics.LOG_LINES_LOST, "reason", {}),
    (metrics.WEBHOOKS, "outcome", {"outcome": "accepted"}),
    (metrics.ANSWERS, "outcome", {"outcome": "answered"}),
)


@dataclass(slots=True)
class Spell:
    """Events of one kind without a pause of a minute: when the first and the latest were seen, and their number."""

    began_mono_s: float
    last_mono_s: float
    count: float = 0.0


class Spells:
    """The spells that have not ended. `watch` looks for new events, once a second.

    spells.watch(now_mono_s)
    spells.of("omi_webhooks_refused")     # {"unauthorized": Spell(...)}
    """

    def __init__(self) -> None:
        self._seen = dict(_count_events())
        self._spells: dict[tuple[str, str, str], Spell] = {}

    def watch(self, now_mono_s: float) -> None:
        """End the spells that are over, and note the events since the last call."""
        for key in [key for key, spell in self._spells.items() if now_mono_s - spell.last_mono_s > CALM_S]:
            del self._spells[key]
        for key, value in _count_events():
            added = value - self._seen.get(key, 0.0)
            self._seen[key] = value
            if added > 0:
                spell = self._spells.setdefault(key, Spell(now_mono_s, now_mono_s))
                spell.last_mono_s = now_mono_s
                spell.count += added

    def of(self, counter: str, label: str) -> dict[str, Spell]:
        """Return the spells of a counter by its label's values. The name is the metric's without `_total`."""
        return {word: spell for (name, by, word), spell in self._spells.items() if (name, by) == (counter, label)}


def _count_events() -> Iterator[tuple[tuple[str, str, str], float]]:
    """Yield the watched counts: the counter's name, the label and its value, and the sum over all other labels."""
    sums: dict[tuple[str, str, str], float] = {}
    for counter, label, wanted in _WATCHED:
        for metric in counter.collect():
            for sample in metric.samples:
                labels = sample.labels
                if sample.name.endswith("_total") and all(labels.get(name) == word for name, word in wanted.items()):
                    key = metric.name, label, labels[label]
                    sums[key] = sums.get(key, 0.0) + sample.value
    yield from sums.items()
