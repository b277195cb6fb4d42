"""The store behind a pooler of connections, and in a schema of its own: the same settings are in force as without."""

from contextlib import closing, contextmanager, nullcontext
from urllib.parse import urlsplit

import psycopg2
import pytest

from config.database_url import read_database_url
from omi_actors.errors import StoreError, StoreUnavailableError
from omi_actors.store import pooler
from omi_actors.store.engine import Engine, StoreConfig
from omi_actors.store.pooler import read_options, write_options
from omi_actors.store.transaction import NodeIdentity
from scripts.lab.replay.postgres_server import fresh_postgres_database
from tests.fakes.pooler import run_pooler

IN_FORCE = {
    "statement_timeout": "15s",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "2s",
    "synchronous_commit": "on",
    "TimeZone": "UTC",
}
ASK = "SELECT " + ", ".join(f"current_setting('{name}')" for name in IN_FORCE)


@pytest.fixture(scope="module")
def server_url():
    """A database whose own settings differ from ours, so that only ours can be the ones in force."""
    with fresh_postgres_database() as url:
        with closing(psycopg2.connect(url)) as con:
            con.autocommit = True
            con.cursor().execute(f"ALTER DATABASE {urlsplit(url).path[1:]} SET timezone = 'Asia/Tokyo'")
        yield url


@contextmanager
def opened(url, folder, *, readonly=False):
    engine = Engine(
        StoreConfig(url=read_database_url(url), data_dir=folder), NodeIdentity("node-a", 1), readonly=readonly
    )
    engine.open()
    try:
        yield engine
    finally:
        engine.close()


def ask(tx):
    return dict(zip(IN_FORCE, tx.fetch_one(ASK), strict=True))


@pytest.mark.service
@pytest.mark.parametrize("kind", ["none", "refuses options", "passes over options"])
def test_settings_are_in_force_in_every_transaction(kind, server_url, tmp_path):
    between = nullcontext() if kind == "none" else run_pooler(server_url, refuses=kind == "refuses options")
    with between as way:
        url = way.url if way else server_url
        with opened(url, tmp_path) as writer, opened(url, tmp_path, readonly=True) as reader:
            for _ in range(3):  # each on another connection of the pooler
                assert writer.commit_group([ask])[0].value == IN_FORCE
                assert writer.write_alone(ask).value == IN_FORCE
                assert reader.read(ask) == IN_FORCE
                assert reader.read_cold(ask) == IN_FORCE
            with opened(url, tmp_path, readonly=True) as other:
                for _ in range(3):
                    assert other.read(ask, is_apart=True) == other.read(ask) == IN_FORCE
                    assert other.read_cold(ask) == IN_FORCE
    assert not way or bool(way.refused) is (kind == "refuses options")


@pytest.mark.service
@pytest.mark.parametrize(
    ("mode", "says"),
    [
        ("statement", "PgBouncer needs pool_mode = transaction"),
        ("silent", "if this is a pooler, its server may be away"),
    ],
)
def test_pooler_that_runs_no_transaction_is_named_in_time(mode, says, server_url, tmp_path, monkeypatch):
    monkeypatch.setattr(pooler, "_FIRST_ANSWER_S", 0.1)
    with (
        run_pooler(server_url, mode=mode) as way,
        pytest.raises(StoreUnavailableError, match=f"^DATABASE_URL: the store is unavailable: .*{says}"),
        opened(way.url, tmp_path),
    ):
        pass


@pytest.mark.service
@pytest.mark.parametrize("has_pooler", [False, True])
def test_store_lives_in_the_schema_that_its_address_names(has_pooler, tmp_path):
    with fresh_postgres_database() as server, run_pooler(server) as way, closing(psycopg2.connect(server)) as con:
        con.autocommit = True
        url = f"{way.url}?schema=Talk" if has_pooler else f"{server}&schema=Talk"
        with pytest.raises(StoreError, match="make the schema that DATABASE_URL names"), opened(url, tmp_path):
            pass

        con.cursor().execute('CREATE SCHEMA "Talk"')
        with opened(url, tmp_path) as engine:
            assert engine.commit_group([ask])[0].value == IN_FORCE

        with closing(con.cursor()) as cursor:
            cursor.execute("SELECT DISTINCT schemaname FROM pg_tables WHERE tablename IN ('job', 'session')")
            assert cursor.fetchall() == [("Talk",)]


@pytest.mark.parametrize(
    ("options", "settings", "more"),
    [
        ("", {}, ""),
        ("-c search_path=omi", {"search_path": "omi"}, ""),
        ("-csearch_path=a,b --work_mem=1MB", {"search_path": "a,b", "work_mem": "1MB"}, ""),
        (r"-c application_name=one\ two\\three", {"application_name": r"one two\three"}, ""),
        ("endpoint=ep-1 -c x.y=z", {"x.y": "z"}, "endpoint=ep-1"),
    ],
)
def test_options_of_an_address_are_read(options, settings, more):
    assert read_options(options) == (settings, more)
    assert read_options(write_options(settings)) == (settings, "")
