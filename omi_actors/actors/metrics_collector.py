"""The metrics collector: measures gauges and the event loop's lag, keeps the readings behind /health, stores minutes.

Not here: counters (incremented beside the event), names of metrics (instruments/metrics.py), the figures of a minute
(instruments/minutes.py). Threads: the event loop.
"""

import gc
import resource
from collections import deque
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from omi_actors.actors.session.router import LiveSessions
from omi_actors.domain.work.jobs import QueueCounts
from omi_actors.instruments import metrics
from omi_actors.instruments.counts import count, gauge, growth
from omi_actors.instruments.logs import get_logger
from omi_actors.instruments.minutes import MINUTE_S, Minute, Minutes, dump_minute
from omi_actors.instruments.readings import Readings, take_readings
from omi_actors.instruments.spells import Spells
from omi_actors.instruments.webhooks import WEBHOOKS
from omi_actors.kit.errors import ExpectedError
from omi_actors.kit.future import Future
from omi_actors.kit.loop_actor import LoopActor
from omi_actors.store import minutes, queue_state
from omi_actors.store.facade import Store

_log = get_logger(__name__)

# Seconds between two readings.
TICK_S = 1.0
# Seconds between two probes of the loop's lag, and the probes of which the worst is shown (one minute).
_PROBE_S = 0.05
_LAG_WINDOW = 1_200
# Sessions by which memory must grow before they are frozen: a collection over 1,000 takes about 5 ms.
_FREEZE_STEP = 1_000
# Ticks between two copies of all metrics, and the copies that are kept: together the last 5 minutes.
_COPY_EVERY = 15
_COPIES = 21
# Ticks between two counts of the queue: the store answers from an index, at a small cost. A pause shows within 5 s.
_COUNT_EVERY = 4


@dataclass(frozen=True, slots=True)
class CollectTick:
    """Message that begins a measurement; the collector's timer sends it."""


@dataclass(frozen=True, slots=True)
class QueueCounted:
    """Message with the queue's counts that the collector asked the store for; `counts` is None if the query failed."""

    counts: QueueCounts | None
    store_seconds: float


@dataclass(frozen=True, slots=True)
class MinutesLoaded:
    """Message with the minutes of an earlier process; `earlier` is None if the query failed."""

    earlier: list[Minute] | None


@dataclass(slots=True)
class LatestReadings:
    """The latest readings. Only the metrics collector writes them; any code on the loop may read them.

    Times are monotonic seconds. `copies` are all metrics at regular moments of the last 5 minutes, oldest first.
    `counted` are the counts at the end of the latest minute.
    """

    started_mono_s: float
    queue: QueueCounts | None = None
    store_seconds: float | None = None
    store_failed_since_mono_s: float | None = None
    resident_bytes: int = 0
    copies: deque[Readings] = field(default_factory=lambda: deque(maxlen=_COPIES))
    lags: deque[float] = field(default_factory=lambda: deque(maxlen=_LAG_WINDOW))
    spells: Spells = field(default_factory=Spells)
    counted: dict[str, float] = field(default_factory=lambda: count(take_readings(metrics.REGISTRY)))
    has_earlier_minutes: bool = False
    minutes: Minutes = field(init=False)

    def __post_init__(self) -> None:
        self.minutes = Minutes(self.started_mono_s)

    @property
    def of_5_minutes_ago(self) -> Readings | None:
        """Return all metrics of 5 minutes ago; None if the server did not run yet."""
        return self.copies[0] if len(self.copies) == _COPIES else None

    @property
    def loop_lag_max_s(self) -> float:
        """Return the longest lag of the event loop in the last minute."""
        return max(self.lags, default=0.0)


