"""PostgreSQL as an engine of record: its connection, its settings, its errors.

Not here: what both databases share (engine.py). Threads: the store actors'.
Imported only for a postgres URL: psycopg2 is an optional extra.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from pony import orm

from omi_actors.errors import StoreError
from omi_actors.store.dialect import Bulk, Row
from omi_actors.store.driver import INSTALL, MISSING

try:
    import psycopg2
    from psycopg2 import extensions
    from psycopg2.extras import execute_values

    from omi_actors.store.pooler import (
        build_cursor,
        fetch_setting,
        read_options,
        refuses_options,
        was_hung_up,
        write_options,
    )
except ImportError as exc:
    raise StoreError(f"{MISSING}: {INSTALL}") from exc

# SQLSTATE classes that a caller may try again: connection, resources, operator intervention, system error,
# and transactions that lost against another node's.
_UNAVAILABLE_CLASSES = frozenset({"08", "53", "57", "58", "40"})
# serialization_failure, deadlock_detected.
_CONFLICTS = frozenset({"40001", "40P01"})
_LOCK_NOT_AVAILABLE = "55P03"
_READ_ONLY_TRANSACTION = "25006"  # a standby
_UNIQUE_VIOLATION = "23505"
_FOREIGN_KEY_VIOLATION = "23503"
_DISK_FULL = "53100"
# Two processes that start at once migrate one after the other. Any constant will do.
_SCHEMA_LOCK = 7_304_915
_SETTINGS = {
    "synchronous_commit": "on",
    "timezone": "UTC",
    "statement_timeout": "15s",
    "lock_timeout": "5s",
    # A node that is paused, or cut off, within a transaction holds its rows' locks, and with them the writers of the
    # other nodes. Our transactions pause for milliseconds; one that was ended is begun again on a new connection.
    "idle_in_transaction_session_timeout": "2s",
}
# While a step of the schema waits for a table, all later statements there wait behind it: less than a write may take.
_STEP_LOCK = "1s"
_DURABILITY = ("fsync", "full_page_writes", "synchronous_commit")
_READ_DURABILITY = "SELECT " + ", ".join(f"current_setting('{name}')" for name in _DURABILITY)
_NO_SCHEMA = "3F000"
_NO_TRANSACTIONS = (
    "the pooler hung up in the first transaction: its server is away, or it runs single statements; PgBouncer needs "
    "pool_mode = transaction or session"
)

_READ_BY_INDEXES = "SELECT " + ", ".join(
    f"set_config('enable_{plan}', 'off', true)" for plan in ("hashjoin", "mergejoin", "seqscan", "bitmapscan", "sort")
)


# By the index of words, whatever the statistics say, which are old after many writes. This holds for the transaction,
# which only goes on with rows by their keys.
_FIND_WORDS = (
    "SELECT set_config('enable_seqscan', 'off', true), set_config('enable_indexscan', 'off', true);"
    " SELECT asked.word, found.no FROM unnest(%s) AS asked (word), LATERAL (SELECT no FROM recall_text"
    " WHERE array_to_tsvector(string_to_array(words, ' ')) @@ CAST(asked.word AS tsquery) LIMIT %s) AS found"
)


class Postgres:
    """The database for many nodes."""

    name = "postgres"
    place = "the database"
    skip_locked = "FOR UPDATE SKIP LOCKED"
    lock_rows = "FOR UPDATE OF"
    find_in = "strpos"
    # As their indexes are made: an entry has at most 2,704 bytes.
    memory_parts: tuple[str, ...] = ("octet_length(folded) <= 2000", "octet_length(folded) > 2000")
    driver_errors: tuple[type[Exception], ...] = (psycopg2.Error,)
    snapshot_is_immediate = True  # without it Pony turns autocommit on

    def __init__(self, url: str, *, readonly: bool) -> None:
        self._url = url
        self._readonly = readonly
        self._is_pooled = False

    def bind(self, db: orm.Database) -> None:
        """Connect, and set all timeouts that libpq offers. DATABASE_URL's own `options` are kept."""
        theirs, more = read_options(extensions.parse_dsn(self._url).get("options", ""))
        settings = {**theirs, **_SETTINGS}
        cursors = build_cursor(settings)

        def set_up(_db: orm.Database, con: Any) -> None:
            self._is_pooled = fetch_setting(con, "statement_timeout") != _SETTINGS["statement_timeout"]
            if self._is_pooled:
                con.cursor_factory = cursors
            if self._readonly:
                con.set_session(isolation_level=extensions.ISOLATION_LEVEL_REPEATABLE_READ, readonly=True)

        # A plain function: Pony ignores bound methods, without a word.
        db.on_connect(provider="postgres")(set_up)  # type: ignore[arg-type]  # the stubs want a FunctionType, which set_up is
        try:
            self._connect(db, f"{more} {write_options(settings)}")
        except orm.OperationalError as exc:
            if not refuses_options(exc):
                raise
            self._connect_behind_pooler(db, more)

    def _connect_behind_pooler(self, db: orm.Database, options: str) -> None:
        try:
            self._connect(db, options)
        except psycopg2.OperationalError as exc:  # of the first transaction: Pony has no part in it
            raise psycopg2.OperationalError(_NO_TRANSACTIONS if was_hung_up(exc) else str(exc)) from exc

    def _connect(self, db: orm.Database, options: str) -> None:
        db.bind(
            "postgres",
            self._url,
            connect_timeout=5,
            options=options,
            keepalives_idle=10,
            keepalives_interval=5,
            keepalives_count=3,
            tcp_user_timeout=15_000,
        )

    def sql(self, sql: str) -> str:
        """Return `sql` with psycopg2's placeholders."""
        return _translate(sql)

    def read_by_indexes(self, cursor: Any) -> None:
        """Turn other plans off: after many writes the statistics are old, and the planner would read whole tables."""
        cursor.execute(_READ_BY_INDEXES)

    def indexed_by(self, _index: str) -> str:
        """Return "": the planner chooses the index by its statistics."""
        return ""

    def begin(self, con: Any) -> None:
        """Do nothing: psycopg2 sends BEGIN with the first statement, unless `begin_apart` has turned that off."""
        if con.autocommit:
            con.cursor().execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")

    def begin_apart(self, con: Any) -> None:
        """Send no BEGIN from now on. Behind a pooler, only transactions have our settings."""
        if not self._is_pooled and not con.autocommit:
            con.autocommit = True

    def end_apart(self, con: Any) -> None:
        """Let psycopg2 send BEGIN again: Pony would turn that on itself, within the transaction."""
        if not self._is_pooled and con.autocommit:
            con.autocommit = False

    def rollback(self, con: Any) -> None:
        """Roll back. Do nothing if the connection is closed: the server has rolled back then."""
        if con.closed:
            return
        if not con.autocommit:
            con.rollback()
        elif con.info.transaction_status != extensions.TRANSACTION_STATUS_IDLE:
            con.cursor().execute("ROLLBACK")

    def run_bulk(self, cursor: Any, bulk: Bulk, rows: Sequence[Row]) -> int:
        """Send all rows in one statement."""
        execute_values(cursor, bulk.many, rows, bulk.template, page_size=len(rows))
        return int(cursor.rowcount)

    def run_script(self, cursor: Any, script: str) -> None:
        """Send the whole script at once."""
        cursor.execute(script)

    def lock_schema(self, cursor: Any) -> None:
        """Take an advisory lock that ends with the transaction. Further locks are waited for briefly."""
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", (_SCHEMA_LOCK,))
        cursor.execute(f"SET LOCAL lock_timeout = '{_STEP_LOCK}'")

    def has_table(self, cursor: Any, table: str) -> bool:
        """Return True if the table exists in the connection's search path."""
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", (table,))
        return bool(cursor.fetchone()[0])

    def back_up(self, con: Any, label: str, now_s: float) -> None:
        """Return None: the operator of the database server makes copies."""

    def delete_old_backups(self, now_s: float) -> None:
        """Do nothing: `back_up` makes no copies."""

    def delete_copies(self, _since: float) -> tuple[str, ...]:
        """Do nothing: `back_up` makes no copies."""
        return ()

    def is_unavailable(self, exc: BaseException) -> bool:
        """Decide by SQLSTATE."""
        if not isinstance(exc, psycopg2.Error):
            return isinstance(exc, OSError)
        if exc.pgcode is None:
            return _is_broken(exc) and not _is_misread(exc)
        return exc.pgcode[:2] in _UNAVAILABLE_CLASSES or exc.pgcode in {_LOCK_NOT_AVAILABLE, _READ_ONLY_TRANSACTION}

    def is_conflict(self, exc: BaseException) -> bool:
        """Decide by SQLSTATE. After both errors the server has certainly rolled back."""
        return isinstance(exc, psycopg2.Error) and exc.pgcode in _CONFLICTS

    def is_in_the_way(self, exc: BaseException) -> bool:
        """Decide by SQLSTATE."""
        return self.is_conflict(exc) or (isinstance(exc, psycopg2.Error) and exc.pgcode == _LOCK_NOT_AVAILABLE)

    def is_full(self, exc: BaseException) -> bool:
        """Decide by SQLSTATE."""
        return isinstance(exc, psycopg2.Error) and exc.pgcode == _DISK_FULL

    def find_taken(self, exc: BaseException) -> str | None:
        """Return the columns named in "Key (email)=(…) already exists.", without the value."""
        if not isinstance(exc, psycopg2.Error) or exc.pgcode != _UNIQUE_VIOLATION:
            return None
        return (exc.diag.message_detail or "").removeprefix("Key (").partition(")=(")[0]

    def is_orphan(self, exc: BaseException) -> bool:
        """Decide by SQLSTATE."""
        return isinstance(exc, psycopg2.Error) and exc.pgcode == _FOREIGN_KEY_VIOLATION

    def describe(self, exc: BaseException) -> str:
        """Return the primary message only, since the detail line holds the row's values."""
        if isinstance(exc, psycopg2.Error) and exc.pgcode is not None:
            remedy = "; make the schema that DATABASE_URL names: CREATE SCHEMA" if exc.pgcode == _NO_SCHEMA else ""
            return f"{exc.diag.message_primary} ({exc.pgcode}){remedy}"
        sentence = str(exc).strip().partition("\n")[0]
        if isinstance(exc, psycopg2.ProgrammingError) or _is_misread(exc):
            return "the URL, or a value's type, is not understood"  # the driver quotes what it cannot read
        return sentence or type(exc).__name__

    def is_usable(self, con: Any, exc: BaseException) -> bool:
        """Return True unless the connection is broken or closed, or its transaction cannot be closed."""
        if con.closed or _is_broken(exc):
            return False
        return bool(con.info.transaction_status == extensions.TRANSACTION_STATUS_IDLE)

    def fetch_durability(self, cursor: Any) -> Mapping[str, str]:
        """Return the server's settings; with full_page_writes off, half a page may be left of what was synced."""
        cursor.execute(_READ_DURABILITY)
        return dict(zip(_DURABILITY, cursor.fetchone(), strict=True))

    def fetch_now_s(self, cursor: Any) -> float | None:
        """Return the time of the server's clock, so that the leases of all nodes are measured by one clock."""
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())::double precision")
        return float(cursor.fetchone()[0])

    def join_lines(self, query: str) -> str:
        """Return an expression that keeps the order of the query."""
        return f"array_to_string(ARRAY({query}), chr(10))"

    def fetch_lines(self, cursor: Any, sql: str, params: Row) -> list[str]:
        """Run the query as it is: the driver receives all rows at once."""
        cursor.execute(_translate(sql), params)
        return [line for (line,) in cursor.fetchall()]

    def find_words(self, cursor: Any, words: Sequence[str], limit: int) -> dict[str, list[int]]:
        """Ask the index for all words in one statement."""
        cursor.execute(_FIND_WORDS, (list(words), limit))
        found: dict[str, list[int]] = {word: [] for word in words}
        for word, no in cursor.fetchall():
            found[word].append(no)
        return found

    def merge_words(self, _cursor: Any, *, is_first: bool) -> bool:  # noqa: ARG002 (the protocol's)
        """Return False: deleted rows leave the index by VACUUM."""
        return False

    def scrub(self, _con: Any) -> bool:
        """Return True: the server's autovacuum removes deleted text."""
        return True

    def close(self) -> None:
        """Do nothing: Pony closes the connections."""


def _is_broken(exc: BaseException) -> bool:
    """Return True if the connection is broken. Then the error has no SQLSTATE, and its class alone is not enough."""
    if isinstance(exc, psycopg2.InterfaceError):
        return True
    is_about_connection = isinstance(exc, psycopg2.OperationalError) or type(exc) is psycopg2.DatabaseError
    return is_about_connection and exc.pgcode is None  # type: ignore[attr-defined]  # narrowed by the line above


def _is_misread(exc: BaseException) -> bool:
    """Return True if libpq did not understand the URL. Its message then quotes a value, which may be the password."""
    return str(exc).startswith("invalid ")


@lru_cache(maxsize=512)
def _translate(sql: str) -> str:
    return sql.replace("%", "%%").replace("?", "%s")
