"""SQLite as an engine of record: its connection, its settings, its errors.

Not here: checks of its file (sqlite_file.py), what both databases share (engine.py). Threads: the store actors'.
Source: sqlite.org/wal.html, sqlite.org/pragma.html, sqlite.org/rescode.html.
"""

import os
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from pony import orm

from config.durable import make_folder
from omi_actors.store.dialect import Bulk, Row
from omi_actors.store.lock import acquire_process_lock, release_process_lock
from omi_actors.store.sqlite_file import check_file, check_owner, describe_failure, find_code, make_file

KEEP_S = 7 * 86_400.0
# Names of copies beside the database, between its name and `.bak`: of an upgrade, and of `omi-actors restore`.
_COPIES = ("before-*", "replaced.*")


def back_up_sqlite(con: sqlite3.Connection, file: Path, label: str, now_s: float) -> Path:
    """Copy the open database to `<file>.before-<label>.<UTC second>.bak` and return that path."""
    copy = file.with_name(f"{file.name}.before-{label}.{int(now_s)}.bak")
    os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    with closing(sqlite3.connect(copy)) as target:
        con.backup(target)
    return copy


def delete_old_copies(file: Path, now_s: float) -> list[Path]:
    """Delete the copies of `file` that are older than a week. Return their paths."""
    old = [copy for copy in sorted(file.parent.glob(f"{file.name}.before-*.bak")) if _made_at(copy) < now_s - KEEP_S]
    for copy in old:
        copy.unlink(missing_ok=True)
    return old


def delete_copies_since(file: Path, since: float) -> tuple[str, ...]:
    """Delete the copies of `file` that an upgrade or a restore has made after `since`. Return their names."""
    made = [copy for kind in _COPIES for copy in file.parent.glob(f"{file.name}.{kind}.bak")]
    young = [copy for copy in sorted(made) if since <= _made_at(copy) < float("inf")]
    for copy in young:
        for end in ("", "-wal", "-shm"):
            copy.with_name(copy.name + end).unlink(missing_ok=True)
    return tuple(copy.name for copy in young)


def _made_at(copy: Path) -> float:
    """Return the UTC second in the copy's name. For a renamed copy return infinity, so that it is kept."""
    second = copy.name.rsplit(".", 2)[-2]
    return float(second) if second.isdigit() else float("inf")


# What a caller may try again: the file, its disk or its lock, not the statement.
_UNAVAILABLE = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PROTOCOL,
    }
)
_TAKEN = frozenset({sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY})
# Pages of 4 KiB in the log before it is copied back: four times SQLite's own, as hot pages are then copied less often.
_CHECKPOINT_PAGES = 4000
_CACHE_KIB = 65_536
_SYNCHRONOUS = ("off", "normal", "full", "extra")
_FIND_WORD = "SELECT rowid AS line FROM recall_word WHERE recall_word MATCH ? ORDER BY rowid DESC LIMIT ?"
# Pages of the full-text index that one step merges: at 500,000 texts it holds the writer for at most 44 ms.
_MERGED_PAGES = 50


