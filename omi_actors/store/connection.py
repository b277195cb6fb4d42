"""A thread's connection to the database: got from Pony's pool, dropped when it is broken, never held by two.

Not here: what runs in its transactions (engine.py). Threads: the one that opened it.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from pony import orm

from omi_actors.clock import Clock
from omi_actors.errors import StoreUnavailableError
from omi_actors.store.dialect import Dialect
from omi_actors.store.transaction import NodeIdentity, Transaction

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
