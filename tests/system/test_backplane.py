"""Two nodes on one database, with Redis between them, without it, and with one that goes and comes."""

import asyncio
import random
import subprocess
import sys
from typing import Any

import pytest

from config.settings import load_settings
from omi_actors.actors.queue.messages import Drain
from omi_actors.backplane.interface import InProcessBackplane
from omi_actors.clients.model import DemoModel
from omi_actors.clock import SystemClock
from omi_actors.instruments import metrics
from omi_actors.instruments.webhooks import WEBHOOKS, WebhookLog
from omi_actors.parts import Parts, build_backplane
from tests.system.conftest import ADMIN, eventually
from tests.web.http_client import Connection

pytestmark = pytest.mark.service

HOURS_S = 10_000.0


class BusyModel(DemoModel):
    """Never ends an answer."""

    def __init__(self):
        self.asked = asyncio.Event()

    async def answer(self, prompt: Any, **_: Any) -> Any:
        self.asked.set()
        await asyncio.Event().wait()


@pytest.fixture
def no_tick(monkeypatch, start):
    """Let the queues look only when they are told to."""
    monkeypatch.setattr("omi_actors.actors.queue.dispatcher.TICK_S", HOURS_S)


@pytest.fixture
def nodes(redis_server, postgres_url, start, tmp_path):  # stopped in the reverse order
    """Start node a, which never ends an answer and has one place for one, and node b, which answers at once."""

    async def start_nodes(redis_url="", **variables):
        given = {"REDIS_URL": redis_url, "REDIS_TIMEOUT_MS": "300", "WEBHOOK_REPLY_DEADLINE_MS": "100", **variables}
        busy = BusyModel()
        a = await start(
            postgres_url, model=busy, NODE_NAME="a", OPENAI_MAX_CONCURRENCY="1", **given, DATA_DIR=str(tmp_path / "a")
        )
        b = await start(postgres_url, NODE_NAME="b", **given, DATA_DIR=str(tmp_path / "b"))
        if redis_url:
            await eventually(lambda: are_shared(a, b))
        return a, b, busy

    return start_nodes


async def are_shared(*programs):
    return all(program.system.health()["checks"]["backplane"]["shared"] for program in programs)


async def is_alone(program):
    return program.system.health()["checks"]["backplane"]["status"] == "warn"


async def has_answer(program, uid):
    return any(message["role"] == "assistant" for message in (await program.transcript(uid))["messages"])


async def occupy(program, busy):
    """Fill the only place of a node."""
    await program.say("Hey Omi, how far is the moon?", uid="ada")
    async with asyncio.timeout(10):
        await busy.asked.wait()


async def test_job_that_one_node_has_no_place_for_is_taken_by_another_at_once(nodes, redis_server, no_tick):
    a, b, busy = await nodes(redis_server.url)
    await occupy(a, busy)

    await a.say("Hey Omi, how far is the sun?", uid="second")

    await eventually(lambda: has_answer(b, "second"), timeout_s=5)
    assert not await has_answer(b, "ada")
    assert not a.gave_up + b.gave_up


async def test_wearer_is_heard_on_though_another_node_has_answered(nodes, redis_server):
    a, b, busy = await nodes(redis_server.url)
    await occupy(a, busy)
    await a.say("Hey Omi, how far is the sun?", uid="second")
    await eventually(lambda: has_answer(b, "second"), timeout_s=5)

    said = [await a.say(f"Number {n}.", uid="second", sid=f"s{n}", start=float(n)) for n in range(2, 7)]

    assert [(reply.status, reply.dropped) for reply in said] == [(200, None)] * 5
    assert await b.texts("second") == ["Hey Omi, how far is the sun?", *(f"Number {n}." for n in range(2, 7))]
    assert sum("message" in reply.json for reply in said) <= 1


async def test_node_that_drains_leaves_its_work_to_another_at_once(nodes, redis_server, no_tick):
    a, b, _ = await nodes(redis_server.url)
    a.system._tree.job_queue.tell(Drain(60.0))

    await a.say("Hey Omi, how far is the sun?", uid="second")

    await eventually(lambda: has_answer(b, "second"), timeout_s=5)


async def test_without_redis_another_node_takes_the_job_at_its_tick(nodes):
    a, b, busy = await nodes()
    await occupy(a, busy)

    await a.say("Hey Omi, how far is the sun?", uid="second")

    await eventually(lambda: has_answer(b, "second"), timeout_s=5)