class MetricsCollector(LoopActor):
    """Measures once a second; readers use its latest readings and never wait for it.

    State it owns: the latest readings. Messages it takes: CollectTick, QueueCounted, MinutesLoaded. Messages it sends:
    none. What kills it: an unexpected error. What survives a restart: the latest readings, which the tree owns; of a
    restart of the program the minutes that are stored.
    """

    def __init__(self, store: Store, readings: LatestReadings, live_sessions: LiveSessions, node: str) -> None:
        super().__init__()
        self._node = node
        self._store = store
        self._readings = readings
        self._live_sessions = live_sessions
        # An earlier collector has counted these already.
        self._hits, self._misses = live_sessions.hits, live_sessions.misses
        self._frozen_sessions = 0
        self._ticks = 0

    def on_start(self) -> None:
        """Begin to measure. Minutes end with the wall clock's, unless that leaps."""
        clock = self.runtime.clock
        self._minute_ends_mono_s = clock.mono_s() + MINUTE_S - clock.now_s() % MINUTE_S
        self._probe_later()
        self.timers.every(TICK_S, CollectTick())
        self._load_minutes()

    def on_stop(self) -> None:
        """Store the minute under way, since the next process cannot know it."""
        self._readings.minutes.fold()
        self._end_minute()

    def receive(self, message: object) -> object:
        """Take one message."""
        match message:
            case CollectTick():
                self._collect()
            case QueueCounted(counts, seconds):
                self._note_queue(counts, seconds)
            case MinutesLoaded(earlier):
                self._restore(earlier)
            case _:
                return super().receive(message)
        return None

    def _probe_later(self) -> None:
        due_mono_s = self.runtime.clock.mono_s() + _PROBE_S
        self.runtime.call_later(_PROBE_S, partial(self._probe, due_mono_s))

    def _probe(self, due_mono_s: float) -> None:
        """Measure the loop's lag. A timer calls this: as a message it would also measure the time in the mailbox."""
        if self.handle.actor is not self:
            return
        lag_s = max(0.0, self.runtime.clock.mono_s() - due_mono_s)
        metrics.LOOP_LAG_SECONDS.observe(lag_s)
        self._readings.lags.append(lag_s)
        self._probe_later()

    def _collect(self) -> None:
        self._ticks += 1
        WEBHOOKS.drop_old(self.runtime.clock.mono_s())
        readings = self._readings
        metrics.LOOP_LAG_MAX.set(readings.loop_lag_max_s)
        self._freeze_growth()
        self._count_lookups()
        now_mono_s = self.runtime.clock.mono_s()
        readings.minutes.fold()
        readings.spells.watch(now_mono_s)
        readings.resident_bytes = read_resident_bytes()
        metrics.PROCESS_RESIDENT_BYTES.set(readings.resident_bytes)
        metrics.UPTIME_SECONDS.set(now_mono_s - readings.started_mono_s)
        if now_mono_s >= self._minute_ends_mono_s:
            self._minute_ends_mono_s += MINUTE_S * max(1, (now_mono_s - self._minute_ends_mono_s) // MINUTE_S + 1)
            self._end_minute()
        if self._ticks % _COPY_EVERY == 1:
            readings.copies.append(take_readings(metrics.REGISTRY))
        if self._ticks % _COUNT_EVERY == 1:
            asked_mono_s = self.runtime.clock.mono_s()
            self._store.read(queue_state.count_queue).add_done_callback(
                lambda counts: self._report(counts, asked_mono_s)
            )

    def _end_minute(self) -> None:
        """Keep the minute under way, and store it. If the store fails, only this minute is missing after a restart."""
        readings, clock = self._readings, self.runtime.clock
        now = take_readings(metrics.REGISTRY)
        counted = count(now)
        added, readings.counted = growth(counted, readings.counted), counted
        minute = readings.minutes.close(added, gauge(now), now_s=clock.now_s(), mono_s=clock.mono_s())
        self._store.write(minutes.keep_minute, self._node, minute.at, dump_minute(minute)).add_done_callback(_note_kept)
        if not readings.has_earlier_minutes:
            self._load_minutes()

    def _load_minutes(self) -> None:
        """Ask for the minutes of an earlier process, until they are known."""
        readings, clock = self._readings, self.runtime.clock
        if readings.has_earlier_minutes:
            return
        ahead_s = clock.now_s() - clock.mono_s()
        until = readings.started_mono_s + ahead_s
        earlier = self._store.read(minutes.load_hour, self._node, until=until, ahead_s=ahead_s)
        earlier.add_done_callback(self._report_minutes)

    def _report_minutes(self, earlier: Future[list[Minute]]) -> None:
        """Send the minutes to this actor. Runs in a reader's thread."""
        try:
            self.handle.tell(MinutesLoaded(earlier.result()))
        except ExpectedError:
            self.handle.tell(MinutesLoaded(None))

    def _restore(self, earlier: list[Minute] | None) -> None:
        readings = self._readings
        if earlier is not None and not readings.has_earlier_minutes:
            readings.has_earlier_minutes = True
            readings.minutes.restore(earlier)

    def _count_lookups(self) -> None:
        """Add the look-ups since the last tick to the metrics; the router counts them in plain numbers."""
        live = self._live_sessions
        metrics.SESSION_LOOKUPS.labels("hit").inc(live.hits - self._hits)
        metrics.SESSION_LOOKUPS.labels("miss").inc(live.misses - self._misses)
        self._hits, self._misses = live.hits, live.misses

    def _freeze_growth(self) -> None:
        """Freeze long-lived sessions for the garbage collector, in steps.

        A full collection over 100,000 sessions would block the loop for half a second. Frozen sessions are still freed
        when they leave memory, since they contain no reference cycle.
        """
        live = self._live_sessions.count()
        if live - self._frozen_sessions >= _FREEZE_STEP:
            gc.freeze()
            self._frozen_sessions = live
        else:
            self._frozen_sessions = min(self._frozen_sessions, live)

    def _report(self, counts: Future[QueueCounts], asked_mono_s: float) -> None:
        """Send the counts to this actor. Runs in a reader's thread."""
        seconds = self.runtime.clock.mono_s() - asked_mono_s
        try:
            self.handle.tell(QueueCounted(counts.result(), seconds))
        except ExpectedError:
            self.handle.tell(QueueCounted(None, seconds))

    def _note_queue(self, counts: QueueCounts | None, seconds: float) -> None:
        readings = self._readings
        readings.store_seconds = seconds
        if counts is None:
            readings.store_failed_since_mono_s = readings.store_failed_since_mono_s or self.runtime.clock.mono_s()
            return
        readings.store_failed_since_mono_s = None
        readings.queue = counts
        for state, number in counts.by_state.items():
            metrics.JOBS.labels(state).set(number)
        age_s = self.runtime.clock.now_s() - counts.oldest_ready_at if counts.oldest_ready_at else 0.0
        metrics.OLDEST_READY_SECONDS.set(max(0.0, age_s))


def _note_kept(kept: Future[None]) -> None:
    """Log that a minute is not stored. Runs in the writer's thread."""
    try:
        kept.result()
    except ExpectedError as exc:
        _log.info("minute_not_stored", error=type(exc).__name__)


def read_resident_bytes() -> int:
    """Return this process's resident memory; on systems without /proc its highest value so far."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
