"""One open transaction: what a unit of work may do with it.

Not here: when it begins and ends (engine.py), the statements (a module per subject). Threads: its engine's only.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from pony import orm

from omi_actors.clock import Clock, LeapWatch, SystemClock
from omi_actors.errors import StoreUnavailableError
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


T = TypeVar("T")


class Connection:
    """Transactions on one connection. Raises the driver's own errors; `is_lost` then says whether to connect anew."""

    def __init__(self, db: orm.Database, dialect: Dialect, node: NodeIdentity, clock: Clock | None) -> None:
        self._db = db
        self._dialect = dialect
        self._node = node
        self._clock = clock
        self._has_to_scrub = False
        self._is_committing = False
        self.is_lost = False

    def get(self) -> Any:
        """Return the driver's connection, made and set up if there is none."""
        if self._db.provider is None:
            raise StoreUnavailableError("the store is not open")
        pool = self._db.provider.pool
        try:
            con, is_new = pool.connect()
            if is_new:
                self._db.call_on_connect(con)
        except BaseException:
            pool.disconnect()
            raise
        return con

    def run(self, work: Callable[[Transaction], T], *, commits: bool) -> T:
        """Run `work` in one transaction and return its result once that is committed (or, of a read, rolled back)."""
        self.is_lost = self._is_committing = False
        con = self.get()
        try:
            self._dialect.begin(con)
            tx = Transaction(con.cursor(), self._dialect, self._node, self._clock)
            result = work(tx)
            if commits:
                self._is_committing = True
                con.commit()
            else:
                self._dialect.rollback(con)
        except BaseException as exc:
            self._abandon(con, exc)
            raise
        self._has_to_scrub = self._has_to_scrub or tx.has_erased
        if self._has_to_scrub:
            self._scrub(con)
        return result

    def _abandon(self, con: Any, exc: BaseException) -> None:
        """Leave no transaction open; drop a connection on which that is impossible."""
        with suppress(*self._dialect.driver_errors):  # a broken connection, which the next line sees
            self._dialect.rollback(con)
        if not self._dialect.is_usable(con, exc):
            self._db.provider.pool.drop(con)
            # What an interrupted COMMIT did nobody knows: it must not be run again on a new connection.
            self.is_lost = not self._is_committing

    def _scrub(self, con: Any) -> None:
        """Try to make deleted text leave the files; the next transaction tries again if a reader was in the way."""
        try:
            self._has_to_scrub = not self._dialect.scrub(con)
        except self._dialect.driver_errors as exc:
            self._abandon(con, exc)
