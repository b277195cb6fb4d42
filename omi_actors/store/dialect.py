"""The interface of the two databases, and builders of statements that both understand.

Not here: the differences themselves (sqlite.py, postgres.py), the statements (a module per subject).
Threads: the store actors'; a dialect belongs to one engine.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pony import orm

Row = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Bulk:
    """A statement that is run for many rows: once per row with `?`, or for all rows at once where that is faster.

    `many` has a single `%s` for all rows, each of them rendered as `template`.
    """

    one: str
    many: str
    template: str


def build_insert(table: str, columns: str, conflict: str = "") -> Bulk:
    """Build an INSERT of `columns` (names separated by commas); `conflict` is its ON CONFLICT clause."""
    count = columns.count(",") + 1
    head = f"INSERT INTO {table} ({columns}) VALUES"
    return Bulk(
        one=f"{head} ({', '.join('?' * count)}) {conflict}",
        many=f"{head} %s {conflict}",
        template=f"({', '.join(['%s'] * count)})",
    )


def build_insert_if(table: str, columns: str, condition: str, conflict: str = "") -> Bulk:
    """Build an INSERT of those rows for which `condition` is true; in it a row is `v`, with its columns' names."""
    count = columns.count(",") + 1
    head = f"INSERT INTO {table} ({columns}) SELECT {columns} FROM"
    values = ", ".join(f"? AS {column.strip()}" for column in columns.split(","))
    return Bulk(
        one=f"{head} (SELECT {values}) AS v WHERE {condition} {conflict}",
        many=f"{head} (VALUES %s) AS v ({columns}) WHERE {condition} {conflict}",
        template=f"({', '.join(['%s'] * count)})",
    )


class Dialect(Protocol):
    """One database. `con` and `cursor` are the driver's, got through Pony's pool."""

    name: str
    skip_locked: str
    lock_rows: str
    driver_errors: tuple[type[Exception], ...]
    snapshot_is_immediate: bool
    """Whether Pony reads on one snapshot only in an immediate session."""

    def bind(self, db: orm.Database) -> None:
        """Connect Pony's database; the connection of each thread is then made by Pony's pool."""
        ...

    def sql(self, sql: str) -> str:
        """Return `sql` with its `?` parameters in the driver's style."""
        ...

    def read_by_indexes(self, cursor: Any) -> None:
        """Let the planner read by indexes until the transaction ends; nothing where `indexed_by` says which."""
        ...

    def indexed_by(self, index: str) -> str:
        """Return the clause that makes a table be read by this index, "" where the planner finds it by itself."""
        ...

    def begin(self, con: Any) -> None:
        """Open a transaction, waiting for the write lock if this engine writes."""
        ...

    def rollback(self, con: Any) -> None:
        """Close the transaction, if one is open, without a trace."""
        ...

    def run_bulk(self, cursor: Any, bulk: Bulk, rows: Sequence[Row]) -> int:
        """Run `bulk` for all rows and return how many rows it changed."""
        ...

    def run_script(self, cursor: Any, script: str) -> None:
        """Run a migration's statements within the open transaction."""
        ...

    def lock_schema(self, cursor: Any) -> None:
        """Keep other processes from migrating until the transaction ends."""
        ...

    def has_table(self, cursor: Any, table: str) -> bool:
        """Tell whether `table` exists."""
        ...

    def back_up(self, con: Any, label: str, now_s: float) -> Path | None:
        """Copy the whole database before its schema changes; None where that is the operator's duty."""
        ...

    def delete_old_backups(self, now_s: float) -> None:
        """Delete the copies that have been kept long enough."""
        ...

    def is_unavailable(self, exc: BaseException) -> bool:
        """Tell whether `exc` is about the database's reach or room, not about what was asked of it."""
        ...

    def is_conflict(self, exc: BaseException) -> bool:
        """Tell whether `exc` says that the transaction lost against another one, and may be done again at once."""
        ...

    def is_full(self, exc: BaseException) -> bool:
        """Tell whether `exc` says that there is no room left."""
        ...

    def find_taken(self, exc: BaseException) -> str | None:
        """Return the field of which `exc` says that its value is taken, None if it says something else."""
        ...

    def describe(self, exc: BaseException) -> str:
        """Return what `exc` says, without any stored value."""
        ...

    def is_usable(self, con: Any, exc: BaseException) -> bool:
        """Tell whether the connection can be used again after `exc` and a rollback."""
        ...

    def fetch_is_synced(self, cursor: Any) -> bool:
        """Ask the connection whether its commits are on disk when they return."""
        ...

    def fetch_now_s(self, cursor: Any) -> float | None:
        """Return the database's clock (UTC seconds), None where it is this machine's."""
        ...

    def scrub(self, con: Any) -> bool:
        """Make deleted text leave the database's files now; False when that has to be tried again."""
        ...

    def close(self) -> None:
        """Let go of what `bind` took."""
        ...
