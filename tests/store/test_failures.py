"""Failures with their real causes: a full disk, a locked file, a server that goes and comes back."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from omi_actors.errors import FencedError, StoreUnavailableError
from omi_actors.store.engine import DATABASE_FILE, Engine, StoreConfig
from omi_actors.store.transaction import NodeIdentity
from scripts.lab.replay.postgres_server import PostgresServer, fresh_postgres_database
from tests.store.builders import count, do, first_commit, next_commit, rows, segment

_LONG = "x" * 500_000


def limit_pages(engine: Engine, beyond_now: int) -> None:
    """Let the database grow by `beyond_now` pages at most, as a disk that is nearly full."""
    ((pages,),) = rows(engine, "PRAGMA page_count")
    rows(engine, f"PRAGMA max_page_count = {pages + beyond_now}")


def test_a_full_disk_fails_what_does_not_fit_and_keeps_what_is_stored(sqlite_engine: Engine) -> None:
    do(sqlite_engine, first_commit("s0"))
    limit_pages(sqlite_engine, 20)
    big = first_commit("big", segments=(segment(1, session="big", text=_LONG),))

    before, failed, after = sqlite_engine.commit_group([first_commit("s1"), big, first_commit("s2")])

    assert isinstance(failed.error, StoreUnavailableError)
    assert "full" in str(failed.error)
    assert (before.error, after.error) == (None, None)
    assert rows(sqlite_engine, "SELECT id FROM session ORDER BY id") == [("s0",), ("s1",), ("s2",)]
    assert rows(sqlite_engine, "PRAGMA integrity_check") == [("ok",)]


def test_the_same_turn_is_stored_once_there_is_room_again(sqlite_engine: Engine) -> None:
    limit_pages(sqlite_engine, 20)
    big = first_commit(segments=(segment(1, text=_LONG),))
    with pytest.raises(StoreUnavailableError):
        do(sqlite_engine, big)

    limit_pages(sqlite_engine, 1_000)
    do(sqlite_engine, big)

    assert rows(sqlite_engine, "SELECT length(text) FROM transcript_segment") == [(500_000,)]


def test_a_locked_database_is_unavailable_until_it_is_free(sqlite_engine: Engine, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / DATABASE_FILE, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        outcomes = sqlite_engine.commit_group([first_commit("s1"), first_commit("s2")])
        other.execute("ROLLBACK")

    assert [type(outcome.error) for outcome in outcomes] == [StoreUnavailableError] * 2
    do(sqlite_engine, first_commit("s1"))
    assert count(sqlite_engine, "session") == 1


@pytest.fixture(scope="module")
def own_server() -> Iterator[PostgresServer]:
    """A server that tests may stop, if they start it again."""
    server = PostgresServer()
    server.start()
    yield server
    server.discard()


@pytest.mark.service
@pytest.mark.parametrize("mode", ["immediate", "fast"])
def test_postgres_stopped_and_started_again_needs_no_new_writer(
    own_server: PostgresServer, tmp_path: Path, mode: str
) -> None:
    with fresh_postgres_database(own_server.admin_url) as url:
        config = StoreConfig(url=url, data_dir=tmp_path)
        writer = Engine(config, NodeIdentity("n", 1))
        writer.open()
        reader = Engine(config, NodeIdentity("reader"), readonly=True)
        reader.open()
        do(writer, first_commit("s1"))
        assert count(reader, "session") == 1

        with own_server.stopped(mode):
            with pytest.raises(StoreUnavailableError):
                do(writer, first_commit("s2"))
            with pytest.raises(StoreUnavailableError):
                count(reader, "session")

        do(writer, first_commit("s2"))
        assert count(reader, "session") == 2
        writer.close()
        reader.close()


@pytest.mark.service
@pytest.mark.parametrize("mode", ["immediate", "fast"])
def test_a_restart_between_two_groups_is_not_noticed(own_server: PostgresServer, tmp_path: Path, mode: str) -> None:
    with fresh_postgres_database(own_server.admin_url) as url:
        writer = Engine(StoreConfig(url=url, data_dir=tmp_path), NodeIdentity("n", 1))
        writer.open()
        do(writer, first_commit("s1"))

        with own_server.stopped(mode):
            pass
        fenced, stored = writer.commit_group([next_commit("s1", epoch_before=9), next_commit("s1")])

        assert isinstance(fenced.error, FencedError)
        assert stored.error is None
        writer.close()


@pytest.mark.service
def test_a_server_lost_in_the_middle_of_a_group_stores_nothing_or_all_of_it(
    own_server: PostgresServer, tmp_path: Path
) -> None:
    with fresh_postgres_database(own_server.admin_url) as url:
        writer = Engine(StoreConfig(url=url, data_dir=tmp_path), NodeIdentity("n", 1))
        writer.open()
        runs: list[int] = []

        def restart_once(_tx: object) -> None:
            if not runs:
                with own_server.stopped():
                    pass
            runs.append(1)

        outcomes = writer.commit_group([first_commit("s1"), restart_once, first_commit("s2")])

        assert [outcome.error for outcome in outcomes] == [None] * 3
        assert len(runs) == 2
        assert count(writer, "session") == 2
        writer.close()


@pytest.mark.service
def test_the_database_clock_measures_leases_on_postgres(tmp_path: Path) -> None:
    with fresh_postgres_database() as url:
        writer = Engine(StoreConfig(url=url, data_dir=tmp_path), NodeIdentity("n", 1))
        writer.open()

        told = do(writer, lambda tx: tx.now_s())

        ((server_s,),) = rows(writer, "SELECT extract(epoch FROM now())::double precision")
        assert 0 <= server_s - told < 60
        writer.close()


def test_a_store_that_is_not_open_says_so() -> None:
    engine = Engine(StoreConfig(url="", data_dir=Path("/nowhere")), NodeIdentity("n"), readonly=True)

    with pytest.raises(StoreUnavailableError):
        engine.read(lambda tx: tx.fetch_one("SELECT 1"))
