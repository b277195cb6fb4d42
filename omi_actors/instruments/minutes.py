"""Minutes: counts, gauges and latencies of each of the last minutes, windows over them, and their stored form.

Not here: taking the readings (actors/metrics_collector.py), the rows (store/minutes.py), words (status/).
Threads: the event loop. Ages are measured by the monotonic clock, so that leaps of the wall clock move no minute.
"""

import math
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from omi_actors.instruments.latencies import RECORDERS, TRAFFIC, Sketch, Summary, merge_all

MINUTE_S = 60.0
# Minutes that stay in memory, for the last hour; the store has those of a day.
KEPT = 60
# Seconds by which a minute may be longer or shorter than it should be.
_TOLERANCE_S = 2.0


@dataclass(frozen=True, slots=True)
class Minute:
    """One minute. `at` is its begin in UTC seconds, `mono_s` the same in monotonic seconds of this process.

    `counts` are growths, `gauges` the values at its end.
    """

    at: float
    mono_s: float
    counts: Mapping[str, float]
    gauges: Mapping[str, float]
    sketches: Mapping[str, Sketch]
    _summaries: dict[tuple[str, ...], Summary] = field(default_factory=dict)

    def summary(self, names: tuple[str, ...]) -> Summary:
        """Return the latencies of these recorders in this minute; they are computed once."""
        found = self._summaries.get(names)
        if found is None:
            own = (self.sketches[name] for name in names if name in self.sketches)
            found = self._summaries[names] = merge_all(own).summary()
        return found


class Minutes:
    """The minute under way, and the minutes of the last hour.

    minutes.fold()                                   # each second: what the recorders have taken
    minute = minutes.close(counts, gauges, …)        # each minute
    minutes.summary(("webhook",), minutes=5).p95     # over the last five closed minutes and the one under way
    """

    def __init__(self, now_mono_s: float) -> None:
        self.closed: deque[Minute] = deque(maxlen=KEPT)
        self.began_mono_s = now_mono_s
        self._current: dict[str, Sketch] = {name: Sketch() for name in RECORDERS}
        # Of the closed minutes: a window changes once a minute only.
        self._windows: dict[tuple[tuple[str, ...], int], Sketch] = {}

    def fold(self) -> None:
        """Take the values of all recorders into the minute under way."""
        for name, recorder in RECORDERS.items():
            sketch = self._current[name]
            for seconds in recorder.take():
                sketch.add(seconds)

    def close(self, counts: Mapping[str, float], gauges: Mapping[str, float], *, now_s: float, mono_s: float) -> Minute:
        """End the minute under way, keep and return it, and begin the next one."""
        length_s = mono_s - self.began_mono_s
        sketches = {name: sketch for name, sketch in self._current.items() if sketch.count}
        minute = Minute(now_s - length_s, self.began_mono_s, counts, gauges, sketches)
        self.closed.append(minute)
        self._current = {name: Sketch() for name in RECORDERS}
        self.began_mono_s = mono_s
        self._windows.clear()
        return minute

    def restore(self, earlier: Iterable[Minute]) -> None:
        """Put minutes of an earlier process, the oldest first, before those of this one."""
        known = (*earlier, *self.closed)
        self.closed.clear()
        self.closed.extend(known)
        self._windows.clear()

    def summary(self, names: tuple[str, ...], *, minutes: int) -> Summary:
        """Return the latencies of these recorders in the last minutes; the minute under way comes on top."""
        window = self._windows.get((names, minutes))
        if window is None:
            since_mono_s = self.began_mono_s - minutes * MINUTE_S - _TOLERANCE_S
            recent = [minute.sketches for minute in self.closed if minute.mono_s >= since_mono_s]
            found = (sketches[name] for sketches in recent for name in names if name in sketches)
            window = self._windows[names, minutes] = merge_all(found)
        return merge_all((window, *(self._current[name] for name in names))).summary()

    def by_minute(self) -> list[Minute | None]:
        """Return the closed minutes of the last hour, oldest first; None where no server ran."""
        slots: list[Minute | None] = [None] * KEPT
        for minute in self.closed:
            age = max(1, math.ceil((self.began_mono_s - minute.mono_s - _TOLERANCE_S) / MINUTE_S))
            if age <= KEPT:
                known = slots[-age]
                slots[-age] = minute if known is None else _join(known, minute)
        return slots


