"""Faults by signals: kill -9, a pause beyond the leases, a takeover by a second node, a stop by SIGTERM.

Not here: many kills at a higher rate (replay/kill_test.py), the stop itself (omi_actors/cli/). Threads: one event loop.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable

from scripts.lab.chaos.fault import START_S, Fault, Findings, Rules, second_and_proxy
from scripts.lab.chaos.stage import Stage
from scripts.lab.replay.server_process import ServerProcess


async def _kill(stage: Stage) -> Findings:
    for _ in range(stage.sizes.kills):
        await asyncio.sleep(stage.rng.uniform(0.5, 1.5) * stage.sizes.kill_after_s)
        stage.server.kill()
        stage.note_cut()
        stage.note_end()
        await stage.restart()
    return Findings(figures={"kills": stage.sizes.kills})


KILL = Fault(
    name="kill",
    what="kill -9 of the server at random moments, restarted at once on the same data",
    promise="What was acknowledged is durable; a question is answered once",
    allowed="no reply while it is down; an answer whose delivery was cut comes again, marked",
    inject=_kill,
    rules=Rules(unreachable=True, marked=True, recovery_s=START_S),
)


async def _pause(stage: Stage) -> Findings:
    stage.note_cut()
    stage.server.send_signal(signal.SIGSTOP)
    await asyncio.sleep(stage.sizes.pause_s)
    stage.server.send_signal(signal.SIGCONT)
    stage.note_end()
    stage.note_cut()
    return Findings(figures={"paused_s": stage.sizes.pause_s})


PAUSE = Fault(
    name="pause",
    what="SIGSTOP for longer than the leases of jobs and node, then SIGCONT",
    promise="What was acknowledged is durable; a stale lease changes nothing",
    allowed="no reply while it is stopped; late questions are answered by a failure sentence",
    inject=_pause,
    rules=Rules(unreachable=True, failures=True, marked=True),
)


# Seconds of the model when the node is paused: its answers wait in the node's sockets until it resumes.
_MODEL_DELAY_S = 1.5
# Questions under way at that time.
_UNDER_WAY = 3
# Seconds in which bytes that the node sent before the pause pass the proxy.
_IN_FLIGHT_S = 0.3
# Seconds after the leases in which jobs must be taken over, and in which the resumed node must notice.
_LATE_S = 15.0
_POLL_S = 0.05
_REAPED, _ATTEMPTS, _COMMITS = "omi_jobs_reaped_total", "omi_job_attempts_total", "omi_store_commits_total"
# Outcomes of an attempt at a job that another node has: its completion is refused, or its heartbeat cancels it.
_STALE = ('outcome="lease_lost"', 'outcome="cancelled"')


async def _take_over(stage: Stage) -> Findings:
    second, proxy = second_and_proxy(stage)
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
    """Return the jobs that the second node took, and the outcomes of the first node's attempts at them."""
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
    """Wait until the condition holds or time is up. In the second case, the figures show the error."""
    until_mono_s = stage.clock.mono_s() + within_s
    while stage.clock.mono_s() < until_mono_s and not await holds():  # noqa: ASYNC110 (no event comes from there)
        await asyncio.sleep(_POLL_S)


TAKEOVER = Fault(
    name="takeover",
    what="SIGSTOP of one of two nodes for longer than its leases, its people led to the other; then SIGCONT, and back",
    promise="A stale lease or activation changes nothing; a question is answered once, by either node",
    allowed="no reply where the change cut it; an answer whose delivery it cut comes again, marked",
    inject=_take_over,
    rules=Rules(unreachable=True, marked=True),
    # The timeout must not end jobs before the takeover. The reply deadline is the default: two nodes share a busy
    # machine, and no webhook must be dropped for that.
    settings={"OPENAI_TIMEOUT": "120000", "WEBHOOK_REPLY_DEADLINE_MS": "12000"},
    quick_plants=("short_leases",),
    databases=("postgres",),
    has_proxy=True,
    has_second=True,
)


# SHUTDOWN_GRACE_MS is 10 s by default; the rest is for the actors to stop and Python to end.
_STOPS_WITHIN_S = 15.0


async def _stop(stage: Stage) -> Findings:
    began_mono_s = stage.clock.mono_s()
    code = await stage.server.stop(within_s=_STOPS_WITHIN_S)
    stopped_s = stage.clock.mono_s() - began_mono_s
    stage.note_end()
    await stage.restart()
    findings = Findings(figures={"stopped_within_s": round(stopped_s, 2), "stop_exit_code": code})
    findings.demand(f"it ended with {code} when told to stop", holds=code == 0)
    return findings


GRACEFUL_STOP = Fault(
    name="graceful_stop",
    what="SIGTERM under traffic, then a start on the same data",
    promise="What was acknowledged is durable; a question is answered once; nothing is cut",
    allowed="no reply until it is back; exit code 0 within the grace; no answer marked as repeated",
    inject=_stop,
    rules=Rules(unreachable=True, recovery_s=START_S),
)
