"""The whole program under load, with a Redis that is killed and comes back in the middle."""

import asyncio
from statistics import quantiles

import pytest

from omi_actors.clock import SystemClock
from omi_actors.replay.accept_log import AcceptLog, load_promises
from omi_actors.replay.generator import ConversationGenerator
from omi_actors.replay.http import HttpClient
from omi_actors.replay.sender import Sender
from omi_actors.replay.under_test import build_server
from omi_actors.replay.verify import verify
from tests.redis_server import running_redis

RATE_PER_S = 40.0
WEBHOOKS = 240
TIMEOUT_S = 0.3
# Two slow cores, shared with whatever else runs.
SLACK_S = 1.0


@pytest.mark.e2e
@pytest.mark.service
@pytest.mark.parametrize("fault", ["kill", "hang"])
async def test_no_webhook_is_dropped_lost_or_late_when_redis_dies(tmp_path, fault):
    clock = SystemClock()
    with running_redis() as redis:
        extra = {"REDIS_URL": redis.url, "REDIS_TIMEOUT_MS": str(round(TIMEOUT_S * 1000))}
        # So low that the busiest wearables' counts are exchanged, so high that nobody is over it.
        extra["RATE_LIMIT_MAX_WEBHOOKS"] = "300"
        server, target = build_server(tmp_path, clock=clock, extra=extra)
        await server.start()
        try:
            await until_shared(target, is_shared=True)
            talk = ConversationGenerator(seed=1, users=4, rate_per_s=RATE_PER_S).take(WEBHOOKS)
            with AcceptLog(tmp_path / "accepted") as log:
                sender = Sender(target, clock=clock, accept_log=log)
                load = asyncio.create_task(sender.send(talk))
                await asyncio.sleep(WEBHOOKS / RATE_PER_S / 3)
                await (kill(redis, target) if fault == "kill" else hang(redis, target))
                await load
            verdict = await verify(target, load_promises(tmp_path / "accepted"), clock=clock, answers_within_s=20)
        finally:
            server.kill()

    assert sender.unacknowledged() == []
    assert verdict.is_kept, verdict
    latencies_s = [outcome.latency_s for outcome in sender.outcomes]
    assert quantiles(latencies_s, n=100)[98] < TIMEOUT_S + SLACK_S
    assert server.log_file.read_text().count("backplane_lost") == 1


async def kill(redis, target):
    redis.kill()
    await until_shared(target, is_shared=False)
    redis.start()
    await until_shared(target, is_shared=True)


async def hang(redis, target):
    redis.hang()
    try:
        await until_shared(target, is_shared=False)
    finally:
        redis.go_on()
    await until_shared(target, is_shared=True)


async def until_shared(target, *, is_shared):
    """Wait until the server says so."""
    wanted = f"omi_backplane_shared {float(is_shared)}\n".encode()
    async with asyncio.timeout(20), HttpClient(target.host, target.port) as http:
        while wanted not in await read_metrics(http, target):  # noqa: ASYNC110 (no event comes from there)
            await asyncio.sleep(0.02)


async def read_metrics(http, target):
    return (await http.request("GET", "/metrics", headers=target.operator_headers)).body
