"""Pony beside the group commit: where it may run, where it is refused, and what its errors become."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pony import orm

from omi_actors.errors import DuplicateError, StoreError
from omi_actors.store.engine import Engine, StoreConfig
from omi_actors.store.transaction import EntityTransaction, NodeIdentity, Transaction
from tests.store.builders import alone, asking_commit, count, do, first_commit, job, rows

Work = Callable[[Transaction], Any]


@pytest.fixture
def reader(engine: Engine, config: StoreConfig) -> Iterator[Engine]:
    """A reader of the store that `engine` writes."""
    reader = Engine(config, NodeIdentity("reader"), readonly=True)
    reader.open()
    yield reader
    reader.close()


def add_account(tx: EntityTransaction, name: str = "a1", email: str = "ada@example.com") -> None:
    tx.db.Account(id=name, email=email, password_hash="h", role="user", created_at=0.0, updated_at=0.0)  # noqa: S106


def count_jobs(tx: EntityTransaction) -> int:
    found: int = orm.count(job for job in tx.db.Job)
    return found


def read_in_a_session(db: Any) -> None:
    with orm.db_session:
        orm.count(job for job in db.Job)


def write_in_a_session(db: Any) -> None:
    with orm.db_session(immediate=True):
        db.OperatorEvent(who="operator", happened_at=0.0, action="pause", target="{}", job_count=0, request_id="")


def read_without_a_session(db: Any) -> None:
    orm.count(job for job in db.Job)


PLANTED = [read_in_a_session, write_in_a_session, read_without_a_session]


@pytest.mark.parametrize("planted", PLANTED)
def test_pony_within_a_group_is_refused_and_the_rest_of_the_group_is_stored(
    engine: Engine, planted: Callable[[Any], None]
) -> None:
    before, refused, after = engine.commit_group(
        [first_commit("s1"), lambda _tx: planted(engine._db), first_commit("s2")]
    )

    assert type(refused.error) is StoreError
    assert (before.error, after.error) == (None, None)
    assert rows(engine, "SELECT id FROM session ORDER BY id") == [("s1",), ("s2",)]
    assert count(engine, "operator_event") == 0


@pytest.mark.parametrize("planted", PLANTED)
def test_pony_within_a_readers_snapshot_is_refused_and_the_reader_reads_on(
    engine: Engine, reader: Engine, planted: Callable[[Any], None]
) -> None:
    do(engine, asking_commit())
    reader.read_cold(count_jobs)

    with pytest.raises(StoreError, match="Pony"):
        reader.read(lambda _tx: planted(reader._db))

    assert count(reader, "job") == 1
    assert reader.read_cold(count_jobs) == 1


def test_group_within_a_session_is_refused(engine: Engine) -> None:
    outcome = alone(engine, lambda _tx: engine.commit_group([first_commit()])[0])

    assert "db_session" in str(outcome.error)
    assert count(engine, "session") == 0


def test_write_alone_stores_entities_and_statements_together_or_not_at_all(engine: Engine) -> None:
    do(engine, first_commit())

    def change(tx: EntityTransaction, *, fails: bool) -> None:
        add_account(tx)
        tx.run("UPDATE session SET epoch = 2")
        if fails:
            raise ValueError("planted")

    with pytest.raises(StoreError):
        alone(engine, lambda tx: change(tx, fails=True))
    assert (count(engine, "account"), rows(engine, "SELECT epoch FROM session")) == (0, [(1,)])

    alone(engine, lambda tx: change(tx, fails=False))
    assert (count(engine, "account"), rows(engine, "SELECT epoch FROM session")) == (1, [(2,)])


def test_value_that_is_taken_is_a_conflict_that_names_its_field_and_not_the_value(engine: Engine) -> None:
    alone(engine, add_account)

    def add_twice(tx: EntityTransaction) -> None:
        add_account(tx, "a2", "bob@example.com")
        add_account(tx, "a3", "bob@example.com")

    for work in (lambda tx: add_account(tx, "a2"), add_twice):
        with pytest.raises(DuplicateError) as taken:
            alone(engine, work)
        assert taken.value.field == "email"
        assert "example.com" not in str(taken.value)
    assert count(engine, "account") == 1


def test_refusals_of_pony_and_of_the_database_leave_the_writer_as_it_was(engine: Engine) -> None:
    def forget_the_name(tx: EntityTransaction) -> None:
        tx.db.Account(id="a1", role="user")

    def point_nowhere(tx: EntityTransaction) -> None:
        tx.run("INSERT INTO auth_session VALUES (?, 'nobody', 0, 0, 'i1', '')", ("0" * 64,))

    def load_what_is_not_there(tx: EntityTransaction) -> object:
        return tx.db.Account["none"]

    for work in (forget_the_name, point_nowhere, load_what_is_not_there):
        with pytest.raises(StoreError):
            alone(engine, work)

    do(engine, first_commit())
    assert alone(engine, count_jobs) == 0


def test_cold_reader_sees_one_snapshot_and_writes_nothing(engine: Engine, reader: Engine) -> None:
    do(engine, first_commit("s1", jobs=(job(),)))

    def count_twice(tx: EntityTransaction) -> tuple[int, int]:
        before = count_jobs(tx)
        do_beside(engine)
        return before, tx.fetch("SELECT count(*) FROM job")[0][0]

    assert reader.read_cold(count_twice) == (1, 1)
    assert reader.read_cold(count_jobs) == 2
    with pytest.raises(StoreError):
        reader.read_cold(add_account)
    assert count(engine, "account") == 0


def test_cold_reader_may_use_statements_only(engine: Engine, reader: Engine) -> None:
    for session in ("s1", "s2"):
        do(engine, first_commit(session))

        assert reader.read_cold(lambda tx: tx.fetch("SELECT max(id) FROM session")[0][0]) == session


def do_beside(engine: Engine) -> None:
    """Commit in another thread, as the writer does: Pony's session is the thread's."""

    def commit() -> None:
        do(engine, asking_commit("s2"))
        engine._db.disconnect()  # this thread's connection

    thread = threading.Thread(target=commit)
    thread.start()
    thread.join()


def test_settings_of_a_postgres_connection_survive_a_session(config: StoreConfig, engine: Engine) -> None:
    if not config.url:
        alone(engine, add_account)
        assert rows(engine, "PRAGMA synchronous") == [(2,)]
        return
    alone(engine, add_account)
    assert rows(engine, "SHOW synchronous_commit") == [("on",)]
    assert rows(engine, "SHOW statement_timeout") == [("15s",)]