async def test_redis_that_dies_delays_and_loses_nothing_and_is_told(nodes, redis_server):
    a, b, busy = await nodes(redis_server.url)
    await occupy(a, busy)

    redis_server.kill()
    await eventually(lambda: is_alone(a))
    reply = await a.say("Hey Omi, how far is the sun?", uid="second")

    assert (reply.status, reply.dropped) == (200, None)
    await eventually(lambda: has_answer(b, "second"), timeout_s=5)
    health = (await a.connection.request("GET", "/health", b"", ADMIN)).json
    assert health["checks"]["backplane"]["status"] == health["status"] == "warn"
    assert "start the Redis server" in health["checks"]["backplane"]["hint"]
    assert (await a.connection.request("GET", "/readyz")).status == 200
    assert await a.metric("omi_backplane_shared") == 0

    redis_server.start()
    await eventually(lambda: are_shared(a, b))
    assert await a.metric("omi_backplane_shared") == 1


@pytest.mark.parametrize(("uid", "within_s"), [("second", 0.25), ("third", 2.5)])  # node a's own person; node b's
async def test_hung_redis_delays_only_webhooks_of_another_nodes_persons(nodes, redis_server, uid, within_s):
    a, _, _ = await nodes(redis_server.url)

    redis_server.hang()
    try:
        async with asyncio.timeout(within_s):
            reply = await a.say("Nothing to answer here.", uid=uid)
    finally:
        redis_server.go_on()

    assert (reply.status, reply.dropped) == (200, None)


async def test_limits_are_kept_by_all_nodes_together(nodes, redis_server):
    a, b, _ = await nodes(redis_server.url, RATE_LIMIT_MAX_REQUESTS="20")
    async with await Connection.open(a.port) as to_a, await Connection.open(b.port) as to_b:
        for _ in range(15):
            assert (await to_a.request("GET", "/nowhere")).status == 404
        allowed = 0
        while (await to_b.request("GET", "/nowhere")).status == 404:
            allowed += 1
            await asyncio.sleep(0.1)  # longer than an exchange takes

    assert 5 <= allowed <= 6


async def test_node_starts_without_its_redis(start):
    program = await start(REDIS_URL="redis://127.0.0.1:1/0")

    await eventually(lambda: is_alone(program))

    assert (await program.connection.request("GET", "/readyz")).status == 200
    assert (await program.say("Nothing to answer here.")).dropped is None


async def test_carrier_that_ends_is_started_again_and_nobody_notices(start, monkeypatch):
    run, ends = InProcessBackplane.run, [RuntimeError("a bug"), None]

    async def run_into_a_bug(backplane):
        if not ends:
            await run(backplane)
        error = ends.pop(0)
        if error is not None:
            raise error

    monkeypatch.setattr(InProcessBackplane, "run", run_into_a_bug)
    restarted = metrics.ACTOR_RESTARTS.labels("backplane_runner")
    before = restarted._value.get()
    program = await start()

    await eventually(lambda: is_at_least(restarted, before + 2))

    assert (await program.say("Nothing to answer here.")).dropped is None
    assert not program.gave_up


async def is_at_least(counter, value):
    return counter._value.get() >= value


def test_redis_settings_reach_the_backplane():
    def build(**variables: str) -> Any:
        settings = load_settings(overrides=variables)
        parts = Parts(
            settings=settings, model=DemoModel(), clock=SystemClock(), rng=random.Random(1), on_fenced=lambda: None
        )
        return build_backplane(parts)

    shared = build(REDIS_URL="redis://:pw@h/1", REDIS_TIMEOUT_MS="70", REDIS_KEY_PREFIX="mine")

    assert build().state.carrier == "in_process"
    assert (shared.state.carrier, shared._link._config.url) == ("redis", "redis://:pw@h/1")
    assert (shared._link._config.timeout_s, shared._prefix) == (0.07, "mine")
    assert "pw" not in repr(shared._link._config)


def test_redis_is_not_imported_where_it_is_not_used():
    check = "import sys; import omi_actors.cli.server; assert 'redis' not in sys.modules"
    subprocess.run([sys.executable, "-c", check], check=True, timeout=60)  # noqa: S603 (ourselves)


async def test_deletion_on_one_node_drops_the_texts_of_the_others_inspectors(nodes, redis_server, monkeypatch):
    a, b, _ = await nodes(redis_server.url)
    for other in ("system", "actors.maintenance.eraser"):  # both nodes of the test have one log
        monkeypatch.setattr(f"omi_actors.{other}.WEBHOOKS", WebhookLog())
    kept: Any = WEBHOOKS.find((await b.say("A sentence of hers.")).headers["x-request-id"])
    assert kept.body is not None

    a.system.words_deleted()

    async def is_dropped():
        return kept.body is None

    await eventually(is_dropped, timeout_s=5.0)
