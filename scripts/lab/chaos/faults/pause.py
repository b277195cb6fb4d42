"""Fault: SIGSTOP for longer than every lease, then SIGCONT.

Not here: a second node that takes over meanwhile. Threads: one event loop.
"""

import asyncio
import signal

from scripts.lab.chaos.fault import Fault, Findings, Rules
from scripts.lab.chaos.stage import Stage


async def _inject(stage: Stage) -> Findings:
    stage.note_cut()
    stage.server.send_signal(signal.SIGSTOP)
    await asyncio.sleep(stage.sizes.pause_s)
    stage.server.send_signal(signal.SIGCONT)
    stage.note_end()
    stage.note_cut()
    return Findings(figures={"paused_s": stage.sizes.pause_s})


FAULT = Fault(
    name="pause",
    what="SIGSTOP for longer than the leases of jobs and node, then SIGCONT",
    promise="What was acknowledged is durable; a stale lease changes nothing",
    allowed="no reply while it is stopped; questions that became too late are answered by an honest sentence",
    inject=_inject,
    rules=Rules(unreachable=True, failures=True, marked=True),
)
