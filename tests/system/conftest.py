"""The whole system behind a real HTTP server in this process, on each database; models and sessions as told."""

import asyncio
import json
import random
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest

from config.settings import load_settings
from omi_actors.actors.session.actor import SessionActor
from omi_actors.cli.server import build_notifier
from omi_actors.clients.model import DemoModel
from omi_actors.clock import SystemClock
from omi_actors.parts import Parts
from omi_actors.system import System
from scripts.lab.replay.redis_server import running_redis
from tests.canaries import ADMIN_TOKEN, WEBHOOK_TOKEN
from tests.fakes.omi_server import APP_ID, SECRET, FakeOmi
from tests.store.conftest import empty_database, module_postgres_url
from tests.web.http_client import Connection
from web.server import WebServer

__all__ = ["module_postgres_url"]

UID = "vT5mQ2rJx8NnPzK4eWcLh7sYb1D3"
ADMIN = {"Authorization": f"Bearer {ADMIN_TOKEN}"}


@dataclass
class Running:
    """A running program, and one connection to it."""

    system: System
    server: WebServer
    port: int
    connection: Connection
    gave_up: list[Any]

    async def post(self, payload, query=f"uid={UID}", connection=None, **headers):
        """Send a webhook with its token."""
        data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        target = f"/omi-webhook?token={WEBHOOK_TOKEN}&{query}"
        return await (connection or self.connection).request("POST", target, data, named)

    async def say(self, text, uid=UID, sid="s1", start=1.0, *, speaker="SPEAKER_00", is_user=True, **more):
        """Send one segment of one wearer."""
        spoken = {"id": sid, "text": text, "speaker": speaker, "is_user": is_user, "start": start, "end": start + 1}
        return await self.post({"session_id": uid, "segments": [spoken]}, f"uid={uid}", **more)

    async def transcript(self, uid=UID) -> Any:
        """Read a transcript as the operator."""
        reply = await self.connection.request("GET", f"/transcript/{uid}?limit=1000", b"", ADMIN)
        assert reply.status == 200, reply
        return reply.json

    async def job_kinds(self) -> list[str]:
        """Return the kinds of jobs that were ever enqueued, one each."""
        rows = await self.system._tree.store.read(lambda tx: tx.fetch("SELECT DISTINCT kind FROM job ORDER BY kind"))
        return [kind for (kind,) in rows]

    async def texts(self, uid=UID) -> list[str]:
        """Return what was heard, in order."""
        return [piece["text"] for piece in (await self.transcript(uid))["transcripts"]]

    async def speak_on(self, uid=UID) -> str:
        """Say more until a reply brings an answer, and return it: a session is told of one a moment after the store."""
        async with asyncio.timeout(15.0):
            for number in count(1):
                reply = await self.say("and so on", uid, f"on-{number}", 500.0 + number)
                if "message" in reply.json:
                    return str(reply.json["message"])
        raise AssertionError("unreachable")

    async def has_answered(self) -> bool:
        """Tell whether the one question has got its answer."""
        return len((await self.transcript())["messages"]) == 2

    async def metric(self, line_start: str) -> float:
        """Return the sum of the samples in /metrics that begin so."""
        body = (await self.connection.request("GET", "/metrics", b"", ADMIN)).body.decode()
        return sum(float(line.rsplit(" ", 1)[1]) for line in body.splitlines() if line.startswith(line_start))


@pytest.fixture
def postgres_url(module_postgres_url):
    """A database on PostgreSQL without a row: emptied before a test, since programs write until they stop."""
    empty_database(module_postgres_url)
    return module_postgres_url


@pytest.fixture
def redis_server():
    """A Redis of this test's own."""
    with running_redis() as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.service)])
def database_url(request):
    """A database without a row, once of each kind; "" is SQLite in DATA_DIR."""
    return "" if request.param == "sqlite" else request.getfixturevalue("postgres_url")


@pytest.fixture
async def omi():
    """Omi's notification API."""
    fake = FakeOmi()
    server = fake.listen()
    yield fake
    server.stop()
    await server.close_all_connections()


@pytest.fixture
async def notifier(omi):
    """A client of it, as the program makes it from its settings."""
    settings = load_settings(overrides={"OMI_APP_ID": APP_ID, "OMI_API_KEY": SECRET, "OMI_API_URL": omi.url})
    api = build_notifier(settings)
    assert api is not None
    yield api
    await api.close()


@pytest.fixture
async def start(tmp_path, monkeypatch):
    """Start a program: `await start(url, model=…, build_session=…, notifier=…, NAME=value, …)`; stopped at the end."""
    for name in ("HOST", "APP_ENV", "NODE_ENV", "OMI_SIGNING_SECRETS", "OPENAI_API_KEY", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    # The queue's tick and the sweeps for answers and idle sessions come ten times as often as in the program.
    monkeypatch.setattr("omi_actors.actors.queue.dispatcher.TICK_S", 0.1)
    monkeypatch.setattr("omi_actors.actors.maintenance.answer_sweeper._PERIOD_S", 0.2)
    monkeypatch.setattr("omi_actors.actors.session.router._SWEEP_S", 0.2)
    running = []

    async def start_program(
        url="", *, model=None, fallbacks=(), build_session=SessionActor, notifier=None, **variables
    ) -> Running:
        given = {
            "PORT": "0",
            "ADMIN_TOKEN": ADMIN_TOKEN,
            "WEBHOOK_TOKEN": WEBHOOK_TOKEN,
            "DATA_DIR": str(tmp_path),
            "DATABASE_URL": url,
            "ALLOW_UNSYNCED_COMMITS": "true",  # as the tests' PostgreSQL does not
            "STORE_READER_PROCESSES": "off",  # a process takes longer to start than most programs run here
            **variables,
        }
        settings = load_settings(overrides=given)
        gave_up: list[Any] = []
        parts = Parts(
            settings=settings,
            model=model or DemoModel(),
            fallbacks=fallbacks,
            clock=SystemClock(),
            rng=random.Random(1),
            on_fenced=lambda: gave_up.append("fenced"),
            on_clock_refused=gave_up.append,
            build_session=build_session,
            notifier=notifier,
        )
        system = System(parts, gave_up.append)
        await system.start()
        server = WebServer(system, settings)
        port = server.listen()
        program = Running(system, server, port, await Connection.open(port), gave_up)
        running.append(program)
        return program

    yield start_program
    for program in running:
        await stop(program, grace_s=0.05)


async def eventually(is_true, timeout_s=15.0) -> None:
    """Return once `await is_true()`; for what has no event that a test could wait on."""
    async with asyncio.timeout(timeout_s):
        while not await is_true():  # noqa: ASYNC110 (see above)
            await asyncio.sleep(0.005)


async def stop(program: Running, grace_s: float = 0.5) -> None:
    """Stop as on SIGTERM. Twice is fine."""
    program.system.begin_draining()
    await program.connection.close()
    await program.server.stop(grace_s)
    async with asyncio.timeout(20):
        await program.system.stop(grace_s=grace_s)
