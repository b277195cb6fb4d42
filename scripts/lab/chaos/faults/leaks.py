"""Fault: a thousand people who speak once and leave; afterwards the process must use no more resources than before.

Not here: memory of a live session (bench/sessions.py). Threads: one event loop.
"""

import asyncio

from scripts.lab.bench.machine import Footprint, read_footprint
from scripts.lab.chaos.fault import Fault, Findings, Rules
from scripts.lab.chaos.stage import Stage
from scripts.lab.replay.generator import ConversationGenerator

_AT_ONCE = 20
# Visitors before the first reading, so that caches, pools and the allocator are full.
_WARM_UP = 300
_GONE_WITHIN_S = 60.0
_POLL_S = 0.2
_MORE_FILES, _MORE_THREADS, _MORE_BYTES = 10, 2, 16 * 1024 * 1024
# Seed of these people, apart from those of other people.
_SEED = 2_000_003
_MOST_STRANGERS = 100_000


async def _inject(stage: Stage) -> Findings:
    people, findings = stage.sizes.people, Findings()
    await _visit(stage, _WARM_UP if not stage.sizes.is_quick else _AT_ONCE, seed=_SEED + 2 * stage.seed)
    is_gone = await _until_gone(stage, people)
    before, passivated = read_footprint(stage.server.pid), await _passivations(stage)
    await _visit(stage, stage.sizes.strangers, seed=_SEED + 2 * stage.seed + 1)
    is_gone = await _until_gone(stage, people) and is_gone
    after, cycles = await _until_back(stage, before), await _passivations(stage) - passivated
    stage.note_end()
    findings.figures = {"cycles": int(cycles), **_grown(before, after)}
    findings.demand("sessions of people who have gone stayed", holds=is_gone)
    findings.demand(f"only {cycles:.0f} sessions were let go", holds=cycles >= stage.sizes.strangers)
    findings.demand(f"open files: {before.files}, then {after.files}", holds=after.files <= before.files + _MORE_FILES)
    is_steady = after.threads <= before.threads + _MORE_THREADS
    findings.demand(f"threads: {before.threads}, then {after.threads}", holds=is_steady)
    grown_bytes = after.resident_bytes - before.resident_bytes
    findings.demand(f"memory grew by {grown_bytes} bytes", holds=grown_bytes < _MORE_BYTES)
    return findings


async def _visit(stage: Stage, strangers: int, *, seed: int) -> None:
    """Let `count` people speak once each."""
    numbers = iter(range(strangers))

    async def come_one_by_one() -> None:
        for number in numbers:
            talk = ConversationGenerator(seed=seed * _MOST_STRANGERS + number, users=1)
            await stage.post(talk.take(1)[0])

    await asyncio.gather(*(come_one_by_one() for _ in range(_AT_ONCE)))


async def _until_gone(stage: Stage, people: int) -> bool:
    """Wait until only the constant traffic's sessions are live; return False when time is up."""
    until_mono_s = stage.clock.mono_s() + _GONE_WITHIN_S
    while await stage.fetch_metric("omi_sessions_live") > people:
        if stage.clock.mono_s() > until_mono_s:
            return False
        await asyncio.sleep(_POLL_S)
    return True


async def _until_back(stage: Stage, before: Footprint) -> Footprint:
    """Wait until the visitors' idle connections are closed; return the resources used then."""
    until_mono_s = stage.clock.mono_s() + _GONE_WITHIN_S
    while (now := read_footprint(stage.server.pid)).files > before.files + _MORE_FILES:
        if stage.clock.mono_s() > until_mono_s:
            break
        await asyncio.sleep(_POLL_S)
    return now


async def _passivations(stage: Stage) -> float:
    return await stage.fetch_metric("omi_session_passivations_total")


def _grown(before: Footprint, after: Footprint) -> dict[str, object]:
    return {
        "files": f"{before.files} → {after.files}",
        "threads": f"{before.threads} → {after.threads}",
        "memory_growth_mib": round((after.resident_bytes - before.resident_bytes) / 2**20, 1),
    }


FAULT = Fault(
    name="leaks",
    what="1,000 people who speak once; each session is taken into memory and let go again",
    promise="Idle sessions hold nothing: no memory, file, thread or actor",
    allowed=(
        f"at most {_MORE_FILES} open files, {_MORE_THREADS} threads and {_MORE_BYTES // 2**20} MiB more than before"
    ),
    inject=_inject,
    rules=Rules(),
    settings={"SESSION_IDLE_S": "1"},
)
