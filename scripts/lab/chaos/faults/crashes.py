"""Faults by crashes: of many sessions at every message, of a fixed actor in every turn, of the process at one job.

Not here: the planted bugs (sabotaged_server.py), the speed of one session's recovery (bench/crashes.py). Threads: one
event loop.
"""

import asyncio
import signal

from scripts.lab.chaos.fault import START_S, Fault, Findings, Rules
from scripts.lab.chaos.sabotaged_server import CRASH_WORD
from scripts.lab.chaos.stage import Stage
from scripts.lab.replay.judge import find_answers
from scripts.lab.replay.recording import RecordedRequest, build_webhook
from scripts.lab.replay.verify import fetch_kept

# Sessions that crash on every message, and the period of their messages: Omi sends about one a second for each wearer.
_CRASHING = 30
_CRASH_PERIOD_S = 0.5
# The process gives up when a fixed actor has crashed 6 times in 30 s, at each of 4 starts of its group, with backoff
# between; then an outer supervisor must act.
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
    stage.server.send_signal(signal.SIGUSR2)
    code = await stage.server.wait(within_s=_GIVE_UP_WITHIN_S)
    gave_up_s = stage.clock.mono_s() - began_mono_s
    stage.note_cut()
    stage.note_end()
    await stage.restart_sane()
    findings = Findings(figures={"gave_up_after_s": round(gave_up_s, 1), "gave_up_with": code})
    findings.demand(f"it gave up with {code}, not with {_EXIT_GAVE_UP}", holds=code == _EXIT_GAVE_UP)
    return findings


CRASHES = (
    Fault(
        name="crash_storm",
        what=f"{_CRASHING} sessions whose every message crashes their actor, two a second each",
        promise="A crash touches one actor; no user's messages make a supervisor give up",
        allowed="only the crashing sessions' webhooks are dropped, with the header; other users notice nothing",
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


_POISON = "hemlock"
_QUESTION = f"Hey Omi, what does {_POISON} taste like?"
# Seconds for other questions of the moment: each that runs at a death becomes suspect, too.
_OTHERS_END_S = 0.6
# The job is dead at its tenth death (omi_actors/tree.py).
_MOST_DEATHS = 12
_POLL_S = 0.05
_BURIED_WITHIN_S = 20.0


async def _poison(stage: Stage) -> Findings:
    uid = f"poisoned-{stage.seed}"
    stage.model.hangs_on = _POISON
    asking = asyncio.create_task(stage.post(_ask(uid)))
    deaths = 0
    while deaths < _MOST_DEATHS and await _runs(stage, uid):
        await asyncio.sleep(_OTHERS_END_S)
        stage.model.calls.clear()
        stage.server.kill()
        stage.note_cut()
        stage.note_end()
        deaths += 1
        await stage.restart()
    await asking
    findings = Findings(figures={"deaths": deaths}, doomed={uid})
    findings.demand(f"the job was not dead after {deaths} deaths", holds=deaths < _MOST_DEATHS)
    findings.demand("the poison was never asked: the run shows nothing", holds=deaths > 0)
    return findings


async def _runs(stage: Stage, uid: str) -> bool:
    """Wait until the model is asked the poisonous question (True), or the question has an answer without it (False)."""
    until_mono_s = stage.clock.mono_s() + _BURIED_WITHIN_S
    while stage.clock.mono_s() < until_mono_s:
        if any(_POISON in call["messages"][-1]["content"] for call in stage.model.calls):
            return True
        kept = await fetch_kept(stage.http, stage.target, uid)
        if find_answers(_QUESTION, kept.messages):
            return False
        await asyncio.sleep(_POLL_S)
    return False


def _ask(uid: str) -> RecordedRequest:
    spoken = {"id": f"{uid}-1", "text": _QUESTION, "start": 0, "end": 2}
    return build_webhook(uid, [spoken])


POISON_JOB = Fault(
    name="poison_job",
    what="a question at which the process is killed each time that it is worked on",
    promise="No input takes the server down for good; the others' questions are answered",
    allowed="the job becomes dead, and its question is answered by a failure sentence; other questions by answers",
    inject=_poison,
    rules=Rules(unreachable=True, marked=True, recovery_s=START_S),
    # Its question must not end by the model's timeout.
    settings={"OPENAI_TIMEOUT": "120000"},
)