class SQLite:
    """The embedded database, one file. The writer's engine holds the process lock; readers rely on it."""

    name = "sqlite"
    skip_locked = ""
    lock_rows = ""
    find_in = "instr"
    memory_parts: tuple[str, ...] = ("TRUE",)
    driver_errors: tuple[type[Exception], ...] = (sqlite3.Error,)
    snapshot_is_immediate = False  # it would take the write lock

    def __init__(self, file: Path, *, readonly: bool, busy_timeout_s: float) -> None:
        self.file = file
        self.place = str(file)
        self._readonly = readonly
        self._busy_timeout_s = busy_timeout_s
        self.lock_file = file.with_name(file.name + ".lock")
        self._is_locked = False
        self._begin = "BEGIN" if readonly else "BEGIN IMMEDIATE"

    def bind(self, db: orm.Database) -> None:
        """Make the directory and the file, private to their owner, lock them and connect."""
        if not self._readonly:
            make_folder(self.file.parent)
            acquire_process_lock(self.lock_file)
            self._is_locked = True
        place = self.file.resolve()
        if not check_file(place) and not self._readonly:
            make_file(place)

        def set_up(_db: orm.Database, con: sqlite3.Connection) -> None:
            try:
                self._set_up(con)
            except BaseException:
                con.close()  # Pony forgets it
                raise

        # A plain function: Pony ignores bound methods, without a word.
        db.on_connect(provider="sqlite")(set_up)  # type: ignore[arg-type]  # the stubs want a FunctionType, which set_up is
        db.bind(provider="sqlite", filename=str(place), timeout=self._busy_timeout_s)

    def _set_up(self, con: sqlite3.Connection) -> None:
        con.text_factory = str
        check_owner(con, self.file)
        pragmas = ["foreign_keys=ON", f"cache_size=-{_CACHE_KIB}"]
        if self._readonly:
            pragmas.append("query_only=ON")
        else:
            pragmas += ["journal_mode=WAL", "synchronous=FULL", "secure_delete=ON"]
            pragmas.append(f"wal_autocheckpoint={_CHECKPOINT_PAGES}")
        for pragma in pragmas:
            con.execute(f"PRAGMA {pragma}")

    def sql(self, sql: str) -> str:
        """Return `sql` as it is."""
        return sql

    def read_by_indexes(self, cursor: sqlite3.Cursor) -> None:
        """Do nothing: statements name their indexes (`indexed_by`)."""

    def indexed_by(self, index: str) -> str:
        """Return a clause with the index: without new statistics SQLite chooses others, and reads many more rows."""
        return f"INDEXED BY {index}"

    def begin(self, con: sqlite3.Connection) -> None:
        """Begin with the write lock. A reader takes no lock; its snapshot begins with the first read."""
        con.execute(self._begin)

    def begin_apart(self, con: sqlite3.Connection) -> None:
        """Do nothing: a statement is a snapshot."""

    def end_apart(self, con: sqlite3.Connection) -> None:
        """Do nothing."""

    def rollback(self, con: sqlite3.Connection) -> None:
        """Roll back, unless the error has ended the transaction already, as a full disk does."""
        if con.in_transaction:
            con.execute("ROLLBACK")

    def run_bulk(self, cursor: sqlite3.Cursor, bulk: Bulk, rows: Sequence[Row]) -> int:
        """Run the statement once for each row; SQLite's driver loops."""
        return cursor.executemany(bulk.one, rows).rowcount

    def run_script(self, cursor: sqlite3.Cursor, script: str) -> None:
        """Run the statements one by one; each ends at a line's end. The driver's `executescript` would commit first."""
        statement = ""
        for line in script.splitlines(keepends=True):
            statement += line
            if sqlite3.complete_statement(statement):
                cursor.execute(statement)
                statement = ""

    def lock_schema(self, cursor: sqlite3.Cursor) -> None:
        """Do nothing: the transaction began with the write lock."""

    def has_table(self, cursor: sqlite3.Cursor, table: str) -> bool:
        """Return True if the table is in SQLite's catalogue."""
        cursor.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (table,))
        return cursor.fetchone() is not None

    def back_up(self, con: sqlite3.Connection, label: str, now_s: float) -> Path:
        """Copy the database file to a file beside it."""
        return back_up_sqlite(con, self.file, label, now_s)

    def delete_old_backups(self, now_s: float) -> None:
        """Delete copies that are older than a week."""
        delete_old_copies(self.file, now_s)

    def delete_copies(self, since: float) -> tuple[str, ...]:
        """Delete the copies of upgrades and restores."""
        return delete_copies_since(self.file, since)

    def is_unavailable(self, exc: BaseException) -> bool:
        """Decide by the primary result code."""
        return find_code(exc) in _UNAVAILABLE or isinstance(exc, OSError)

    def is_conflict(self, _exc: BaseException) -> bool:
        """Return False: with one writer there are no conflicts."""
        return False

    def is_in_the_way(self, _exc: BaseException) -> bool:
        """Return False: no other process uses the file."""
        return False

    def is_full(self, exc: BaseException) -> bool:
        """Decide by the primary result code."""
        return find_code(exc) == sqlite3.SQLITE_FULL

    def find_taken(self, exc: BaseException) -> str | None:
        """Return the columns named in "UNIQUE constraint failed: account.email"."""
        if getattr(exc, "sqlite_errorcode", None) not in _TAKEN:
            return None
        columns = str(exc).partition(": ")[2].split(", ")
        return ", ".join(column.rpartition(".")[2] for column in columns)

    def is_orphan(self, exc: BaseException) -> bool:
        """Decide by the extended result code."""
        return getattr(exc, "sqlite_errorcode", None) == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY

    def describe(self, exc: BaseException) -> str:
        """Return the error's message; if the file is the cause, with its name and the way out."""
        return describe_failure(self.file, exc)

    def is_usable(self, con: sqlite3.Connection, _exc: BaseException) -> bool:
        """Return True if the connection can be used again: no transaction is open on it."""
        return not con.in_transaction

    def fetch_durability(self, cursor: sqlite3.Cursor) -> Mapping[str, str]:
        """Return the journal, and how often it is synced: each commit from FULL on."""
        (level,) = cursor.execute("PRAGMA synchronous").fetchone()
        (journal,) = cursor.execute("PRAGMA journal_mode").fetchone()
        return {"synchronous": _SYNCHRONOUS[level], "journal_mode": journal}

    def fetch_now_s(self, _cursor: sqlite3.Cursor) -> float | None:
        """Return None: SQLite uses the clock of the process."""
        return None

    def find_words(self, cursor: sqlite3.Cursor, words: Sequence[str], limit: int) -> dict[str, list[int]]:
        """Ask the full-text index for each word; the newest texts come first."""
        # A word is a bareword of FTS5.
        return {word: [*map(int, self.fetch_lines(cursor, _FIND_WORD, (word, limit)))] for word in words}

    def join_lines(self, query: str) -> str:
        """Return a subquery; SQLite keeps the order of the inner one."""
        return f"(SELECT group_concat(line, char(10)) FROM ({query}))"  # noqa: S608 (our own words)

    def fetch_lines(self, cursor: sqlite3.Cursor, sql: str, params: Row) -> list[str]:
        """Return all lines in one row: after each row a thread waits until a busy event loop gives up Python's lock."""
        cursor.execute(f"SELECT {self.join_lines(sql)}", params)
        (lines,) = cursor.fetchone()
        return [] if lines is None else str(lines).split("\n")

    def merge_words(self, cursor: sqlite3.Cursor, *, is_first: bool) -> bool:
        """Merge some pages of the full-text index; what was deleted leaves its files then."""
        before = cursor.execute("SELECT total_changes()").fetchone()[0]
        cursor.execute(
            "INSERT INTO recall_word (recall_word, rank) VALUES ('merge', ?)",
            (-_MERGED_PAGES if is_first else _MERGED_PAGES,),
        )
        # Source: sqlite.org/fts5.html §6.8: a merge that changes fewer than two rows had nothing to do.
        return bool(cursor.execute("SELECT total_changes()").fetchone()[0] - before >= 2)  # noqa: PLR2004 (see above)

    def scrub(self, con: sqlite3.Connection) -> bool:
        """Copy the log back and empty it; then deleted pages are zeros. Return False if a reader prevents it."""
        con.execute("PRAGMA busy_timeout=100")  # milliseconds, the longest that a commit waits for it
        is_busy, _log, _copied = con.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        con.execute(f"PRAGMA busy_timeout={int(self._busy_timeout_s * 1000)}")
        return not is_busy

    def close(self) -> None:
        """Free the process lock."""
        if self._is_locked:
            self._is_locked = False
            release_process_lock(self.lock_file)
