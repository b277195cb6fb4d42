"""Fault: a node is stopped for longer than its leases, a second one takes over, and the first awakes.

Not here: a node that nobody stands in for (pause.py). Threads: one event loop.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable

from scripts.lab.chaos.fault import Fault, Findings, Rules
from scripts.lab.chaos.proxy import Proxy
from scripts.lab.chaos.stage import Stage
from scripts.lab.replay.server_process import ServerProcess

# Seconds that the model takes when the node is stopped: its answers wait for the node in its sockets when it awakes.
_MODEL_DELAY_S = 1.5
# Questions that must be under way then.
_UNDER_WAY = 3
# Seconds in which what the node had sent before it was stopped passes the proxy.
_IN_FLIGHT_S = 0.3
# Seconds over the leases within which jobs must be taken over, and those within which the awakened must see it.
_LATE_S = 15.0
_POLL_S = 0.05
_REAPED, _ATTEMPTS, _COMMITS = "omi_jobs_reaped_total", "omi_job_attempts_total", "omi_store_commits_total"
# How an attempt ends whose job is another's: its completion was refused, or it was ended when its heartbeat was.
_STALE = ('outcome="lease_lost"', 'outcome="cancelled"')


async def _inject(stage: Stage) -> Findings:
    second, proxy = _parts(stage)
    usual_delay_s, stage.model.delay_s = stage.model.delay_s, _MODEL_DELAY_S
    before = len(stage.model.calls)

    async def is_under_way() -> bool:
        return len(stage.model.calls) >= before + _UNDER_WAY

    await _until(stage, is_under_way, within_s=_LATE_S)
    stage.server.send_signal(signal.SIGSTOP)
    stopped_mono_s = stage.clock.mono_s()
    stage.note_cut()
    stage.model.delay_s = usual_delay_s
    await asyncio.sleep(_IN_FLIGHT_S)
    proxy.lead_to(second.port)
    stage.note_end()

    async def is_taken_over() -> bool:
        is_over = stage.clock.mono_s() - stopped_mono_s >= stage.sizes.pause_s
        return is_over and await stage.fetch_metric(_REAPED, of=second) > 0

    await _until(stage, is_taken_over, within_s=stage.sizes.pause_s + _LATE_S)
    stage.server.send_signal(signal.SIGCONT)
    proxy.lead_to(stage.target.port)
    stage.note_cut()
    stage.note_end()
    return await _look(stage, second)


async def _look(stage: Stage, second: ServerProcess) -> Findings:
    """Find what the second node took, and what became of it at the first."""
    taken_over = await stage.fetch_metric(_REAPED, of=second)

    async def count_stale() -> list[float]:
        return [await stage.fetch_metric(_ATTEMPTS, outcome) for outcome in _STALE]

    async def has_noticed() -> bool:
        return sum(await count_stale()) >= taken_over

    await _until(stage, has_noticed, within_s=_LATE_S)
    refused, ended = await count_stale()
    findings = Findings(
        figures={
            "paused_s": stage.sizes.pause_s,
            "jobs_taken_over": int(taken_over),
            "stale_completions_refused": int(refused),
            "stale_attempts_ended": int(ended),
            "stale_commits_refused": int(await stage.fetch_metric(_COMMITS, 'outcome="fenced"')),
        }
    )
    findings.demand("nothing was taken over: the run shows nothing", holds=taken_over > 0)
    findings.demand("no attempt of the first node was stale", holds=refused + ended > 0)
    findings.demand("the second node ended", holds=second.exit_code is None)
    return findings


async def _until(stage: Stage, holds: Callable[[], Awaitable[bool]], *, within_s: float) -> None:
    """Wait until it holds, or in vain: what is missing then is judged by the figures."""
    until_mono_s = stage.clock.mono_s() + within_s
    while stage.clock.mono_s() < until_mono_s and not await holds():  # noqa: ASYNC110 (no event comes from there)
        await asyncio.sleep(_POLL_S)


def _parts(stage: Stage) -> tuple[ServerProcess, Proxy]:
    if stage.second is None or stage.proxy is None:
        raise ValueError("this fault needs a stage with a second node and a proxy")
    return stage.second, stage.proxy


FAULT = Fault(
    name="takeover",
    what="SIGSTOP of one of two nodes for longer than its leases, its people led to the other; then SIGCONT, and back",
    promise="A stale lease or activation changes nothing; a question is answered once, whoever answers it",
    allowed="no reply where the change cut it; an answer whose delivery it cut comes again, marked",
    inject=_inject,
    rules=Rules(unreachable=True, marked=True),
    # what the other node takes over must not end because its time is over; the reply deadline is the one that servers
    # have: two nodes share a busy machine here, and nobody is to be dropped for that
    settings={"OPENAI_TIMEOUT": "120000", "WEBHOOK_REPLY_DEADLINE_MS": "12000"},
    quick_plants=("short_leases",),
    databases=("postgres",),
    has_proxy=True,
    has_second=True,
)
