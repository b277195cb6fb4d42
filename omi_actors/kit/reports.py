"""Reports about actors: calls for a program's metrics, crash lines for its log, the count of zombie threads.

Not here: the metrics (instruments/actor_metrics.py), the form of a line (instruments/logs.py). Threads: the loop's;
`Hooks.refused` from any.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from omi_actors.clock import Clock

_log = structlog.stdlib.get_logger(__name__)


class Hooks:
    """Calls that the kit makes when something happens to an actor of a `kind`. Here they do nothing; override some."""

    def started(self, kind: str, *, is_restart: bool) -> None:
        """Count an incarnation that begins to start. `is_restart`: it replaces one that crashed."""

    def recovered(self, kind: str, seconds: float) -> None:
        """Record that a replacement runs, `seconds` after the crash."""

    def ended(self, kind: str) -> None:
        """Count an incarnation that ended, for whatever reason."""

    def crashed(self, kind: str) -> None:
        """Count a crash. `ended` was called before."""

    def refused(self, kind: str, reason: str) -> None:
        """Count a message that no actor will handle. `reason` is full, stopped, quarantined or unexpected."""

    def ask_timed_out(self, kind: str) -> None:
        """Count an ask that got no reply in time."""

    def quarantined(self, kind: str) -> None:
        """Count a child that goes into quarantine."""

    def released(self, kind: str) -> None:
        """Count a child that leaves its quarantine, or ends during it."""

    def zombies_changed(self, change: int) -> None:
        """Add `change` to the count of zombie threads: 1 when a thread is fenced, -1 when a fenced thread ends."""


# Ten lines show what happens, and are too few to fill a disk. Pekko limits its log of dead letters so.
LINES_PER_PERIOD = 10
PERIOD_S = 300.0


@dataclass(slots=True)
class _Period:
    began_at_s: float
    lines: int = 0
    silenced: int = 0


# Actors whose crashes are remembered; then the one that crashed first is forgotten.
_NOTED = 500


@dataclass(slots=True)
class CrashNote:
    """The crashes of one actor or kind: their number, and the last error's type and place, without its text."""

    count: int = 0
    last: str = ""

    def add(self, error: BaseException) -> None:
        """Count one more."""
        self.count += 1
        self.last = f"{type(error).__name__} in {_place_of(error)}"


def _place_of(error: BaseException) -> str:
    """Return the file, with its folder, and the line that raised the error."""
    trace = error.__traceback__
    if trace is None:
        return "no place"
    while trace.tb_next is not None:
        trace = trace.tb_next
    return f"{'/'.join(Path(trace.tb_frame.f_code.co_filename).parts[-2:])}:{trace.tb_lineno}"


class CrashLog:
    """Logs crashes, without any message content. After ten of one kind in five minutes it only counts them.

    `notes` has the crashes by actor, `by_kind` those of all actors of a kind.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._periods: dict[str, _Period] = {}
        self.notes: dict[str, CrashNote] = {}
        self.by_kind: dict[str, CrashNote] = {}

    def write(self, kind: str, actor: str, error: BaseException) -> None:
        """Log that `actor` crashed with `error`. Only count the crash if its kind has no lines left in this period."""
        if actor not in self.notes and len(self.notes) >= _NOTED:
            del self.notes[next(iter(self.notes))]
        self.notes.setdefault(actor, CrashNote()).add(error)
        self.by_kind.setdefault(kind, CrashNote()).add(error)
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
            exc_info=error,
            silenced_before=silenced,
        )


class Zombies:
    """Counts zombies: threads that outlived their shutdown timeout.

    Above `limit` (set by the root) it calls `on_too_many`, which should end the process.
    """

    def __init__(self, on_change: Callable[[int], None]) -> None:
        self.count = 0
        self.limit: int | None = None
        self.on_too_many: Callable[[], None] | None = None
        self._on_change = on_change

    def add(self) -> None:
        """Count one more zombie thread."""
        self.count += 1
        self._on_change(1)
        if self.limit is not None and self.count > self.limit and self.on_too_many is not None:
            self.on_too_many()

    def remove(self) -> None:
        """Count one zombie thread less, since it has ended."""
        self.count -= 1
        self._on_change(-1)
