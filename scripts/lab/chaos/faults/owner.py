"""Faults of the owner of sessions: it is killed, paused, cut off from PostgreSQL or Redis, or its clock is stepped.

People come to the other nodes only, which forward to the owner. Not here: faults of the node that people come to
(signals.py), of servers that all nodes share (storage.py, redis.py). Threads: one event loop.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable

from scripts.lab.chaos.fault import START_S, Fault, Findings, Rules
from scripts.lab.chaos.link import Link
from scripts.lab.chaos.stage import Stage
from scripts.lab.replay.server_process import ServerProcess

# Seconds: NODE_LEASE_MS by default, and the time that an answer may take beyond it.
_LEASE_S = 5.0
_BEYOND_S = 5.0
# Seconds in which a node that is there again must take messages: its heartbeat, and the others' ones.
_BACK_WITHIN_S = 2 * _LEASE_S
_POLL_S = 0.1
# Steps of the clock in turns: within the 5 minutes that PostgreSQL's nodes allow, and beyond. Beyond, a node ends.
_STEPS_S = (240.0, -240.0, 3_600.0)
_FORWARDS = "omi_forwards_total"
_PROMISE = "What was acknowledged is durable; a question is answered once, and soon, whatever happens to its owner"
_ALLOWED = (
    "nothing lost, nothing dropped; an answer within the node's lease and 5 s; one whose delivery was cut comes again,"
    " marked"
)

# Causes the fault, waits while it lasts, and ends it.
Round = Callable[[Stage, int], Awaitable[None]]


def _repeat(play_round: Round) -> Callable[[Stage], Awaitable[Findings]]:
    """Return the action of a fault that is played in many rounds on one stage."""

    async def inject(stage: Stage) -> Findings:
        second = _second(stage)
        await _wait_for_owner(stage)
        before, forwards = len(stage.traffic.attempts), await _count(stage)
        for number in range(stage.sizes.rounds):
            stage.note_cut()
            await play_round(stage, number)
            stage.note_cut()
            stage.note_end()
            await _wait_for_owner(stage)
            await asyncio.sleep(stage.sizes.owner_rest_s)
        attempts = stage.traffic.attempts[before:]
        taken_over, forwarded = (now - then for now, then in zip(await _count(stage), forwards, strict=True))
        findings = Findings(
            figures={
                "rounds": stage.sizes.rounds,
                "forwarded": int(forwarded),
                "taken_over": int(taken_over),
                "longest_webhook_s": round(max(one.outcome.latency_s for one in attempts), 2),
            }
        )
        findings.demand("nothing was forwarded: the run shows nothing", holds=forwarded > 0)
        findings.demand("the other node ended", holds=second.exit_code is None)
        return findings

    return inject


async def _wait_for_owner(stage: Stage) -> None:
    """Wait until the other node forwards to the first one. If it does not, the figures show the error."""
    _, before = await _count(stage)
    until_mono_s = stage.clock.mono_s() + _BACK_WITHIN_S + START_S
    while stage.clock.mono_s() < until_mono_s and (await _count(stage))[1] <= before:  # noqa: ASYNC110 (no event comes)
        await asyncio.sleep(_POLL_S)


async def _count(stage: Stage) -> tuple[float, float]:
    """Return the sessions' messages that the second node took over, and that it forwarded."""
    second = _second(stage)
    taken_over = await stage.fetch_metric(_FORWARDS, 'outcome="taken_over"', of=second)
    return taken_over, await stage.fetch_metric(_FORWARDS, 'outcome="forwarded"', of=second)


def _second(stage: Stage) -> ServerProcess:
    if stage.second is None:
        raise ValueError("this fault needs a stage with a second node")
    return stage.second


async def _kill(stage: Stage, _number: int) -> None:
    stage.server.kill()
    await asyncio.sleep(stage.sizes.owner_away_s)
    await stage.restart()


async def _pause(stage: Stage, _number: int) -> None:
    stage.server.send_signal(signal.SIGSTOP)
    await asyncio.sleep(stage.sizes.owner_paused_s)
    stage.server.send_signal(signal.SIGCONT)


async def _cut(stage: Stage, link: Link) -> None:
    link.cut()
    try:
        await asyncio.sleep(stage.sizes.owner_away_s)
    finally:
        link.mend()


async def _step_clock(stage: Stage, number: int) -> None:
    stage.set_clock(_STEPS_S[number % len(_STEPS_S)], stage.server)
    await asyncio.sleep(stage.sizes.owner_away_s)
    stage.set_clock(0.0, stage.server)
    if not stage.server.is_running:
        await stage.restart()


def _fault(name: str, what: str, play_round: Round, *, has_links: bool = False, plants: tuple[str, ...] = ()) -> Fault:
    return Fault(
        name=name,
        what=f"{what}; people come to the other node, which forwards to it; in rounds",
        promise=_PROMISE,
        allowed=_ALLOWED,
        inject=_repeat(play_round),
        rules=Rules(marked=True, answer_s=_LEASE_S + _BEYOND_S),
        # The reply deadline is the default: two nodes share a busy machine, and no webhook must be dropped for that.
        settings={"WEBHOOK_REPLY_DEADLINE_MS": "12000"},
        plants=plants,
        databases=("postgres",),
        has_redis=True,
        has_second=True,
        at_second=True,
        has_links=has_links,
    )


FAULTS = (
    _fault("owner_killed", "kill -9 of a session's owner, started again after 10 s", _kill),
    _fault("owner_paused", "SIGSTOP of a session's owner for 40 s", _pause),
    _fault(
        "owner_cut_from_postgres",
        "the network between a session's owner and PostgreSQL carries nothing for 10 s",
        lambda stage, _number: _cut(stage, stage.links["postgres"]),
        has_links=True,
    ),
    _fault(
        "owner_cut_from_redis",
        "the network between a session's owner and Redis carries nothing for 10 s",
        lambda stage, _number: _cut(stage, stage.links["redis"]),
        has_links=True,
    ),
    _fault(
        "owner_clock_stepped",
        "the clock of a session's owner steps by 4 minutes ahead, behind, and by an hour, for 10 s each",
        _step_clock,
        plants=("clock",),
    ),
)
