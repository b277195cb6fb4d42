from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from omi_actors.clock import ManualClock
from omi_actors.store.engine import Engine, StoreConfig
from omi_actors.store.transaction import NodeIdentity
from scripts.lab.replay.postgres_server import fresh_postgres_database


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.service)])
def database(request: pytest.FixtureRequest) -> str:
    """Run the test once on each database."""
    name: str = request.param
    return name


@pytest.fixture
def config(database: str, request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock) -> Iterator[StoreConfig]:
    """A store without a row."""
    if database == "sqlite":
        yield StoreConfig(url="", data_dir=tmp_path, clock=clock)
        return
    url = request.getfixturevalue("module_postgres_url")
    yield StoreConfig(url=url, data_dir=tmp_path, clock=clock)
    empty_database(url)


def empty_database(url: str) -> None:
    """Delete all rows. A statement that outlived its program is ended first: it would deadlock with the deletion.

    It is no TRUNCATE, which makes new files for every table and takes ten times as long. Without triggers no foreign
    key asks for an order of the tables.
    """
    with closing(psycopg2.connect(url)) as con, con.cursor() as cursor:
        con.autocommit = True
        left = 1
        while left:
            cursor.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            [(left,)] = cursor.fetchall()
        cursor.execute(
            "SELECT string_agg('DELETE FROM ' || quote_ident(tablename), '; ') FROM pg_tables"
            " WHERE schemaname = 'public' AND tablename <> 'schema_migration'"
        )
        [(deletions,)] = cursor.fetchall()
        cursor.execute(f"SET session_replication_role = replica; {deletions}")


@pytest.fixture
def empty_config(database: str, tmp_path: Path, clock: ManualClock) -> Iterator[StoreConfig]:
    """A store without a table, for tests that change the schema."""
    if database == "sqlite":
        yield StoreConfig(url="", data_dir=tmp_path, clock=clock)
        return
    with fresh_postgres_database() as url:
        yield StoreConfig(url=url, data_dir=tmp_path, clock=clock)


@pytest.fixture(scope="module")
def module_postgres_url() -> Iterator[str]:
    """A migrated database for a module's tests, emptied after each: making one takes longer than a test."""
    with fresh_postgres_database() as url:
        engine = Engine(StoreConfig(url=url, data_dir=Path("unused")), NodeIdentity("none", 1))
        engine.open()
        engine.close()
        yield url


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def node() -> NodeIdentity:
    return NodeIdentity("node-a", 1)


@pytest.fixture
def engine(config: StoreConfig, node: NodeIdentity) -> Iterator[Engine]:
    """An open writer."""
    engine = Engine(config, node)
    engine.open()
    yield engine
    engine.close()


@pytest.fixture
def sqlite_config(tmp_path: Path, clock: ManualClock) -> StoreConfig:
    return StoreConfig(url="", data_dir=tmp_path, clock=clock, busy_timeout_s=0.05)


@pytest.fixture
def sqlite_engine(sqlite_config: StoreConfig, node: NodeIdentity) -> Iterator[Engine]:
    engine = Engine(sqlite_config, node)
    engine.open()
    yield engine
    engine.close()