def _join(first: Minute, second: Minute) -> Minute:
    """Return one minute out of two parts of it, as before and after a restart."""
    counts = {name: first.counts.get(name, 0.0) + value for name, value in second.counts.items()}
    sketches = dict(first.sketches)
    for name, sketch in second.sketches.items():
        sketches[name] = merge_all((sketches[name], sketch)) if name in sketches else sketch
    return Minute(first.at, first.mono_s, counts, second.gauges, sketches)


# --- the stored form: JSON, with the quantiles beside the bins, so that a page of a day needs no sketches


class _Times(msgspec.Struct, omit_defaults=True):
    """Latencies of one recorder, in seconds. `bins` are a sketch's."""

    count: int
    sum: float
    highest: float
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    bins: list[tuple[int, int]] = []


class _Stored(msgspec.Struct):
    counts: dict[str, float]
    gauges: dict[str, float]
    times: dict[str, _Times]


class _Shown(msgspec.Struct):
    """A stored minute without its bins: reading them would take most of the time."""

    counts: dict[str, float]
    gauges: dict[str, float]
    times: dict[str, "_ShownTimes"]


class _ShownTimes(msgspec.Struct):
    count: int
    sum: float
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None


def dump_minute(minute: Minute) -> str:
    """Return a minute's figures as they are stored; zeros are left out."""
    times = {name: _dump_sketch(sketch) for name, sketch in minute.sketches.items()}
    stored = _Stored(_round(minute.counts), _round(minute.gauges), times)
    return msgspec.json.encode(stored).decode()


def _round(figures: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in figures.items() if value}


def _dump_sketch(sketch: Sketch) -> _Times:
    figures = sketch.summary()
    p50, p95, p99 = (None if value is None else round(value, 6) for value in (figures.p50, figures.p95, figures.p99))
    return _Times(sketch.count, round(sketch.total, 6), round(sketch.highest, 6), p50, p95, p99, sketch.bins)


def load_minute(at: float, figures: str, *, mono_s: float) -> Minute:
    """Return a stored minute. `mono_s` is its begin by this process's monotonic clock, and may be negative.

    Its summaries are computed here, in a reader's thread.
    """
    stored = msgspec.json.decode(figures, type=_Stored)
    sketches = {}
    for name, times in stored.times.items():
        sketch = sketches[name] = Sketch()
        sketch.fill(times.bins, times.sum, times.highest)
    minute = Minute(at, mono_s, stored.counts, stored.gauges, sketches)
    for names in (TRAFFIC, *((name,) for name in RECORDERS)):
        minute.summary(names)
    return minute


def show_minutes(rows: Iterable[tuple[float, str]]) -> dict[str, list[float | None]]:
    """Return stored minutes as columns: `at`, then each figure; times are `name_p95` and the like, in seconds."""
    minutes = [(at, msgspec.json.decode(figures, type=_Shown)) for at, figures in rows]
    columns: dict[str, list[float | None]] = {"at": [round(at, 3) for at, _ in minutes]}
    counts = sorted({name for _, minute in minutes for name in minute.counts})
    gauges = sorted({name for _, minute in minutes for name in minute.gauges})
    columns |= {name: [minute.counts.get(name, 0.0) for _, minute in minutes] for name in counts}
    columns |= {name: [minute.gauges.get(name, 0.0) for _, minute in minutes] for name in gauges}
    for name in sorted({name for _, minute in minutes for name in minute.times}):
        times = [minute.times.get(name) for _, minute in minutes]
        columns[f"{name}_mean"] = [None if one is None else round(one.sum / one.count, 6) for one in times]
        for share in ("p50", "p95", "p99"):
            columns[f"{name}_{share}"] = [None if one is None else getattr(one, share) for one in times]
    return columns
