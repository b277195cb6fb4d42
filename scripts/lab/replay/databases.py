"""Make PostgreSQL databases for tests: one server for a run, a database for each test. Never skipped.

Not here: the server itself (postgres_server.py). Threads: any; it blocks.
TEST_DATABASE_URL names a server to use instead; each test still makes a database of its own in it.
"""

import atexit
import itertools
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from urllib.parse import urlsplit

import psycopg2

from scripts.lab.replay.postgres_server import PostgresServer

__all__ = ["PostgresServer", "fresh_postgres_database"]


@cache
def _shared_admin_url() -> str:
    """Return the URL of the one server of this test run, started at first use and stopped at the end."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        return given
    server = PostgresServer()
    atexit.register(server.discard)
    server.start()
    return server.admin_url


_numbers = itertools.count(1)


@contextmanager
def fresh_postgres_database(admin_url: str | None = None) -> Iterator[str]:
    """Make an empty database, give its URL, and drop it afterwards."""
    admin_url = admin_url or _shared_admin_url()
    name = f"omi_test_{os.getpid()}_{next(_numbers)}"
    _administer(admin_url, f"CREATE DATABASE {name} TEMPLATE template0")
    try:
        parts = urlsplit(admin_url)
        yield f"{parts.scheme}://{parts.netloc}/{name}?{parts.query}"
    finally:
        _administer(admin_url, f"DROP DATABASE {name} WITH (FORCE)")


def _administer(admin_url: str, statement: str) -> None:
    with closing(psycopg2.connect(admin_url)) as con:
        con.autocommit = True
        con.cursor().execute(statement)
