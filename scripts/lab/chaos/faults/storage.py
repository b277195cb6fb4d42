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
_RULES = Rules(drops=True, failures=True, marked=True, asks_once=True)
# Seconds of the model, and questions under way, when the store goes away.
_MODEL_DELAY_S = 1.5
_UNDER_WAY = 3
_POLL_S = 0.05


async def _pause(stage: Stage) -> Findings:
    server = _postgres(stage)
    return await _be_away(stage, signal.SIGSTOP, lambda: server.send_signal(signal.SIGCONT))


async def _kill(stage: Stage) -> Findings:
    return await _be_away(stage, signal.SIGKILL, _postgres(stage).start)


async def _be_away(stage: Stage, number: signal.Signals, bring_back: Callable[[], None]) -> Findings:
    pid, before = stage.server.pid, len(stage.traffic.attempts)
    await _ask_slowly(stage)
    _postgres(stage).send_signal(number)
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


async def _ask_slowly(stage: Stage) -> None:
    """Wait until the model has questions to answer, so that their answers come while the store is away."""
    usual_delay_s, before = stage.model.delay_s, len(stage.model.calls)
    stage.model.delay_s = _MODEL_DELAY_S
    while len(stage.model.calls) < before + _UNDER_WAY:  # noqa: ASYNC110 (the fake tells of no event)
        await asyncio.sleep(_POLL_S)
    stage.model.delay_s = usual_delay_s


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
