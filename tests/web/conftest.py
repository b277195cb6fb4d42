"""A real server on a free port, with a system that the test controls."""

import json

import pytest

from config.settings import load_settings
from omi_actors.backplane.counters import WindowCounters
from omi_actors.clock import SystemClock
from tests.canaries import ADMIN_TOKEN, WEBHOOK_TOKEN
from tests.web.fake_system import FakeSystem
from tests.web.http_client import Connection
from web.server import WebServer

ADMIN = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
UID = "vT5mQ2rJx8NnPzK4eWcLh7sYb1D3"


@pytest.fixture
def system():
    return FakeSystem()


@pytest.fixture
async def start(system, monkeypatch):
    """Start a server: `await start(NAME=value, …)` returns its port."""
    for name in ("HOST", "APP_ENV", "NODE_ENV", "OMI_SIGNING_SECRETS", "MAX_REQUEST_SIZE"):
        monkeypatch.delenv(name, raising=False)
    starter = Starter(system)
    yield starter
    for server in starter.servers:
        await server.stop(0.0)


class Starter:
    def __init__(self, system):
        self._system = system
        self.servers = []

    async def __call__(self, clock=None, **overrides):
        given = {"PORT": "0", "ADMIN_TOKEN": ADMIN_TOKEN, "WEBHOOK_TOKEN": WEBHOOK_TOKEN, **overrides}
        clock = clock or SystemClock()
        self._system.counters = WindowCounters(clock)
        self.servers.append(WebServer(self._system, load_settings(overrides=given), clock))
        return self.servers[-1].listen()

    @property
    def server(self):
        return self.servers[-1]

    @property
    def traffic(self):
        return self.server._site.traffic


@pytest.fixture
async def connection(start):
    async with await Connection.open(await start()) as opened:
        yield opened


@pytest.fixture
def post(connection):
    """Post a webhook: a body as bytes or as a value; `uid` goes into the query."""

    async def post_webhook(body, query=f"uid={UID}", **headers):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await connection.request("POST", f"/omi-webhook?{query}", data, named)

    return post_webhook


@pytest.fixture
def metric():
    """Read a metric: `metric("name", label=value)`, 0.0 when it was never counted."""
    from omi_actors.instruments.metrics import REGISTRY  # noqa: PLC0415 (only for its few users)

    return lambda name, **labels: REGISTRY.get_sample_value(name, labels) or 0.0
