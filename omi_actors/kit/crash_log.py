"""One line per crash, and after ten of a kind within five minutes only their number.

Not here: what a line may carry (instruments/logs.py). Threads: the loop's.
"""

from collections.abc import Callable  # noqa: TC003 (named at run time by the annotation)
from dataclasses import dataclass

from omi_actors.clock import Clock
from omi_actors.instruments import metrics
from omi_actors.instruments.logs import describe_error, get_logger

_log = get_logger(__name__)

# As Pekko logs its dead letters: enough to see what happens, too little to fill a disk.
LINES_PER_PERIOD = 10
PERIOD_S = 300.0


@dataclass(slots=True)
class _Period:
    began_at_s: float
    lines: int = 0
    silenced: int = 0


class CrashLog:
    """Lines by kind of actor. No message content: messages hold what people said."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._periods: dict[str, _Period] = {}

    def write(self, kind: str, actor: str, error: BaseException) -> None:
        """Log that `actor` died of `error`, unless enough of its kind have been logged."""
        now_s = self._clock.mono_s()
        period = self._periods.get(kind)
        silenced = 0
        if period is None or now_s - period.began_at_s >= PERIOD_S:
            silenced = 0 if period is None else period.silenced
            period = self._periods[kind] = _Period(now_s)
        if period.lines >= LINES_PER_PERIOD:
            period.silenced += 1
            return
        period.lines += 1
        _log.error(
            "actor crashed",
            kind=kind,
            actor=actor,
            error=type(error).__name__,
            exception=describe_error(error),
            silenced_before=silenced,
        )


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
