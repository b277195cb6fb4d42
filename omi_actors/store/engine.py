"""The engine of record: one connection, one thread, and transactions that many writes share.

Not here: statements (a module per subject), databases' differences (sqlite.py, postgres.py), actors (actors.py).
Threads: the one that opened it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, TypeVar

from pony import orm
from pony.orm import core
from pony.orm.dbapiprovider import DBException

from omi_actors.clock import Clock, LeapWatch, SystemClock
from omi_actors.domain.sessions.records import SessionCommit
from omi_actors.domain.work.retention import PARTED_S
from omi_actors.errors import DuplicateError, LeaseLostError, OrphanError, StoreError, StoreUnavailableError
from omi_actors.instruments import metrics
from omi_actors.store.commits import lock_sessions, write_commits
from omi_actors.store.dialect import Dialect
from omi_actors.store.durability import refuse_unsafe
from omi_actors.store.entities import define_entities
from omi_actors.store.migrate import load_migrations, migrate, read_versions
from omi_actors.store.nodes import MAX_OFF_S, refuse_clock
from omi_actors.store.retention_state import note_leap
from omi_actors.store.sqlite import SQLite
from omi_actors.store.statement_log import LoggedEntityTransaction, LoggedTransaction, log_entities
from omi_actors.store.transaction import (
    Connection,
    EntityTransaction,
    NodeIdentity,
    Transaction,
    find_cause,
    find_taken_key,
)

T = TypeVar("T")

# A unit of work: a session's commit, or a function. It may run more than once; only its last run is kept. A function
# raises LeaseLostError only before it has written anything.
Write = SessionCommit | Callable[[Transaction], Any]

# What a driver, or a row's making, raises at a value that no column can hold.
_BAD_VALUES = (ValueError, TypeError, OverflowError, RecursionError)

# Times that one write is done again since another node's was in its way. Alone, it locks its own rows in one order, so
# that even the second time is rare; more would keep the other writes waiting.
_MAX_CONFLICTS = 3

DATABASE_FILE = "omi.sqlite3"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one write: its value after the commit, or the error."""

    value: Any = None
    error: StoreError | None = None


_STORED = Outcome()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreConfig:
    """Place of the store. An empty `url` means SQLite in `data_dir`; else sqlite:///<file> or postgres://<...>.

    `clock` None: use the database's clock. `migrations` None: use the migrations of the program. Reads and commits of
    `slow_s` seconds are logged; `logs_statements` logs each statement. `must_sync`: refuse a database that may lose
    commits.
    """

    url: str
    data_dir: Path
    clock: Clock | None = None
    busy_timeout_s: float = 5.0
    migrations: Traversable | None = None
    slow_s: float = math.inf
    logs_statements: bool = False
    must_sync: bool = False


