"""Fault: no file of the server can be written beyond a limit, as on a full disk; then it can again.

Not here: a full disk under PostgreSQL, which is PostgreSQL's to survive. Threads: one event loop.
The limit is the process's own (RLIMIT_FSIZE, set and lifted from outside): writes fail with EFBIG where a full disk
says ENOSPC, which SQLite reports as an I/O error and not as "full"; whether a sync fails is not covered.
"""

import asyncio

from scripts.lab.chaos.fault import Fault, Findings, Rules
from scripts.lab.chaos.process import limited_files
from scripts.lab.chaos.stage import Stage

# Below what the database and the log already have, so that no write of theirs succeeds.
_LIMIT_BYTES = 4_096


async def _inject(stage: Stage) -> Findings:
    before = len(stage.traffic.attempts)
    stage.note_cut()
    with limited_files(stage.server.pid, _LIMIT_BYTES):
        await asyncio.sleep(stage.sizes.fault_s)
        during = stage.traffic.attempts[before:]
    stage.note_end()
    stage.note_cut()
    findings = Findings(figures={"full_s": stage.sizes.fault_s})
    findings.demand("nothing was dropped: the run shows nothing", holds=any(one.outcome.dropped for one in during))
    return findings


FAULT = Fault(
    name="disk_full",
    what="no write to the database's files or the log succeeds for some seconds",
    promise="What was acknowledged is durable; what cannot be kept is told by a header to Omi and by 503 to retriers",
    allowed="drops with the header, counted; retriers get 503; the same process goes on when there is room",
    inject=_inject,
    rules=Rules(drops=True, failures=True, marked=True),
    databases=("sqlite",),
)
