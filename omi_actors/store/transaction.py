"""One open transaction: what a unit of work may do with it.

Not here: when it begins and ends (engine.py), the statements (a module per subject). Threads: its engine's only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from omi_actors.clock import Clock, LeapWatch, SystemClock
from omi_actors.store.dialect import Bulk, Dialect, Row


@dataclass(slots=True)
class NodeIdentity:
    """Who this process is in the store. Made once per process; `incarnation` is 0 until it is registered.

    Owned by the process, not by a writer: a replaced writer goes on under the same incarnation, with the same `watch`.
    """

    name: str
    incarnation: int = 0
    watch: LeapWatch | None = None


class Transaction:
    """Statements with `?` parameters, in one transaction. `node` stamps what this process owns."""

    __slots__ = ("_clock", "_cursor", "_dialect", "_is_grouped", "has_erased", "node")

    def __init__(self, cursor: Any, dialect: Dialect, node: NodeIdentity, clock: Clock | None) -> None:
        self._cursor = cursor
        self._dialect = dialect
        self._clock = clock
        self._is_grouped = True
        self.node = node
        self.has_erased = False

    @property
    def skip_locked(self) -> str:
        """The clause by which rows that another node works on are passed over."""
        return self._dialect.skip_locked

    def locked(self, table: str) -> str:
        """Return the clause by which no other node changes the rows that are read from `table` until this is over."""
        return f"{self._dialect.lock_rows} {table}" if self._dialect.lock_rows else ""

    def read_by_indexes(self) -> None:
        """Let the planner read by indexes, in order, until the transaction ends, however old its statistics are."""
        self._dialect.read_by_indexes(self._cursor)

    def indexed_by(self, index: str) -> str:
        """Return the clause that names the index to read a table by, where the planner is known to miss it."""
        return self._dialect.indexed_by(index)

    def now_s(self) -> float:
        """Return the clock that leases are measured by, in UTC seconds: the database's, if it has one of its own."""
        if self._clock is not None:
            return self._clock.now_s()
        now_s = self._dialect.fetch_now_s(self._cursor)
        assert now_s is not None  # noqa: S101 (an engine without a clock is PostgreSQL's)
        return now_s

    @property
    def has_process_clock(self) -> bool:
        """Whether leases and retention go by the clock of this process, since the database has none."""
        return self._clock is not None

    def clock_off_s(self) -> float | None:
        """Return by how many seconds this process's clock is at least ahead of the database's; negative: behind.

        None where there is one clock. The database is asked between two readings, so its own time is not counted.
        """
        if self._clock is not None:
            return None
        ours = SystemClock()
        before_s, theirs_s, after_s = ours.now_s(), self.now_s(), ours.now_s()
        return max(0.0, before_s - theirs_s) or min(0.0, after_s - theirs_s)

    def is_synced(self) -> bool:
        """Tell whether commits of this connection are on disk when they return, as the database says itself."""
        return self._dialect.fetch_is_synced(self._cursor)

    def run(self, sql: str, params: Row = ()) -> int:
        """Run one statement and return how many rows it changed."""
        self._cursor.execute(self._dialect.sql(sql), params)
        return int(self._cursor.rowcount)

    def fetch(self, sql: str, params: Row = ()) -> list[Any]:
        """Run one statement and return its rows as tuples."""
        self._cursor.execute(self._dialect.sql(sql), params)
        rows: list[Any] = self._cursor.fetchall()
        return rows

    def fetch_one(self, sql: str, params: Row = ()) -> Any | None:
        """Run one statement and return its first row, None without one."""
        self._cursor.execute(self._dialect.sql(sql), params)
        return self._cursor.fetchone()

    def run_bulk(self, bulk: Bulk, rows: Sequence[Row]) -> int:
        """Run `bulk` for all rows, in order, and return how many rows it changed."""
        if self._is_grouped:
            return self._dialect.run_bulk(self._cursor, bulk, rows)
        return sum(self.run(bulk.one, row) for row in rows)

    def separate(self) -> None:
        """From now on run bulk statements row by row, which says exactly what each row did."""
        self._is_grouped = False
