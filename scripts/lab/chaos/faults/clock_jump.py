"""Fault: the wall clock jumps an hour forward, and an hour back, and is put right again.

Not here: how the server is given such a clock (sabotaged_server.py). Threads: one event loop.
PostgreSQL keeps its own time, and does not jump: covered is a jump of one node's clock there, and of all on SQLite.
"""

import asyncio
import signal

from scripts.lab.chaos.fault import Fault, Findings, Rules
from scripts.lab.chaos.stage import Stage

# Forward, right, back, right.
_JUMPS = (signal.SIGUSR1, signal.SIGUSR2, signal.SIGUSR2, signal.SIGUSR1)


async def _inject(stage: Stage) -> Findings:
    for jump in _JUMPS:
        stage.server.send_signal(jump)
        stage.note_cut()
        stage.note_end()
        await asyncio.sleep(stage.sizes.fault_s)
    reaped = await stage.fetch_metric("omi_jobs_reaped_total")
    # answers are timed by the clock that jumps
    return Findings(figures={"jumps": len(_JUMPS), "jobs_reaped": int(reaped), "longest_answer_s": None})


FAULT = Fault(
    name="clock_jump",
    what=(
        "the server's wall clock jumps an hour forward, right, an hour back, right; planted in its process, since the "
        "machine's clock is everybody's"
    ),
    promise="What was acknowledged is durable; a question is answered once",
    allowed="answers may be too old to be spoken, and failures may be said, while the clock is wrong; nothing is lost",
    inject=_inject,
    rules=Rules(failures=True, marked=True),
    plants=("clock",),
)
