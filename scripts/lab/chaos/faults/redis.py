"""Faults: Redis does not answer: it is paused, as on a machine that hangs, or killed and started again.

Not here: the backplane's handling of it (backplane/). Threads: one event loop.
"""

import asyncio
from collections.abc import Callable

import msgspec

from scripts.lab.chaos.fault import Fault, Findings
from scripts.lab.chaos.stage import Stage
from scripts.lab.replay.redis_server import RedisServer

# Seconds in which a node must notice, and must be back: its pauses grow to 5 s, doubled by chance
# (backplane/redis_link.py), and a try may take REDIS_TIMEOUT_MS.
_NOTICED_WITHIN_S = 15.0
_BACK_WITHIN_S = 15.0
_POLL_S, _LOOK_S = 0.05, 1.0
_PROMISE = "Redis carries nothing that was acknowledged: without it a node does everything by itself"
_ALLOWED = "users notice nothing: no drop, no 5xx, nothing late; /health warns while it is away, and passes afterwards"
# A limit low enough that counts are exchanged at Redis (from a quarter of it), and too high to be reached.
_SETTINGS = {"RATE_LIMIT_MAX_WEBHOOKS": "48", "RATE_LIMIT_WINDOW": "10000"}
# Longest time of a webhook: REDIS_TIMEOUT_MS, though none should wait for it, and a busy machine's delay.
_LATE_MS = 1_500


async def _pause(stage: Stage) -> Findings:
    redis = _redis(stage)
    return await _be_away(stage, redis.hang, redis.go_on)


async def _kill(stage: Stage) -> Findings:
    redis = _redis(stage)
    return await _be_away(stage, redis.kill, redis.start)


async def _be_away(stage: Stage, take_away: Callable[[], None], bring_back: Callable[[], None]) -> Findings:
    pid, findings = stage.server.pid, Findings(figures={"outage_s": stage.sizes.outage_s})
    findings.demand("Redis was not reached before", holds=await _until(stage, "pass") is not None)
    before = len(stage.traffic.attempts)
    await asyncio.to_thread(take_away)
    away_mono_s = stage.clock.mono_s()
    noticed_s = await _until(stage, "warn")
    while stage.clock.mono_s() - away_mono_s < stage.sizes.outage_s:
        await asyncio.sleep(_LOOK_S)
        findings.demand("/health passed while Redis was away", holds=await _fetch_status(stage) == "warn")
    during = stage.traffic.attempts[before:]
    await asyncio.to_thread(bring_back)
    stage.note_end()
    shared_s, others_ms = await _until(stage, "pass"), stage.measure_others_ms(before)
    findings.figures |= {
        "noticed_after_s": noticed_s,
        "shared_again_after_s": shared_s,
        "webhooks_meanwhile": len(during),
        "others_p99_ms": others_ms,
    }
    findings.demand("/health did not warn", holds=noticed_s is not None)
    findings.demand("/health did not pass again", holds=shared_s is not None)
    findings.demand(f"webhooks took {others_ms} ms", holds=others_ms < _LATE_MS)
    findings.demand("no webhook was sent meanwhile: the run shows nothing", holds=bool(during))
    findings.demand("the process ended", holds=stage.server.exit_code is None and stage.server.pid == pid)
    return findings


async def _until(stage: Stage, status: str) -> float | None:
    """Wait until /health has this state of the backplane. Return the seconds; None if time is up."""
    began_mono_s = stage.clock.mono_s()
    within_s = _NOTICED_WITHIN_S if status == "warn" else _BACK_WITHIN_S
    while (waited_s := stage.clock.mono_s() - began_mono_s) < within_s:
        if await _fetch_status(stage) == status:
            return round(waited_s, 2)
        await asyncio.sleep(_POLL_S)
    return None


async def _fetch_status(stage: Stage) -> str:
    health = msgspec.json.decode(await stage.fetch("/health"))
    status: str = health["checks"]["backplane"]["status"]
    return status


def _redis(stage: Stage) -> RedisServer:
    if stage.redis is None:
        raise ValueError("this fault needs a stage with Redis")
    return stage.redis


FAULTS = (
    Fault(
        name="redis_paused",
        what="SIGSTOP of Redis for 30 s: connections stay, nothing answers",
        promise=_PROMISE,
        allowed=_ALLOWED,
        inject=_pause,
        settings=_SETTINGS,
        has_redis=True,
    ),
    Fault(
        name="redis_killed",
        what="SIGKILL of Redis; started again, empty, after 30 s",
        promise=_PROMISE,
        allowed=_ALLOWED,
        inject=_kill,
        settings=_SETTINGS,
        has_redis=True,
    ),
)
