"""Fault: `kill -9`, again and again, at random moments under traffic.

Not here: the same for many rounds and at a higher rate (replay/kill_test.py). Threads: one event loop.
"""

import asyncio

from scripts.lab.chaos.fault import START_S, Fault, Findings, Rules
from scripts.lab.chaos.stage import Stage


async def _inject(stage: Stage) -> Findings:
    for _ in range(stage.sizes.kills):
        await asyncio.sleep(stage.rng.uniform(0.5, 1.5) * stage.sizes.kill_after_s)
        stage.server.kill()
        stage.note_cut()
        stage.note_end()
        await stage.restart()
    return Findings(figures={"kills": stage.sizes.kills})


FAULT = Fault(
    name="kill",
    what="kill -9 of the server at random moments, restarted at once on the same data",
    promise="What was acknowledged is durable; a question is answered once",
    allowed="no reply while it is down; an answer whose delivery was cut comes again, marked",
    inject=_inject,
    rules=Rules(unreachable=True, marked=True, recovery_s=START_S),
)
