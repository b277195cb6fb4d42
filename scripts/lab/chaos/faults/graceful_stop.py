"""Fault: SIGTERM under traffic, then a start on the same data.

Not here: what stopping does (omi_actors/cli/server.py). Threads: one event loop.
"""

from scripts.lab.chaos.fault import START_S, Fault, Findings, Rules
from scripts.lab.chaos.stage import Stage

# SHUTDOWN_GRACE_MS is 10 s by default; the rest is for actors to stop and Python to end.
_WITHIN_S = 15.0


async def _inject(stage: Stage) -> Findings:
    began_mono_s = stage.clock.mono_s()
    code = await stage.server.stop(within_s=_WITHIN_S)
    stopped_s = stage.clock.mono_s() - began_mono_s
    stage.note_end()
    await stage.restart()
    findings = Findings(figures={"stopped_within_s": round(stopped_s, 2), "stop_exit_code": code})
    findings.demand(f"it ended with {code} when told to stop", holds=code == 0)
    return findings


FAULT = Fault(
    name="graceful_stop",
    what="SIGTERM under traffic, then a start on the same data",
    promise="What was acknowledged is durable; a question is answered once; nothing is cut",
    allowed="no reply until it is back; exit code 0 within the grace; no answer marked as repeated",
    inject=_inject,
    rules=Rules(unreachable=True, recovery_s=START_S),
)
