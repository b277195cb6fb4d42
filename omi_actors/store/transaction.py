"""One open transaction, and the connection that runs transactions one after the other.

Not here: groups, and failed transactions (engine.py), the statements (a module per subject). Threads: its engine's
only.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import Any, TypeVar

from pony import orm
from pony.orm import core

from omi_actors.clock import Clock, LeapWatch, SystemClock
from omi_actors.errors import StoreError, StoreUnavailableError
from omi_actors.store.dialect import Bulk, Dialect, Row


@dataclass(slots=True)
class NodeIdentity:
    """The identity of this process in the store. `incarnation` is 0 until it is registered.

    It belongs to the process, not to a writer: a new writer uses the same incarnation and the same `watch`.
    `has_others`: at the latest heartbeat other nodes lived.
    `schema_version` is the version of the schema that the program knows; None until a writer has opened the store.
    """

    name: str
    incarnation: int = 0
    watch: LeapWatch | None = None
    has_others: bool = False
    schema_version: int | None = None


class Transaction:
    """Runs statements with `?` parameters in one transaction. `node` marks the rows that this process owns."""

    __slots__ = ("_clock", "_cursor", "_dialect", "_is_grouped", "has_changed", "has_erased", "node", "scrub_waits")

    def __init__(self, cursor: Any, dialect: Dialect, node: NodeIdentity, clock: Clock | None) -> None:
        self._cursor = cursor
        self._dialect = dialect
        self._clock = clock
        self._is_grouped = True
        self.node = node
        self.has_erased = False
        # True when a statement is known to have changed rows.
        self.has_changed = False
        # True while text that an earlier transaction deleted is still in the database's files.
        self.scrub_waits = False

    @property
    def skip_locked(self) -> str:
        """Return the clause that skips rows that another node's transaction has locked."""
        return self._dialect.skip_locked

    @property
    def find_in(self) -> str:
        """Return the name of the function that finds a text in another one; 0 means that it is not there."""
        return self._dialect.find_in

    @property
    def memory_parts(self) -> tuple[str, ...]:
        """Return conditions that divide memories; an index has the texts of each part that it can hold."""
        return self._dialect.memory_parts

    def locked(self, table: str) -> str:
        """Return the clause that locks the rows read from `table` against other nodes until the transaction ends."""
        return f"{self._dialect.lock_rows} {table}" if self._dialect.lock_rows else ""

    def read_by_indexes(self) -> None:
        """Make the planner prefer indexes until the transaction ends, since its statistics may be old."""
        self._dialect.read_by_indexes(self._cursor)

    def indexed_by(self, index: str) -> str:
        """Return the clause that makes the database use this index; "" if its planner finds the index itself."""
        return self._dialect.indexed_by(index)

    def join_lines(self, query: str) -> str:
        """Return the expression of all texts of a query with one column `line`, as one text, in the query's order."""
        return self._dialect.join_lines(query)

    def now_s(self) -> float:
        """Return the time for leases in UTC seconds: of the database's clock if it has one, else of this process's."""
        if self._clock is not None:
            return self._clock.now_s()
        now_s = self._dialect.fetch_now_s(self._cursor)
        assert now_s is not None  # noqa: S101 (an engine without a clock is PostgreSQL's)
        return now_s

    @property
    def has_process_clock(self) -> bool:
        """Return True if leases and retention use this process's clock, since the database has no clock."""
        return self._clock is not None

    def clock_off_s(self) -> float | None:
        """Return the seconds by which this process's clock is at least ahead of the database's; negative if behind.

        None if the database has no clock. Its clock is read between two readings of ours, so the query's time does
        not count.
        """
        if self._clock is not None:
            return None
        ours = SystemClock()
        before_s, theirs_s, after_s = ours.now_s(), self.now_s(), ours.now_s()
        return max(0.0, before_s - theirs_s) or min(0.0, after_s - theirs_s)

    def fetch_durability(self) -> Mapping[str, str]:
        """Return the settings that decide whether commits of this connection are on disk when they return."""
        return self._dialect.fetch_durability(self._cursor)

    def run(self, sql: str, params: Row = ()) -> int:
        """Run one statement and return how many rows it changed."""
        self._cursor.execute(self._dialect.sql(sql), params)
        count = int(self._cursor.rowcount)
        self.has_changed |= count > 0
        return count

    def fetch(self, sql: str, params: Row = ()) -> list[Any]:
        """Run one statement and return its rows as tuples."""
        self._cursor.execute(self._dialect.sql(sql), params)
        rows: list[Any] = self._cursor.fetchall()
        return rows

    def fetch_one(self, sql: str, params: Row = ()) -> Any | None:
        """Run one statement and return its first row; None if there is none."""
        self._cursor.execute(self._dialect.sql(sql), params)
        return self._cursor.fetchone()

    def fetch_lines(self, sql: str, params: Row = ()) -> list[str]:
        """Run a query of one column `line`, texts without line breaks, and return them. Fast for hundreds of rows."""
        return self._dialect.fetch_lines(self._cursor, sql, params)

    def run_bulk(self, bulk: Bulk, rows: Sequence[Row]) -> int:
        """Run `bulk` for all rows, in order, and return how many rows it changed."""
        if self._is_grouped:
            self.has_changed = True
            return self._dialect.run_bulk(self._cursor, bulk, rows)
        return sum(self.run(bulk.one, row) for row in rows)

    def find_words(self, words: Sequence[str], limit: int) -> dict[str, list[int]]:
        """Return the numbers of up to `limit` texts of the index of words, for each of `words`."""
        return self._dialect.find_words(self._cursor, words, limit)

    def merge_words(self, *, is_first: bool) -> bool:
        """Remove deleted words from the index by one short step. Return False if nothing is left to do."""
        return self._dialect.merge_words(self._cursor, is_first=is_first)

    def delete_copies(self, since: float) -> tuple[str, ...]:
        """Delete the copies beside the database that were made after `since` (UTC seconds). Return their names."""
        return self._dialect.delete_copies(since)

    def separate(self) -> None:
        """Run bulk statements row by row from now on, so that the changes of each row are counted exactly."""
        self._is_grouped = False


