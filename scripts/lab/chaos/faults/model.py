"""Faults: the model's server is slow, hangs, trickles, refuses, fails, is cut off, or sends garbage.

Not here: the fake model (replay/fake_openai.py). Threads: one event loop.
"""

import asyncio
from functools import partial

from scripts.lab.chaos.fault import Fault, Findings, Rules
from scripts.lab.chaos.stage import Stage
from scripts.lab.replay.fake_openai import Mode

# Deadline of a question in these runs, and the allowed delay of its end on a busy machine.
_DEADLINE_S = 3.0
_LATE_S = 1.5
# Pauses of the circuit breaker in these runs: short enough to see its whole course. The longest bounds the recovery.
_PAUSE_MS, _PAUSE_CAP_MS = 500, 4_000
_SETTINGS = {
    "OPENAI_TIMEOUT": str(round(_DEADLINE_S * 1000)),
    # Short, so that late answers use the other channels.
    "WEBHOOK_REPLY_DEADLINE_MS": "1000",
    "MODEL_BREAKER_PAUSE_MS": str(_PAUSE_MS),
    "MODEL_BREAKER_PAUSE_CAP_MS": str(_PAUSE_CAP_MS),
}
# Seconds before the answer of a slow model, so that a question behind another one is still in time; then seconds
# between two bytes of a trickling one.
_DELAYS_S = {Mode.DELAY: 1.0, Mode.DRIP: 1.0}


async def _inject(mode: Mode, stage: Stage) -> Findings:
    usual_mode, usual_delay_s = stage.model.mode, stage.model.delay_s
    before = len(stage.model.calls)
    stage.model.mode, stage.model.delay_s = mode, _DELAYS_S.get(mode, usual_delay_s)
    await asyncio.sleep(stage.sizes.fault_s)
    calls = len(stage.model.calls) - before
    stage.model.mode, stage.model.delay_s = usual_mode, usual_delay_s
    stage.note_end()
    openings = await stage.fetch_metric("omi_model_breaker_openings_total")
    findings = Findings(figures={"asked_meanwhile": calls, "breaker_openings": int(openings)})
    findings.demand("the model was not asked: the run shows nothing", holds=calls > 0)
    return findings


def _build(name: str, mode: Mode, what: str, *, failures: bool = True) -> Fault:
    ends = "an answer or a failure sentence" if failures else "an answer, late on another channel"
    return Fault(
        name=f"model_{name}",
        what=what,
        promise="A question is answered once, and in time; the event loop never blocks",
        allowed=f"every question ends within twice its time with {ends}; webhooks notice nothing",
        inject=partial(_inject, mode),
        rules=Rules(
            failures=failures,
            needs_answer=True,
            recovery_s=_PAUSE_CAP_MS / 1000 + 2 * _LATE_S,
            # A question behind an earlier one of its person may get its time anew (domain/answers/patience.py).
            answer_s=2 * _DEADLINE_S + _LATE_S,
        ),
        settings=_SETTINGS,
    )


FAULTS = (
    _build("slow", Mode.DELAY, "each answer of the model takes 1 s of the 3 s that a question has", failures=False),
    _build("hung", Mode.HANG, "the model takes the question and never answers"),
    _build("trickling", Mode.DRIP, "the model sends one byte a second"),
    _build("busy", Mode.RATE_LIMIT, "the model answers 429, come again in 1 s"),
    _build("broken", Mode.SERVER_ERROR, "the model answers 500"),
    _build("cut", Mode.CUT, "the model's stream ends in the middle"),
    _build("malformed", Mode.MALFORMED, "the model's stream is no JSON"),
)
