"""Faults: actors that crash: many sessions on every message, and a fixed actor that cannot live.

Not here: how the bugs get in (sabotaged_server.py), how fast one session recovers (bench/crashes.py).
Threads: one event loop.
"""

import asyncio
import signal

from scripts.lab.chaos.fault import START_S, Fault, Findings, Rules
from scripts.lab.chaos.sabotaged_server import CRASH_WORD
from scripts.lab.chaos.stage import Stage
from scripts.lab.replay.recording import RecordedRequest, build_webhook

# Sessions that crash on every message, and the pace of their messages: Omi sends about one a second for each wearer.
_CRASHING = 30
_CRASH_PERIOD_S = 0.5
# The process gives up when a fixed actor has crashed 5 times in 30 s, at each of 4 starts of its group, and backs off
# between; then another supervisor must act.
_GIVE_UP_WITHIN_S = 120.0
_EXIT_GAVE_UP = 70


async def _storm(stage: Stage) -> Findings:
    until_mono_s = stage.clock.mono_s() + stage.sizes.fault_s
    before = len(stage.traffic.attempts)
    async with asyncio.TaskGroup() as group:
        for number in range(_CRASHING):
            group.create_task(_crash(stage, f"crashing-{stage.seed}-{number}", until_mono_s))
    stage.note_end()
    others_ms = stage.measure_others_ms(before)
    crashes = await stage.fetch_metric("omi_actor_crashes_total", 'kind="session"')
    quarantines = await stage.fetch_metric("omi_quarantines_total")
    kept = sum(one.is_acknowledged for one in stage.aside)
    findings = Findings(
        figures={
            "crashes": int(crashes),
            "quarantines": int(quarantines),
            "others_p99_ms": others_ms,
        }
    )
    findings.demand("no session crashed: the run shows nothing", holds=crashes > 0)
    findings.demand("a webhook that crashed its session was acknowledged", holds=kept == 0)
    return findings


async def _crash(stage: Stage, uid: str, until_mono_s: float) -> None:
    number = 0
    while stage.clock.mono_s() < until_mono_s:
        number += 1
        await stage.post(_build_crash(uid, number))
        await asyncio.sleep(_CRASH_PERIOD_S)


def _build_crash(uid: str, number: int) -> RecordedRequest:
    spoken = {"id": f"{uid}-{number}", "text": f"{CRASH_WORD} {number}.", "start": number, "end": number + 1}
    return build_webhook(uid, [spoken])


async def _loop(stage: Stage) -> Findings:
    began_mono_s = stage.clock.mono_s()
    stage.server.send_signal(signal.SIGUSR1)
    code = await stage.server.wait(within_s=_GIVE_UP_WITHIN_S)
    gave_up_s = stage.clock.mono_s() - began_mono_s
    stage.note_cut()
    stage.note_end()
    await stage.restart_sane()
    findings = Findings(figures={"gave_up_after_s": round(gave_up_s, 1), "gave_up_with": code})
    findings.demand(f"it gave up with {code}, not with {_EXIT_GAVE_UP}", holds=code == _EXIT_GAVE_UP)
    return findings


FAULTS = (
    Fault(
        name="crash_storm",
        what=f"{_CRASHING} sessions whose every message crashes their actor, two a second each",
        promise="A crash touches one actor; no user's messages make a supervisor give up",
        allowed="only the crashing sessions' webhooks are dropped, with the header; everybody else notices nothing",
        inject=_storm,
        plants=("crash_word",),
    ),
    Fault(
        name="crash_loop",
        what="an actor of the tree that crashes in every turn from now on; then a start without the bug",
        promise="What cannot be mended inside ends the process, so that the outer supervisor acts",
        allowed="exit code 70 after growing pauses; drops with the header meanwhile; nothing acknowledged is lost",
        inject=_loop,
        rules=Rules(unreachable=True, drops=True, marked=True, recovery_s=START_S),
        plants=("crash_loop",),
    ),
)
