"""Programs of two versions on one PostgreSQL database: steps of the schema that add, and steps that remove."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from omi_actors.errors import StoreError
from omi_actors.store.engine import Engine, StoreConfig
from omi_actors.store.migrate import load_migrations
from omi_actors.store.nodes import register_node
from omi_actors.store.postgres import Postgres
from omi_actors.store.transaction import NodeIdentity
from scripts.lab.replay.postgres_server import fresh_postgres_database
from tests.store.builders import count, do, first_commit
from tests.store.test_schema import change, migrations, open_and_close

OWN = [step.script for step in load_migrations(Path("omi_actors/store/migrations/postgres"))]
KNOWN = len(OWN)
ADDS = "ALTER TABLE session ADD COLUMN mood TEXT;\n"
REMOVES = f"-- needs: {KNOWN + 1}\nALTER TABLE session DROP COLUMN mood;\n"
pytestmark = pytest.mark.service


@pytest.fixture
def config(tmp_path: Path) -> Iterator[StoreConfig]:
    with fresh_postgres_database() as url:
        yield StoreConfig(url=url, data_dir=tmp_path)


@pytest.fixture
def older(config: StoreConfig) -> Iterator[Engine]:
    """A program of the present version that runs as node-a."""
    engine = Engine(config, NodeIdentity("node-a"))
    engine.open()
    do(engine, lambda tx: register_node(tx, lease_s=3_600, max_deliveries=3))
    yield engine
    engine.close()


def newer(config: StoreConfig, folder: Path, *steps: str) -> StoreConfig:
    """Return the configuration of a newer program, which knows these steps besides."""
    return change(config, migrations=migrations(folder / f"steps-{len(steps)}", *OWN, *steps))


def test_two_programs_go_on_side_by_side_over_a_step_that_adds(
    older: Engine, config: StoreConfig, tmp_path: Path
) -> None:
    open_and_close(newer(config, tmp_path, ADDS))

    do(older, first_commit())
    open_and_close(config)  # the older program starts once more, as after a crash

    assert count(older, "transcript_segment") == 1


def test_a_step_that_removes_is_refused_while_a_program_runs_that_needs_what_goes(
    older: Engine, config: StoreConfig, tmp_path: Path
) -> None:
    removing = newer(config, tmp_path, ADDS, REMOVES)

    with pytest.raises(StoreError, match="would break the programs that run now as node-a"):
        open_and_close(removing)

    assert older.read_versions()[0] == KNOWN + 1
    do(older, lambda tx: tx.run("UPDATE node SET schema_version = ?", (KNOWN + 1,)))  # node-a is upgraded
    open_and_close(removing)
    with pytest.raises(StoreError, match=f"version {KNOWN + 2}; this program knows versions up to {KNOWN}"):
        open_and_close(config)


def test_a_step_that_removes_does_not_wait_for_a_node_that_is_gone(
    older: Engine, config: StoreConfig, tmp_path: Path
) -> None:
    do(older, lambda tx: tx.run("UPDATE node SET lease_until = heartbeat_at"))

    open_and_close(newer(config, tmp_path, ADDS, REMOVES))

    assert older.read_versions()[0] == KNOWN + 2


def test_a_step_waits_in_short_turns_for_a_table_in_use(
    older: Engine, config: StoreConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = older._connection.get()
    holder.cursor().execute("SELECT * FROM session")  # its transaction stays open
    met: list[BaseException] = []

    def end_the_other(_: Postgres, exc: BaseException) -> bool:
        met.append(exc)
        holder.rollback()
        return True

    monkeypatch.setattr(Postgres, "is_in_the_way", end_the_other)
    open_and_close(newer(config, tmp_path, ADDS))

    assert [type(exc).__name__ for exc in met] == ["LockNotAvailable"]
