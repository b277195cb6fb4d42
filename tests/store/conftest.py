from collections.abc import Iterator
from pathlib import Path

import pytest

from omi_actors.clock import ManualClock
from omi_actors.store.engine import Engine, StoreConfig
from omi_actors.store.transaction import NodeIdentity
from tests.servers import fresh_postgres_database


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.service)])
def config(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock) -> Iterator[StoreConfig]:
    """An empty store, once on each database."""
    if request.param == "sqlite":
        yield StoreConfig(url="", data_dir=tmp_path, clock=clock)
        return
    with fresh_postgres_database() as url:
        yield StoreConfig(url=url, data_dir=tmp_path, clock=clock)


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