class EntityTransaction(Transaction):
    """A transaction in its own `db_session`: runs statements, and has Pony's entities in `db`.

        Job = tx.db.Job
        dead = orm.select((job.job_id, job.kind) for job in Job if job.state == "dead")
        return tuple(dead.order_by(-1)[:50])

    Entities must not leave the transaction: select lists as tuples, which also takes a fifth of the time. Statements
    see changes of entities only after `tx.db.flush()`.
    """

    __slots__ = ("db",)

    def __init__(
        self, cursor: Any, dialect: Dialect, node: NodeIdentity, clock: Clock | None, db: orm.Database
    ) -> None:
        super().__init__(cursor, dialect, node, clock)
        self.db: Any = db


_NO_PONY = "Pony runs in write_alone and read_cold only: a plain transaction is open"


class _WithoutPony:
    """Keeps Pony out of a plain transaction: it stands in place of the thread's session, so that entering one raises.

    Otherwise Pony would use the transaction, and would end it together with its own session.
    """

    __slots__ = ("_before",)
    ddl = serializable = True

    def __enter__(self) -> None:
        state: Any = core.local
        if state.db_session is not None and not isinstance(state.db_session, _WithoutPony):
            raise StoreError("a plain transaction cannot begin within a db_session")
        self._before = state.db_session, state.db_context_counter
        state.db_session = state.db_context_counter = self

    def __exit__(self, *_error: object) -> None:
        state: Any = core.local
        state.db_session, state.db_context_counter = self._before

    def __bool__(self) -> bool:
        """Return False: Pony then finds no open session and refuses to use entities."""
        return False

    def __add__(self, _count: int) -> int:
        """Raise StoreError, since Pony calls this to enter a session."""
        raise StoreError(_NO_PONY)

    @property
    def immediate(self) -> bool:
        """Raise StoreError, since Pony's interactive mode, which needs no session, reads this."""
        raise StoreError(_NO_PONY)


def find_cause(exc: BaseException) -> BaseException:
    """Return the driver's error that caused Pony's error `exc`; if there is none, `exc` itself."""
    inner = getattr(exc, "original_exc", None)
    if inner is None and (several := getattr(exc, "exceptions", None)):
        inner = several[0][1]  # of a failed COMMIT: (type, error, traceback)
    return exc if inner is None else find_cause(inner)


