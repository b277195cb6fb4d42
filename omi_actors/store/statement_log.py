"""Statements in the log with time and rows, without values, also those that Pony writes; DB_ENABLE_LOGGING logs them.

Not here: warnings of slow reads and commits (actors.py). Threads: its engine's only.
"""

from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any, TypeVar

from omi_actors.instruments.logs import get_logger
from omi_actors.store.dialect import Bulk, Row
from omi_actors.store.transaction import EntityTransaction, Transaction

_log = get_logger(__name__)

R = TypeVar("R")


class _Logged(Transaction):
    """Logs each statement after it ran, with its `?` and never with their values."""

    __slots__ = ()

    def run(self, sql: str, params: Row = ()) -> int:
        return _timed(sql, lambda: super(_Logged, self).run(sql, params), int)

    def fetch(self, sql: str, params: Row = ()) -> list[Any]:
        return _timed(sql, lambda: super(_Logged, self).fetch(sql, params), len)

    def fetch_one(self, sql: str, params: Row = ()) -> Any | None:
        return _timed(sql, lambda: super(_Logged, self).fetch_one(sql, params), lambda row: int(row is not None))

    def run_bulk(self, bulk: Bulk, rows: Sequence[Row]) -> int:
        # Rows that are written one by one are logged by `run`.
        return super().run_bulk(bulk, rows) if not self._is_grouped else self._run_bulk(bulk, rows)

    def _run_bulk(self, bulk: Bulk, rows: Sequence[Row]) -> int:
        return _timed(bulk.one, lambda: super(_Logged, self).run_bulk(bulk, rows), lambda changed: changed)


class LoggedTransaction(_Logged):
    """A plain transaction that logs its statements."""

    __slots__ = ()


class LoggedEntityTransaction(_Logged, EntityTransaction):
    """A transaction with entities that logs its own statements; Pony sends its own by `log_entities`."""

    __slots__ = ()


def log_entities(provider: Any) -> None:
    """Log each statement that Pony's provider of one database sends."""
    execute = provider.execute

    def logged(cursor: Any, sql: str, arguments: Any = None, returning_id: Any = False) -> Any:  # noqa: FBT002 (Pony's)
        # The driver does not know the rows of a query before they are fetched.
        return _timed(sql, lambda: execute(cursor, sql, arguments, returning_id), lambda _: max(0, cursor.rowcount))

    provider.execute = logged


def _timed(sql: str, run: Callable[[], R], count: Callable[[R], int]) -> R:
    began_s = monotonic()
    result = run()
    _log.info("statement", sql=" ".join(sql.split()), ms=round((monotonic() - began_s) * 1e3, 2), rows=count(result))
    return result
