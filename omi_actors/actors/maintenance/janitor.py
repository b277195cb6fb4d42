"""The janitor: deletes what has been kept long enough, in small batches with pauses, so that nobody waits for it.

State it owns: the round under way. Messages it takes: CleanUp, NextBatch. It tells nobody. What kills it: an unexpected
error. What survives a restart: nothing; the next round looks at everything anew. Not here: from when on
(domain/work/retention.py), which rows (store/retention.py). Threads: the event loop; it awaits the store only.
"""

from collections import Counter, deque
from dataclasses import dataclass, field

from omi_actors.domain.work.retention import Cutoffs, RetentionRules, find_cutoffs
from omi_actors.instruments import metrics
from omi_actors.instruments.logs import get_logger
from omi_actors.kit.errors import ExpectedError
from omi_actors.kit.loop_actor import LoopActor
from omi_actors.store import retention
from omi_actors.store.facade import Store
from omi_actors.store.retention import Pruned

_log = get_logger(__name__)

# Rows of each kind in a batch: it holds the writer for a few milliseconds. Sessions that are looked through at a time.
_ROWS = 100
_SESSIONS = 200
# Seconds between two batches: most of the writer's time is everybody else's.
_PAUSE_S = 0.05
# Seconds from the start to the first round: who just started has more urgent things to do.
_FIRST_S = 60.0


@dataclass(frozen=True, slots=True)
class CleanUp:
    """The janitor's own timer: look for what has been kept long enough."""


@dataclass(frozen=True, slots=True)
class NextBatch:
    """The janitor's own, between two batches."""


@dataclass(slots=True)
class _Round:
    """One look at everything. `after` is where the next page of sessions begins, None when there is none."""

    cutoffs: Cutoffs
    has_work: bool = True
    after: str | None = ""
    stale: deque[str] = field(default_factory=deque)
    rows: Counter[str] = field(default_factory=Counter)


class Janitor(LoopActor):
    """See the module. A round begins every `period_s` seconds, unless the last one is still under way."""

    def __init__(self, store: Store, rules: RetentionRules, *, period_s: float) -> None:
        super().__init__()
        self._store = store
        self._rules = rules
        self._period_s = period_s
        self._round: _Round | None = None

    def on_start(self) -> None:
        """Begin to look, soon and then again and again."""
        self.timers.after(min(_FIRST_S, self._period_s), CleanUp())
        self.timers.every(self._period_s, CleanUp())

    async def receive(self, message: object) -> object:
        """Take one message; see the module."""
        match message:
            case CleanUp():
                self._begin_round()
            case NextBatch():
                await self._next_batch()
            case _:
                return super().receive(message)
        return None

    def _begin_round(self) -> None:
        if self._round is None:
            self._round = _Round(find_cutoffs(self.runtime.clock.now_s(), self._rules))
            self.handle.tell(NextBatch())

    async def _next_batch(self) -> None:
        """Take one step of the round; a store that fails ends it, and the next one begins anew."""
        current = self._round
        if current is None:
            return
        try:
            is_over = await self._work(current)
        except ExpectedError as exc:
            _log.warning("cleaning_up_failed", error=type(exc).__name__)
            is_over = True
        if is_over:
            self._round = None
        else:
            self.timers.after(_PAUSE_S, NextBatch())

    async def _work(self, current: _Round) -> bool:
        """Prune one batch, or find out what is next; True at the end."""
        cutoffs = current.cutoffs
        if current.has_work:
            current.has_work = self._count(current, await self._store.write(retention.prune_work, cutoffs, limit=_ROWS))
        elif current.stale:
            pruned = await self._store.write(retention.prune_session, current.stale[0], cutoffs, limit=_ROWS)
            if not self._count(current, pruned):
                current.stale.popleft()
        elif current.after is not None:
            page = await self._store.read_cold(retention.find_stale, current.after, cutoffs, limit=_SESSIONS)
            current.after = page.next_after
            current.stale.extend(page.session_ids)
        else:
            await self._end_round(current)
            return True
        return False

    async def _end_round(self, current: _Round) -> None:
        """Let the deleted text leave the files, too."""
        if current.rows.total():
            await self._store.write(retention.scrub)
            _log.info("cleaned_up", **current.rows)

    def _count(self, current: _Round, pruned: Pruned) -> bool:
        """Count what a batch deleted; tell whether there may be more."""
        current.rows.update(pruned.rows)
        for table, count in pruned.rows.items():
            metrics.PRUNED_ROWS.labels(table).inc(count)
        return pruned.has_more