def find_taken_key(exc: core.CacheIndexError) -> str:
    """Return the column names of a key that is taken, out of Pony's message, which also holds the value."""
    found = _TAKEN_KEY.search(str(exc))
    return found[1] if found else "the primary key"


_TAKEN_KEY = re.compile(r" for (?:composite )?key \(?([\w, ]+?)\)? already exists\Z")

T = TypeVar("T")


class Connection:
    """Runs transactions on one connection. Raises the driver's errors; then `is_lost` means: connect and try again."""

    # The classes of its transactions; those of statement_log.py log each statement.
    plain, with_entities = Transaction, EntityTransaction

    def __init__(self, db: orm.Database, dialect: Dialect, node: NodeIdentity, clock: Clock | None) -> None:
        self._db: Any = db  # Pony's stubs leave most of it untyped
        self._dialect = dialect
        self._node = node
        self._clock = clock
        self._has_to_scrub = False
        self._is_committing = False
        self.is_lost = False
        # Of the latest COMMIT: its seconds with the sync, and whether it is known to have changed rows.
        self.sync_s = 0.0
        self.has_changed = False

    def get(self) -> Any:
        """Return the driver's connection; connect first if there is none."""
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

    def run(self, work: Callable[[Transaction], T], *, commits: bool, is_apart: bool = False) -> T:
        """Run `work` in one transaction, commit (`commits`) or roll back, and return the result of `work`.

        `is_apart`: it only reads, and its statements need no transaction where the database can do without.
        """
        self.is_lost = self._is_committing = False
        con = self.get()
        try:
            if is_apart:
                self._dialect.begin_apart(con)
            else:
                self._dialect.begin(con)
            tx = self.plain(con.cursor(), self._dialect, self._node, self._clock)
            tx.scrub_waits = self._has_to_scrub
            with _WithoutPony():
                result = work(tx)
            if commits:
                self._is_committing = True
                began_s = monotonic()
                con.commit()
                self.sync_s = monotonic() - began_s
                self.has_changed = tx.has_changed
            else:
                self._dialect.rollback(con)
        except BaseException as exc:
            self._abandon(con, exc)
            raise
        self._end(tx, con)
        return result

    def run_session(self, work: Callable[[EntityTransaction], T], *, commits: bool) -> T:
        """Run `work` in one transaction with Pony's entities, end the transaction, and return the result of `work`."""
        self.is_lost = self._is_committing = False
        con = self.get()
        try:
            if not commits:
                self._dialect.end_apart(con)
                self._dialect.begin(con)
            with orm.db_session(immediate=commits or self._dialect.snapshot_is_immediate):
                if commits:
                    self._db.get_connection()  # begin, so that statements alone are committed, too
                tx = self.with_entities(con.cursor(), self._dialect, self._node, self._clock, self._db)
                result = work(tx)
                self._db.flush()
                self._is_committing = commits
                self.has_changed = tx.has_changed
            if not commits:
                self._dialect.rollback(con)  # Pony has not if no entity was used
        except BaseException as exc:
            if self._db.provider.pool.con is con:
                self._abandon(con, find_cause(exc))
            else:  # dropped by Pony
                self.is_lost = not self._is_committing
            raise
        self._end(tx, con)
        return result

    def _end(self, tx: Transaction, con: Any) -> None:
        self._has_to_scrub = self._has_to_scrub or tx.has_erased
        if self._has_to_scrub:
            self._scrub(con)

    def _abandon(self, con: Any, exc: BaseException) -> None:
        """Close the transaction after an error. If that is impossible, drop the connection."""
        with suppress(*self._dialect.driver_errors):  # a broken connection, which the next line sees
            self._dialect.rollback(con)
        if not self._dialect.is_usable(con, exc):
            self._db.provider.pool.drop(con)
            # An interrupted COMMIT may have been made: it must not be run again on a new connection.
            self.is_lost = not self._is_committing

    def _scrub(self, con: Any) -> None:
        """Try to remove deleted text from the files. If a reader prevents it, the next transaction tries again."""
        try:
            self._has_to_scrub = not self._dialect.scrub(con)
        except self._dialect.driver_errors as exc:
            self._abandon(con, exc)
