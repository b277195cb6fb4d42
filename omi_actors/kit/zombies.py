"""Zombies: threads that outlived their shutdown timeout. Python cannot kill them; they are fenced and counted.

Not here: fencing (life.py). Threads: the loop's.
"""

from collections.abc import Callable  # noqa: TC003 (named at run time by the annotation)

from omi_actors.instruments import metrics


class Zombies:
    """How many there are. Above `limit` (set by the root) `on_too_many` is called: the process should end."""

    def __init__(self) -> None:
        self.count = 0
        self.limit: int | None = None
        self.on_too_many: Callable[[], None] | None = None

    def add(self) -> None:
        """Count one more."""
        self.count += 1
        metrics.ZOMBIE_ACTORS.inc()
        if self.limit is not None and self.count > self.limit and self.on_too_many is not None:
            self.on_too_many()

    def remove(self) -> None:
        """Count one less: its thread ended at last."""
        self.count -= 1
        metrics.ZOMBIE_ACTORS.dec()
