"""The metrics collector: gauges that must be asked for, the loop's lag, and the snapshot behind /health.

State it owns: the latest readings. Messages it takes: CollectTick, QueueCounted. It sends nothing.
What kills it: an unexpected error. What survives a restart: the board, which the system owns, with older readings.
Not here: counters (incremented beside the event), the metrics' names (instruments/metrics.py).
Threads: the event loop. Nobody waits for it: readers look at the board.
"""

import gc
import resource
from collections import deque
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from omi_actors.actors.session.router import Directory
from omi_actors.domain.work.jobs import QueueCounts
from omi_actors.errors import OmiError
from omi_actors.instruments import metrics
from omi_actors.instruments.readings import Readings, take_readings
from omi_actors.kit.future import Future
from omi_actors.kit.loop_actor import LoopActor
from omi_actors.store import queue_state
from omi_actors.store.facade import Store

# Seconds between two readings.
TICK_S = 1.0
# Seconds between two looks at the loop's lag, and how many of them the worst is taken over (one minute).
_PROBE_S = 0.05
_LAG_WINDOW = 1_200
# Sessions by which memory must have grown before they are frozen: 1,000 are collected in about 5 ms.
_FREEZE_STEP = 1_000
# Ticks between two looks at all metrics, and how many are kept: what happened "lately" is the last five minutes.
_LOOK_EVERY = 15
_LOOKS = 21
# Ticks between two questions to the store: it answers from an index, but not for nothing.
_COUNT_EVERY = 5


@dataclass(frozen=True, slots=True)
class CollectTick:
    """The collector's own timer."""


@dataclass(frozen=True, slots=True)
class QueueCounted:
    """Sent by the collector's own question to the store; None when it did not answer."""

    counts: QueueCounts | None
    store_seconds: float


@dataclass(slots=True)
class Board:
    """The latest readings. Written by the collector, read by anyone on the loop. Times are monotonic seconds.

    `looks` are all metrics at regular moments of the last five minutes, the oldest first.
    """

    started_mono_s: float
    has_synced_commits: bool | None = None
    queue: QueueCounts | None = None
    store_seconds: float | None = None
    store_failed_since_mono_s: float | None = None
    store_takes_writes: bool = True
    resident_bytes: int = 0
    looks: deque[Readings] = field(default_factory=lambda: deque(maxlen=_LOOKS))
    _lags: deque[float] = field(default_factory=lambda: deque(maxlen=_LAG_WINDOW))

    def note_lag(self, lag_s: float) -> None:
        """Remember how late the loop was."""
        self._lags.append(lag_s)

    def note_writes(self, is_possible: bool) -> None:  # noqa: FBT001 (the one thing that is said)
        """Remember whether the store takes writes. From the writer's thread."""
        self.store_takes_writes = is_possible

    @property
    def earlier_look(self) -> Readings | None:
        """All metrics of five minutes ago; None when there was no server then."""
        return self.looks[0] if len(self.looks) == _LOOKS else None

    @property
    def loop_lag_max_s(self) -> float:
        """The worst lag of the last minute."""
        return max(self._lags, default=0.0)


class Lookups:
    """The directory's look-ups as counters: what it has counted more since the last time is added."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        # What an earlier collector has counted is the counters' already.
        self._hits, self._misses = directory.hits, directory.misses

    def count(self) -> None:
        """Bring the counters up to date."""
        directory = self._directory
        metrics.SESSION_LOOKUPS.labels("hit").inc(directory.hits - self._hits)
        metrics.SESSION_LOOKUPS.labels("miss").inc(directory.misses - self._misses)
        self._hits, self._misses = directory.hits, directory.misses


class MetricsCollector(LoopActor):
    """See the module."""

    def __init__(self, store: Store, board: Board, directory: Directory) -> None:
        super().__init__()
        self._store = store
        self._board = board
        self._directory = directory
        self._lookups = Lookups(directory)
        self._frozen_sessions = 0
        self._ticks = 0

    def on_start(self) -> None:
        """Begin to measure."""
        self._probe_later()
        self.timers.every(TICK_S, CollectTick())

    def receive(self, message: object) -> object:
        """Take one message; see the module."""
        match message:
            case CollectTick():
                self._collect()
            case QueueCounted(counts, seconds):
                self._note_queue(counts, seconds)
            case _:
                return super().receive(message)
        return None

    def _probe_later(self) -> None:
        due_mono_s = self.runtime.clock.mono_s() + _PROBE_S
        self.runtime.call_later(_PROBE_S, partial(self._probe, due_mono_s))

    def _probe(self, due_mono_s: float) -> None:
        """Measure how late the loop is, before any mailbox: our own mail would count as lag."""
        if self.handle.actor is not self:
            return
        lag_s = max(0.0, self.runtime.clock.mono_s() - due_mono_s)
        metrics.LOOP_LAG_SECONDS.observe(lag_s)
        self._board.note_lag(lag_s)
        self._probe_later()

    def _collect(self) -> None:
        self._ticks += 1
        board = self._board
        metrics.LOOP_LAG_MAX.set(board.loop_lag_max_s)
        self._freeze_growth()
        self._lookups.count()
        board.resident_bytes = read_resident_bytes()
        metrics.PROCESS_RESIDENT_BYTES.set(board.resident_bytes)
        metrics.UPTIME_SECONDS.set(self.runtime.clock.mono_s() - board.started_mono_s)
        if self._ticks % _LOOK_EVERY == 1:
            board.looks.append(take_readings(metrics.REGISTRY))
        if self._ticks % _COUNT_EVERY == 1:
            asked_mono_s = self.runtime.clock.mono_s()
            self._store.read(queue_state.count_queue).add_done_callback(
                lambda counts: self._report(counts, asked_mono_s)
            )

    def _freeze_growth(self) -> None:
        """Take long-lived sessions out of the garbage collector's sight, in steps.

        A full collection over 100,000 of them would hold the loop for half a second. They are freed all the same when
        they leave: nothing in them refers back to itself.
        """
        live = self._directory.count()
        if live - self._frozen_sessions >= _FREEZE_STEP:
            gc.freeze()
            self._frozen_sessions = live
        else:
            self._frozen_sessions = min(self._frozen_sessions, live)

    def _report(self, counts: Future[QueueCounts], asked_mono_s: float) -> None:
        """Turn the store's answer into mail. Runs in a reader's thread."""
        seconds = self.runtime.clock.mono_s() - asked_mono_s
        try:
            self.handle.tell(QueueCounted(counts.result(), seconds))
        except OmiError:
            self.handle.tell(QueueCounted(None, seconds))

    def _note_queue(self, counts: QueueCounts | None, seconds: float) -> None:
        board = self._board
        board.store_seconds = seconds
        if counts is None:
            board.store_failed_since_mono_s = board.store_failed_since_mono_s or self.runtime.clock.mono_s()
            return
        board.store_failed_since_mono_s = None
        board.queue = counts
        for state, count in counts.by_state.items():
            metrics.JOBS.labels(state).set(count)
        age_s = self.runtime.clock.now_s() - counts.oldest_ready_at if counts.oldest_ready_at else 0.0
        metrics.OLDEST_READY_SECONDS.set(max(0.0, age_s))


def read_resident_bytes() -> int:
    """Return this process's resident memory; where the kernel does not tell, the highest that it ever was."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