class Engine:
    """A writer's or a reader's connection. Every expected failure that it raises or returns is a StoreError.

    engine = Engine(StoreConfig(url="", data_dir=folder), NodeIdentity("node-a"))
    engine.open()
    stored, claimed = engine.commit_group([commit, partial(claim_jobs, kinds=kinds, limit=2, lease_s=30.0)])
    """

    def __init__(self, config: StoreConfig, node: NodeIdentity, *, readonly: bool = False) -> None:
        self._config = config
        self._readonly = readonly
        self._dialect = build_dialect(config, readonly=readonly)
        clock = config.clock
        if clock is None and isinstance(self._dialect, SQLite):
            clock = SystemClock()
        self._db = orm.Database()
        self._has_process_clock = clock is not None
        if node.watch is None and not readonly:
            node.watch = LeapWatch(clock or SystemClock())
        self._node = node
        self._connection = Connection(self._db, self._dialect, node, clock)
        if config.logs_statements:
            self._connection.plain, self._connection.with_entities = LoggedTransaction, LoggedEntityTransaction
        # What the driver, Pony, the file system and odd values raise; it becomes a StoreError.
        self._foreign_errors: tuple[type[Exception], ...] = (
            *self._dialect.driver_errors,
            *_BAD_VALUES,
            DBException,
            core.OrmError,
            OSError,
        )
        self._expected_errors: tuple[type[Exception], ...] = (*self._foreign_errors, StoreError)

    @property
    def sync_s(self) -> float:
        """Return the seconds of the latest COMMIT with its sync."""
        return self._connection.sync_s

    @property
    def has_changed(self) -> bool:
        """Return True if the latest COMMIT is known to have changed rows: others succeed on a full disk, too."""
        return self._connection.has_changed

    def open(self) -> None:
        """Connect. A writer also brings the schema up to date and checks it against the entities.

        Raises: StoreUnavailableError, or StoreError when the store must not be opened. The message begins with
        DATABASE_URL or DATA_DIR.
        """
        try:
            self._dialect.bind(self._db)
            if self._config.logs_statements:
                log_entities(self._db.provider)
            if not self._readonly:
                if self._config.must_sync:
                    self._connection.run(refuse_unsafe, commits=False)
                self._prepare_schema()
        except self._foreign_errors as exc:
            self.close()
            raise self._name_place(self._translate(exc)) from exc
        except StoreError as exc:
            self.close()
            raise self._name_place(exc) from exc
        except BaseException:
            self.close()
            raise

    def _name_place(self, error: StoreError) -> StoreError:
        return type(error)(f"{'DATABASE_URL' if self._config.url else 'DATA_DIR'}: {error}")

    def _prepare_schema(self) -> None:
        folder = self._config.migrations or files("omi_actors.store.migrations")
        now_s = (self._config.clock or SystemClock()).now_s()
        steps = load_migrations(folder / self._dialect.name)
        self._node.schema_version = migrate(self._connection.get(), self._dialect, steps, now_s)
        self._map_entities(check_tables=True)

    def _map_entities(self, *, check_tables: bool) -> None:
        define_entities(self._db)
        # In a transaction: behind a pooler, only transactions have our settings.
        with orm.db_session(immediate=self._dialect.snapshot_is_immediate):
            self._db.generate_mapping(check_tables=check_tables)

    def close(self) -> None:
        """Close the connection and release the process lock. A second call does nothing."""
        if self._db.provider is not None:
            self._db.disconnect()
        self._dialect.close()

    def commit_group(self, writes: Sequence[Write]) -> list[Outcome]:
        """Store all writes in one transaction and return after the sync. If a write fails, the others are still stored.

        After a failed COMMIT (StoreUnavailableError) the group may be stored or not. If another node's transaction is
        in the way, the group is repeated in halves, which lock fewer rows. If the clock has leapt, the group is stored
        only together with a record of the leap. On PostgreSQL it is then refused, and the node must stop.
        """
        leap_s = self._find_leap_s()
        if not leap_s:
            return self._commit(writes)
        if not self._has_process_clock:
            return [Outcome(error=refuse_clock(leap_s)) for _ in writes]
        noted, *outcomes = self._commit([partial(note_leap, leap_s=leap_s), *writes])
        if noted.error is None and self._node.watch is not None:
            self._node.watch.accept(leap_s)
        return outcomes

    def _find_leap_s(self) -> float:
        """Return the seconds by which the clock has leapt; 0.0 if it has not leapt."""
        parted_s = self._node.watch.parted_s() if self._node.watch is not None else 0.0
        return parted_s if abs(parted_s) > (PARTED_S if self._has_process_clock else MAX_OFF_S) else 0.0

    def _commit(self, writes: Sequence[Write]) -> list[Outcome]:
        """Store all writes in one transaction; if that fails, in as few as possible."""
        apply = self._apply_together
        is_fresh, conflicts = False, 0
        while True:
            try:
                return self._connection.run(partial(apply, writes), commits=True)
            except self._expected_errors as exc:
                if self._dialect.is_conflict(exc) and conflicts < _MAX_CONFLICTS:
                    conflicts += 1
                    metrics.STORE_CONFLICTS.inc()
                    if len(writes) > 1:
                        half = len(writes) // 2
                        return [*self._commit(writes[:half]), *self._commit(writes[half:])]
                elif not self._dialect.is_unavailable(exc) and apply != self._apply_apart:
                    apply = self._apply_apart
                elif self._connection.is_lost and not is_fresh:
                    is_fresh = True
                elif self._dialect.is_full(exc) and len(writes) > 1:
                    return [self._commit([write])[0] for write in writes]
                else:
                    return [Outcome(error=self._translate(exc)) for _ in writes]

    def write_alone(self, work: Callable[[EntityTransaction], Any]) -> Outcome:
        """Run `work` in its own transaction, with Pony's entities. If another node's was in the way, run it once more.

        Returns after the sync. After a failed COMMIT the changes may be stored or not.
        """
        if self._find_leap_s():
            noted = self.commit_group([Transaction.now_s])[0]  # which notes the leap, or refuses
            if noted.error is not None:
                return noted
        is_second = False
        while True:
            try:
                return Outcome(value=self._connection.run_session(work, commits=True))
            except self._expected_errors as exc:
                if is_second or not (self._connection.is_lost or self._lost_race(exc)):
                    return Outcome(error=self._translate(exc))
                is_second = True

    def _lost_race(self, exc: Exception) -> bool:
        return isinstance(exc, core.IsolationError) or self._dialect.is_conflict(find_cause(exc))

    def read(self, query: Callable[[Transaction], T], *, is_apart: bool = False) -> T:
        """Run `query` on one snapshot of the store; if it `is_apart`, each of its statements on one of its own.

        Raises: StoreUnavailableError, StoreError.
        """
        return self._read(partial(self._connection.run, query, commits=False, is_apart=is_apart))

    def read_cold(self, query: Callable[[EntityTransaction], T]) -> T:
        """Run `query` on one snapshot of the store, with Pony's entities.

        Raises: StoreUnavailableError, StoreError.
        """
        if self._db.schema is None and self._db.provider is not None:
            self._map_entities(check_tables=False)
        return self._read(partial(self._connection.run_session, query, commits=False))

    def _read(self, run: Callable[[], T]) -> T:
        is_fresh = False
        while True:
            try:
                return run()
            except self._foreign_errors as exc:
                if is_fresh or not self._connection.is_lost:
                    raise self._translate(exc) from exc
                is_fresh = True

    def read_versions(self) -> tuple[int, int]:
        """Return the version of the schema, and the one that a program must know; 0 if the database is empty.

        Raises: StoreUnavailableError, StoreError.
        """
        try:
            return read_versions(self._connection.get(), self._dialect)
        except self._foreign_errors as exc:
            raise self._translate(exc) from exc

    def _apply_together(self, writes: Sequence[Write], tx: Transaction) -> list[Outcome]:
        """Run the writes in order, neighbouring commits of different sessions together. Fast, but all fail together."""
        self._lock_sessions(writes, tx)
        outcomes = [_STORED] * len(writes)
        run: dict[str, SessionCommit] = {}
        for index, write in enumerate(writes):
            if isinstance(write, SessionCommit):
                if write.session_id in run:
                    write_commits(tx, list(run.values()))
                    run.clear()
                run[write.session_id] = write
                continue
            if run:
                write_commits(tx, list(run.values()))
                run.clear()
            try:
                outcomes[index] = Outcome(value=write(tx))
            except LeaseLostError as exc:  # raised before anything was written: nothing to undo
                outcomes[index] = Outcome(error=exc)
        if run:
            write_commits(tx, list(run.values()))
        return outcomes

    def _lock_sessions(self, writes: Sequence[Write], tx: Transaction) -> None:
        """Lock the rows of all sessions of the group first, if other nodes may have some of them, too."""
        if self._node.has_others and self._dialect.lock_rows:
            commits = [one if isinstance(one, SessionCommit) else getattr(one, "commit", None) for one in writes]
            lock_sessions(tx, [commit for commit in commits if commit is not None])

    def _apply_apart(self, writes: Sequence[Write], tx: Transaction) -> list[Outcome]:
        """Run each write in its own savepoint, so that a write that fails does not undo the others."""
        self._lock_sessions(writes, tx)
        tx.separate()
        outcomes = []
        for write in writes:
            tx.run("SAVEPOINT one_write")
            try:
                outcomes.append(_apply_one(write, tx))
            except self._expected_errors as exc:
                if self._dialect.is_unavailable(exc):
                    raise
                tx.run("ROLLBACK TO SAVEPOINT one_write")
                outcomes.append(Outcome(error=self._translate(exc)))
            tx.run("RELEASE SAVEPOINT one_write")
        return outcomes

    def _translate(self, exc: Exception) -> StoreError:
        """Turn an error of the driver or of Pony into a StoreError. Its message never holds a stored value."""
        if isinstance(exc, StoreError):
            return exc
        cause = find_cause(exc)
        error: StoreError
        if self._dialect.is_unavailable(cause):
            error = StoreUnavailableError(f"the store is unavailable: {self._dialect.describe(cause)}")
        elif isinstance(cause, _BAD_VALUES):
            error = StoreError(f"a value cannot be stored ({type(cause).__name__})")
        elif cause is not exc and (field := self._dialect.find_taken(cause)):
            error = DuplicateError(f"{field} is taken", field=field)
        elif isinstance(cause, core.CacheIndexError):
            field = find_taken_key(cause)
            error = DuplicateError(f"{field} is taken", field=field)
        elif self._dialect.is_orphan(cause):
            error = OrphanError("a row's owner does not exist any more")
        elif isinstance(cause, core.OrmError):  # its sentences quote values
            error = StoreError(f"Pony refused ({type(cause).__name__})")
        else:
            error = StoreError(f"the database refused: {self._dialect.describe(cause)}")
        error.__cause__ = exc
        return error


def _apply_one(write: Write, tx: Transaction) -> Outcome:
    if isinstance(write, SessionCommit):
        write_commits(tx, (write,))
        return _STORED
    return Outcome(value=write(tx))


def find_sqlite_file(config: StoreConfig) -> Path:
    """Return the file of SQLite's database: the one that `url` names, or the one in `data_dir`."""
    return Path(config.url.removeprefix("sqlite:///")) if config.url else config.data_dir / DATABASE_FILE


def build_dialect(config: StoreConfig, *, readonly: bool) -> Dialect:
    """Return the dialect of the database that `config` names; it is not connected yet.

    Raises: StoreError when `config` names no database, or the driver is not installed.
    """
    scheme, _, rest = config.url.partition(":")
    if scheme in {"postgres", "postgresql"}:
        from omi_actors.store.postgres import Postgres  # noqa: PLC0415 (its driver is an optional extra)

        return Postgres(config.url, readonly=readonly)
    if config.url and not (scheme == "sqlite" and rest.startswith("///")):
        raise StoreError("DATABASE_URL is neither empty nor sqlite:///<file> nor postgres://<user>@<host>/<database>")
    return SQLite(find_sqlite_file(config), readonly=readonly, busy_timeout_s=config.busy_timeout_s)
