"""The janitor: prunes rows after their retention, in small batches. Other writes go on in the pauses between them.

Not here: cutoffs (domain/work/retention.py), statements (store/retention.py), the state of retention
(store/retention_state.py). Threads: the event loop; it awaits the store only.
"""

from collections import Counter, deque
from dataclasses import dataclass, field

from omi_actors.domain.work.retention import Cutoffs, RetentionRules, rows_needed
from omi_actors.instruments import metrics
from omi_actors.instruments.logs import get_logger
from omi_actors.kit.errors import ExpectedError
from omi_actors.kit.loop_actor import LoopActor
from omi_actors.store import retention, retention_state
from omi_actors.store.facade import Store
from omi_actors.store.retention import Pruned

_log = get_logger(__name__)

# Rows of each kind in a batch, which holds the writer for a few milliseconds; sessions in a page.
_ROWS = 100
_SESSIONS = 200
# Growth of a table's old rows after which the table is counted again: all counts together cost twice the last one.
_GROWTH = 2
# Seconds between two batches: the writer has time for all others.
_PAUSE_S = 0.05
# Seconds from the start to the first round: a server that starts has more urgent work.
_FIRST_S = 60.0


@dataclass(frozen=True, slots=True)
class CleanUp:
    """Message that begins a round; the janitor's timer sends it, and so does the operator."""


@dataclass(frozen=True, slots=True)
class NextBatch:
    """Message that begins the next step of a round; the janitor's timer sends it."""


@dataclass(slots=True)
class _Round:
    """One round over all tables and sessions. The next page begins after the session `after`; None: no page is left.

    `old` counts the old rows of each table; `allowed` is the part of that count that passed the check. `limit` is the
    percentage of a table that may be deleted; None: the round deletes now, and counts no more.
    """

    cutoffs: Cutoffs
    limit: int | None
    old: Counter[str] = field(default_factory=Counter)
    allowed: Counter[str] = field(default_factory=Counter)
    has_work: bool = True
    after: str | None = ""
    stale: deque[str] = field(default_factory=deque)
    rows: Counter[str] = field(default_factory=Counter)


class Janitor(LoopActor):
    """Begins a round every `period_s` seconds, unless the last one is still under way.

    A round counts before it deletes. If it would delete too large a part of a table, it deletes nothing. The operator
    can allow the next round to delete more.
    State it owns: the round under way. Messages it takes: CleanUp, NextBatch. Messages it sends: none.
    What kills it: an unexpected error. What survives a restart: nothing; the next round starts from the beginning.
    """

    def __init__(self, store: Store, rules: RetentionRules, *, period_s: float) -> None:
        super().__init__()
        self._store = store
        self._rules = rules
        self._period_s = period_s
        self._is_busy = False
        self._round: _Round | None = None

    def on_start(self) -> None:
        """Set the timers of the first round and of the later ones."""
        self.timers.after(min(_FIRST_S, self._period_s), CleanUp())
        self.timers.every(self._period_s, CleanUp())

    async def receive(self, message: object) -> object:
        """Take one message."""
        match message:
            case CleanUp():
                if not self._is_busy:
                    self._is_busy = True
                    self.handle.tell(NextBatch())
            case NextBatch():
                await self._next_batch()
            case _:
                return super().receive(message)
        return None

    async def _next_batch(self) -> None:
        """Take one step of the round. An error of the store ends the round; the next one starts from the beginning."""
        try:
            outcome = await (self._begin_round() if self._round is None else self._work(self._round))
        except ExpectedError as exc:
            _log.warning("cleaning_up_failed", error=type(exc).__name__)
            outcome = "failed"
        if outcome is None:
            self.timers.after(_PAUSE_S, NextBatch())
        else:
            self._round, self._is_busy = None, False
            metrics.RETENTION_ROUNDS.labels(outcome).inc()

    async def _begin_round(self) -> str | None:
        """Begin a round. Return its outcome if it has ended already, else None; all steps do so."""
        begun = await self._store.write(retention_state.begin_round, self._rules)
        if begun is None:
            return "rested"
        self._round = current = _Round(begun.cutoffs, begun.max_percent)
        if current.limit is not None:
            current.old.update(await self._store.read_cold(retention.count_work, current.cutoffs))
        return None

    async def _work(self, current: _Round) -> str | None:
        """Count one session, prune one batch, or load the next page of sessions."""
        cutoffs, is_counting = current.cutoffs, current.limit is not None
        if current.has_work and not is_counting:
            current.has_work = self._count(current, await self._store.write(retention.prune_work, cutoffs, limit=_ROWS))
        elif current.stale and is_counting:
            current.old.update(await self._store.read_cold(retention.count_session, current.stale.popleft(), cutoffs))
            return await self._check(current)
        elif current.stale:
            pruned = await self._store.write(retention.prune_session, current.stale[0], cutoffs, limit=_ROWS)
            if not self._count(current, pruned):
                current.stale.popleft()
        elif current.after is not None:
            page = await self._store.read_cold(retention.find_stale, current.after, cutoffs, limit=_SESSIONS)
            current.after = page.next_after
            current.stale.extend(page.session_ids)
        elif is_counting:
            return await self._check(current)
        else:
            await self._end_round(current)
            return "ended"
        return None

    async def _check(self, current: _Round) -> str | None:
        """End a round that would delete too much; once all rows are counted, begin to delete."""
        is_counted = not current.stale and current.after is None
        excess = await self._find_excess(current, 1 if is_counted else _GROWTH)
        if excess:
            await self._store.write(retention_state.note_excess, excess)
            return "refused"
        if is_counted:
            await self._store.write(retention_state.note_excess, "")
            current.limit, current.after = None, ""
        return None

    async def _find_excess(self, current: _Round, growth: int) -> str:
        """Return a message about a table that would lose too many rows; "" if there is no such table.

        A table is checked again when its count of old rows is `growth` times the last one. Counting stops as soon as
        the table has enough rows.
        """
        for table, old in current.old.items():
            if current.limit is None or old <= current.allowed[table] * growth:
                continue
            needed = rows_needed(old, current.limit)
            if needed and (total := await self._store.read_cold(retention.count_rows, table, limit=needed)) < needed:
                return f"{old:,} or more of {total:,} rows of {table} would go"
            current.allowed[table] = old
        return ""

    async def _end_round(self, current: _Round) -> None:
        """Remove the deleted text from the database's files, too."""
        if current.rows.total():
            await self._store.write(retention.scrub)
            _log.info("cleaned_up", **current.rows)

    def _count(self, current: _Round, pruned: Pruned) -> bool:
        """Count the rows that a batch deleted; return whether there may be more."""
        current.rows.update(pruned.rows)
        for table, count in pruned.rows.items():
            metrics.PRUNED_ROWS.labels(table).inc(count)
        return pruned.has_more
