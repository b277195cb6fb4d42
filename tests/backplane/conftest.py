import asyncio
import contextlib
import random
from collections.abc import Iterator

import pytest
import redis

from omi_actors.backplane.interface import Backplane, InProcessBackplane
from omi_actors.backplane.redis_backplane import RedisBackplane
from omi_actors.backplane.redis_link import LinkConfig
from omi_actors.clock import SystemClock
from scripts.lab.replay.redis_server import RedisServer, running_redis

TIMEOUT_S = 0.3


async def eventually(is_true, timeout_s=10.0):
    """Return once `is_true()`; for effects of other processes."""
    async with asyncio.timeout(timeout_s):
        while not is_true():  # noqa: ASYNC110 (no event comes from there)
            await asyncio.sleep(0.001)


@pytest.fixture(scope="session")
def shared_server() -> Iterator[RedisServer]:
    """A server that no test harms."""
    with running_redis() as server:
        yield server


@pytest.fixture
def server(shared_server: RedisServer) -> RedisServer:
    """An empty server that no test harms."""
    with redis.Redis.from_url(shared_server.url) as client:
        client.flushall()
    return shared_server


@pytest.fixture
def own_server() -> Iterator[RedisServer]:
    """A server that the test may harm."""
    with running_redis() as server:
        yield server


@pytest.fixture
async def join():
    """Make and run nodes: `await join(url)`; with `awaits_link=False` without waiting for their link."""
    tasks: list[asyncio.Task[None]] = []

    async def start(url, *, awaits_link=True, prefix="omi", timeout_s=TIMEOUT_S) -> RedisBackplane:
        node = RedisBackplane(LinkConfig(url, timeout_s, prefix), SystemClock(), random.Random(len(tasks)))
        tasks.append(asyncio.create_task(node.run()))
        if awaits_link:
            await eventually(lambda: node.state.is_shared)
        return node

    yield start
    for task in tasks:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.fixture(params=["in_process", pytest.param("redis", marks=pytest.mark.service)])
def backplane_url(request) -> str | None:
    """The address of a node's backplane, once of each kind."""
    if request.param == "in_process":
        return None
    server: RedisServer = request.getfixturevalue("server")
    return server.url


@pytest.fixture
async def backplane(backplane_url, join) -> Backplane:
    """A node's backplane, once of each kind."""
    return InProcessBackplane(SystemClock()) if backplane_url is None else await join(backplane_url)
