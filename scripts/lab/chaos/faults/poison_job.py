"""Fault: a job at which the process dies each time that it runs.

Not here: deaths that no job causes (kill.py). Threads: one event loop.
The program is as it is: the fake model sees the poisonous question, and the server is killed then.
"""

import asyncio

from scripts.lab.chaos.fault import START_S, Fault, Findings, Rules
from scripts.lab.chaos.stage import Stage
from scripts.lab.replay.judge import find_answers
from scripts.lab.replay.recording import RecordedRequest, build_webhook
from scripts.lab.replay.verify import fetch_kept

_POISON = "hemlock"
_QUESTION = f"Hey Omi, what does {_POISON} taste like?"
# Seconds that other questions of the moment get: each that is under way at a death is suspected as well.
_OTHERS_END_S = 0.6
# The job is buried at its tenth death (omi_actors/tree.py).
_MOST_DEATHS = 12
_POLL_S = 0.05
_BURIED_WITHIN_S = 20.0


async def _inject(stage: Stage) -> Findings:
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
    findings.demand(f"the job was not buried after {deaths} deaths", holds=deaths < _MOST_DEATHS)
    findings.demand("the poison was never asked: the run shows nothing", holds=deaths > 0)
    return findings


async def _runs(stage: Stage, uid: str) -> bool:
    """Wait until the model is asked the poison, and tell so; or until its question has found its end without."""
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


FAULT = Fault(
    name="poison_job",
    what="a question at which the process is killed each time that it is worked on",
    promise="No input takes the server down for good; the others' questions are answered",
    allowed="the job is buried by its deaths, and its question answered by an honest sentence; the others' by answers",
    inject=_inject,
    rules=Rules(unreachable=True, marked=True, recovery_s=START_S),
    # its question must not end because its time is over
    settings={"OPENAI_TIMEOUT": "120000"},
)
