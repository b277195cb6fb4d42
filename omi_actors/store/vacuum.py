"""VACUUM after an erasure: PostgreSQL removes deleted rows from pages and indexes now, not when autovacuum comes.

It may take long, so it has a thread and a connection of its own. Not here: SQLite, which overwrites deleted rows.
Threads: `start_vacuum` any; the rest a thread that ends with the work.
"""

import threading
from collections.abc import Iterable
from contextlib import closing

from omi_actors.errors import StoreError
from omi_actors.instruments.logs import get_logger
from omi_actors.kit.future import Future
from omi_actors.store.engine import StoreConfig

_log = get_logger(__name__)


def start_vacuum(config: StoreConfig, tables: Iterable[str]) -> Future[None]:
    """Begin a VACUUM of tables; the future settles at its end, also after a failure, which is logged."""
    done: Future[None] = Future()
    if not config.url.startswith("postgres"):
        done.try_set(None)
        return done

    def run() -> None:
        try:
            _vacuum(config.url, tables)
        except StoreError as exc:
            _log.warning("vacuum_failed", reason=str(exc))  # autovacuum comes later
        done.try_set(None)

    threading.Thread(target=run, name="vacuum", daemon=True).start()
    return done


def _vacuum(url: str, tables: Iterable[str]) -> None:
    import psycopg2  # noqa: PLC0415 (an optional extra)

    try:
        with closing(psycopg2.connect(url, connect_timeout=5)) as con:
            con.autocommit = True
            with con.cursor() as cursor:
                for table in tables:
                    cursor.execute(f"VACUUM {table}")
    except psycopg2.Error as exc:
        raise StoreError(type(exc).__name__) from exc
