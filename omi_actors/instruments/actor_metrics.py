"""The metrics of actors, counted by the kit's hooks.

Not here: the metrics' definitions (metrics.py), the calls of the hooks (kit). Threads: any.
"""

from functools import cache

from omi_actors.instruments import metrics
from omi_actors.kit.reports import Hooks

# A label lookup is a lock and a dict; at 20,000 starts a second the cache is worth it. Kinds are few.
_live = cache(metrics.ACTORS_LIVE.labels)


class ActorMetrics(Hooks):
    """Hooks of the kit that count in the metrics registry."""

    def started(self, kind: str, *, is_restart: bool) -> None:
        """Count an incarnation that starts; if it is a restart, count this, too."""
        if is_restart:
            metrics.ACTOR_RESTARTS.labels(kind).inc()
        _live(kind).inc()

    def recovered(self, kind: str, seconds: float) -> None:
        """Record the seconds from a crash to the replacement."""
        metrics.RECOVERY_SECONDS.labels(kind).observe(seconds)

    def ended(self, kind: str) -> None:
        """Count an incarnation that ended."""
        _live(kind).dec()

    def crashed(self, kind: str) -> None:
        """Count a crash."""
        metrics.ACTOR_CRASHES.labels(kind).inc()

    def refused(self, kind: str, reason: str) -> None:
        """Count an undeliverable message; if a mailbox is full, count this, too."""
        if reason == "full":
            metrics.MAILBOX_FULL.labels(kind).inc()
        metrics.UNDELIVERABLE.labels(kind, reason).inc()

    def ask_timed_out(self, kind: str) -> None:
        """Count an ask that got no reply in time."""
        metrics.ASK_TIMEOUTS.labels(kind).inc()

    def quarantined(self, kind: str) -> None:
        """Count a quarantine, and add one to the children in quarantine."""
        metrics.QUARANTINES.labels(kind).inc()
        metrics.QUARANTINED.labels(kind).inc()

    def released(self, kind: str) -> None:
        """Subtract one from the children in quarantine."""
        metrics.QUARANTINED.labels(kind).dec()

    def zombies_changed(self, change: int) -> None:
        """Add `change` to the number of zombie threads."""
        metrics.ZOMBIE_ACTORS.inc(change)
