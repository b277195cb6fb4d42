from contextlib import closing
from dataclasses import replace

import psycopg2
import pytest

from omi_actors.errors import StoreError
from omi_actors.store.durability import read_durability
from omi_actors.store.engine import Engine, StoreConfig
from omi_actors.store.transaction import NodeIdentity
from scripts.lab.replay.postgres_server import DURABLE, PostgresServer, fresh_postgres_database


@pytest.fixture(scope="module")
def durable_server():
    server = PostgresServer(DURABLE)
    server.start()
    yield server
    server.discard()


def _change(server, *statements):
    with closing(psycopg2.connect(server.admin_url)) as con:
        con.autocommit = True
        for statement in statements:
            con.cursor().execute(statement)


@pytest.fixture
def read(tmp_path):
    """Open a store that must sync, and return what its writer reads."""

    def read(url):
        engine = Engine(StoreConfig(url=url, data_dir=tmp_path, must_sync=True), NodeIdentity("a", 1))
        try:
            engine.open()
            return engine.read(read_durability)
        finally:
            engine.close()

    return read


def test_sqlite_syncs_each_commit(read):
    assert str(read("")) == "synced (synchronous full, journal_mode wal)"


@pytest.mark.service
def test_postgres_syncs_although_the_role_prefers_speed(read, durable_server):
    with fresh_postgres_database(durable_server.admin_url) as url:
        _change(durable_server, "ALTER ROLE omi SET synchronous_commit = off")

        found = read(url)

    assert found.unsafe == []
    assert str(found) == "synced (fsync on, full_page_writes on, synchronous_commit on)"


@pytest.mark.service
def test_postgres_that_does_not_sync_is_refused_before_anything_is_written(read):
    with fresh_postgres_database() as url:
        with pytest.raises(StoreError, match=r"^DATABASE_URL: the database has fsync off, full_page_writes off: "):
            read(url)
        with closing(psycopg2.connect(url)) as con, con.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
            assert cursor.fetchall() == [(0,)]


@pytest.mark.service
def test_server_that_stopped_syncing_is_refused_at_the_next_opening_of_the_writer(durable_server, tmp_path):
    with fresh_postgres_database(durable_server.admin_url) as url:
        config = StoreConfig(url=url, data_dir=tmp_path, must_sync=True)
        first, reader = Engine(config, NodeIdentity("a", 1)), Engine(config, NodeIdentity("a", 1), readonly=True)
        first.open()
        first.close()
        _change(durable_server, "ALTER SYSTEM SET full_page_writes = off", "SELECT pg_reload_conf()")
        try:
            with pytest.raises(StoreError, match="has full_page_writes off: a crash of its machine"):
                _open_when_reloaded(config)
            reader.open()  # it writes nothing
            reader.close()
            told = Engine(replace(config, must_sync=False), NodeIdentity("a", 1))
            told.open()
            told.close()
        finally:
            _change(durable_server, "ALTER SYSTEM RESET full_page_writes", "SELECT pg_reload_conf()")


def _open_when_reloaded(config):
    """Open a writer until the server's processes have read their configuration again."""
    for number in range(1_000):
        engine = Engine(config, NodeIdentity("a", number + 2))
        try:
            engine.open()
        finally:
            engine.close()
