"""Faults of storage: a full disk under SQLite; PostgreSQL is paused, as by a disk that hangs, or killed and restarted.

A limit of the process (RLIMIT_FSIZE, set from outside) stands for the full disk. Writes fail with EFBIG instead of
ENOSPC; SQLite reports an I/O error instead of "full". Failing syncs are not covered.
Not here: a full disk under PostgreSQL. Threads: one event loop.
"""

import asyncio
import signal
from collections.abc import Callable

from scripts.lab.bench.machine import limited_files
from scripts.lab.chaos.fault import Fault, Findings, Rules
from scripts.lab.chaos.stage import Stage
from scripts.lab.replay.postgres_server import PostgresServer

# Smaller than the database and the log already are, so that no write succeeds.
_LIMIT_BYTES = 4_096
_PROMISE = "What was acknowledged is durable; Omi gets a header, and retriers get 503, for what cannot be kept"


async def _fill_disk(stage: Stage) -> Findings:
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


DISK_FULL = Fault(
    name="disk_full",
    what="no write to the database's files or the log succeeds for some seconds",
    promise=_PROMISE,
    allowed="drops with the header, counted; retriers get 503; the same process goes on when there is room",
    inject=_fill_disk,
    rules=Rules(drops=True, failures=True, marked=True),
    databases=("sqlite",),
)


# HTTP's Service Unavailable: try again later.
_LATER = 503
_ALLOWED = (
    "drops with the header, counted; retriers get 503; late questions are answered by a failure "
    "sentence; the same process goes on within 5 s of the database's return"
)
_RULES = Rules(drops=True, failures=True, marked=True)


async def _pause(stage: Stage) -> Findings:
    server = _postgres(stage)
    server.send_signal(signal.SIGSTOP)
    return await _be_away(stage, lambda: server.send_signal(signal.SIGCONT))


async def _kill(stage: Stage) -> Findings:
    server = _postgres(stage)
    server.send_signal(signal.SIGKILL)
    return await _be_away(stage, server.start)


async def _be_away(stage: Stage, bring_back: Callable[[], None]) -> Findings:
    pid, before = stage.server.pid, len(stage.traffic.attempts)
    stage.note_cut()
    await asyncio.sleep(stage.sizes.outage_s)
    during = stage.traffic.attempts[before:]
    await asyncio.to_thread(bring_back)
    stage.note_end()
    stage.note_cut()
    findings = Findings(figures={"outage_s": stage.sizes.outage_s})
    findings.demand("the process ended", holds=stage.server.exit_code is None and stage.server.pid == pid)
    findings.demand("nothing was dropped: the run shows nothing", holds=any(one.outcome.dropped for one in during))
    findings.demand("no retrier was told to come again", holds=any(one.outcome.status == _LATER for one in during))
    return findings


def _postgres(stage: Stage) -> PostgresServer:
    if stage.postgres is None:
        raise ValueError("this fault needs a stage with PostgreSQL")
    return stage.postgres


POSTGRES = (
    Fault(
        name="postgres_paused",
        what="SIGSTOP of PostgreSQL and its processes for 30 s: connections stay, nothing answers",
        promise=_PROMISE,
        allowed=_ALLOWED,
        inject=_pause,
        rules=_RULES,
        databases=("postgres",),
    ),
    Fault(
        name="postgres_killed",
        what="SIGKILL of PostgreSQL and its processes; started again after 30 s",
        promise=_PROMISE,
        allowed=_ALLOWED,
        inject=_kill,
        rules=_RULES,
        databases=("postgres",),
    ),
)
