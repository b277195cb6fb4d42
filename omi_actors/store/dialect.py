"""The interface to the two databases, and builders of statements that work in both.

Not here: the differences themselves (sqlite.py, postgres.py), the statements (a module per subject).
Threads: the store actors'; a dialect belongs to one engine.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pony import orm

Row = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Bulk:
    """A statement for many rows. `one` runs once for each row; `many` runs once for all rows, if that is faster.

    `one` has `?` parameters. `many` has one `%s` for all rows, each of them formatted by `template`.
    """

    one: str
    many: str
    template: str


def build_insert(table: str, columns: str, conflict: str = "", *, last_value: str = "?") -> Bulk:
    """Build an INSERT of `columns` (names separated by commas); `conflict` is its ON CONFLICT clause.

    `last_value` is the expression of the last column, with its own `?` parameters.
    """
    head = f"INSERT INTO {table} ({columns}) VALUES"
    row = f"({', '.join(['?'] * columns.count(',') + [last_value])})"
    return Bulk(one=f"{head} {row} {conflict}", many=f"{head} %s {conflict}", template=row.replace("?", "%s"))


def build_insert_if(table: str, columns: str, condition: str, conflict: str = "") -> Bulk:
    """Build an INSERT of the rows for which `condition` is true. In the condition `v.column` is a row's value."""
    count = columns.count(",") + 1
    head = f"INSERT INTO {table} ({columns}) SELECT {columns} FROM"
    values = ", ".join(f"? AS {column.strip()}" for column in columns.split(","))
    return Bulk(
        one=f"{head} (SELECT {values}) AS v WHERE {condition} {conflict}",
        many=f"{head} (VALUES %s) AS v ({columns}) WHERE {condition} {conflict}",
        template=f"({', '.join(['%s'] * count)})",
    )


class Dialect(Protocol):
    """One database system. `con` and `cursor` belong to its driver and come from Pony's pool.

    `place` names the database in error messages.
    """

    name: str
    place: str
    skip_locked: str
    lock_rows: str
    find_in: str
    """The function that finds a text in another one; 0 means that it is not there."""
    memory_parts: tuple[str, ...]
    """Conditions that divide memories; an index has the texts of each part that it can hold."""
    driver_errors: tuple[type[Exception], ...]
    snapshot_is_immediate: bool
    """Whether Pony reads on one snapshot only in an immediate session."""

    def bind(self, db: orm.Database) -> None:
        """Connect Pony's database object. Pony's pool then makes one connection for each thread."""
        ...

    def sql(self, sql: str) -> str:
        """Return `sql` with its `?` parameters in the driver's style."""
        ...

    def read_by_indexes(self, cursor: Any) -> None:
        """Make the planner prefer indexes until the transaction ends. Do nothing if `indexed_by` names indexes."""
        ...

    def indexed_by(self, index: str) -> str:
        """Return the clause that makes the database use this index; "" if its planner chooses indexes itself."""
        ...

    def begin(self, con: Any) -> None:
        """Begin a transaction. If this engine writes, wait for the write lock."""
        ...

    def begin_apart(self, con: Any) -> None:
        """Prepare to read statements without a transaction, if possible. `rollback` comes after them."""
        ...

    def end_apart(self, con: Any) -> None:
        """Take back `begin_apart`, before a transaction of Pony's."""
        ...

    def rollback(self, con: Any) -> None:
        """Roll back the transaction, if one is open."""
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
        """Return True if `table` exists."""
        ...

    def back_up(self, con: Any, label: str, now_s: float) -> Path | None:
        """Copy the whole database before its schema changes. Return None if the operator must make copies."""
        ...

    def delete_old_backups(self, now_s: float) -> None:
        """Delete the old copies."""
        ...

    def delete_copies(self, since: float) -> tuple[str, ...]:
        """Delete the copies beside the database that were made after `since` (UTC seconds). Return their names."""
        ...

    def is_unavailable(self, exc: BaseException) -> bool:
        """Return True if `exc` means that the database is out of reach or full, not that a statement is wrong."""
        ...

    def is_conflict(self, exc: BaseException) -> bool:
        """Return True if `exc` means that another transaction was in the way; this one may be repeated now."""
        ...

    def is_in_the_way(self, exc: BaseException) -> bool:
        """Return True if `exc` means that a step of the schema met statements of other nodes; it may be repeated."""
        ...

    def is_full(self, exc: BaseException) -> bool:
        """Return True if `exc` means that the disk or database is full."""
        ...

    def find_taken(self, exc: BaseException) -> str | None:
        """Return the field whose unique value is taken, according to `exc`; None if `exc` means something else."""
        ...

    def is_orphan(self, exc: BaseException) -> bool:
        """Return True if `exc` means that a row refers to one that does not exist."""
        ...

    def describe(self, exc: BaseException) -> str:
        """Return the message of `exc`, without any stored value."""
        ...

    def is_usable(self, con: Any, exc: BaseException) -> bool:
        """Return True if the connection can be used again after `exc` and a rollback."""
        ...

    def fetch_durability(self, cursor: Any) -> Mapping[str, str]:
        """Return the settings that decide whether commits on this connection are on disk when they return."""
        ...

    def fetch_now_s(self, cursor: Any) -> float | None:
        """Return the time of the database's clock (UTC seconds); None if the database uses this machine's clock."""
        ...

    def join_lines(self, query: str) -> str:
        """Return the expression of all texts of a query with one column `line`, in its order; NULL if it is empty."""
        ...

    def fetch_lines(self, cursor: Any, sql: str, params: Row) -> list[str]:
        """Run a query of one column `line`, texts without line breaks, and return them."""
        ...

    def find_words(self, cursor: Any, words: Sequence[str], limit: int) -> dict[str, list[int]]:
        """Return the numbers of up to `limit` texts of the index of words, for each of `words`."""
        ...

    def merge_words(self, cursor: Any, *, is_first: bool) -> bool:
        """Remove deleted words from the index by one short step. Return False if nothing is left to do."""
        ...

    def scrub(self, con: Any) -> bool:
        """Remove deleted text from the database's files now. Return False if this must be tried again."""
        ...

    def close(self) -> None:
        """Release what `bind` has opened or locked."""
        ...
