"""Faults: a node's wall clock jumps, or is wrong by 5 minutes to 400 days, ahead or behind, at start or running.

PostgreSQL's own clock is right. Here the janitor runs every second, and its pause lasts seconds instead of a day. So
its rounds run at every wrong time, during and after the pause.
Not here: setting the clock (stage.py, sabotaged_server.py). Threads: one event loop.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import msgspec

from scripts.lab.chaos.fault import START_S, Fault, Findings, Rules, second_and_proxy
from scripts.lab.chaos.stage import Stage
from scripts.lab.replay.server_process import ServerFailedError, ServerProcess

_HOUR_S, _DAY_S = 3_600.0, 86_400.0
# Offsets in turn (s): ahead, right, behind, right.
_JUMPS_S = (_HOUR_S, 0.0, -_HOUR_S, 0.0)
# Offsets (s) just within the 5 minutes that PostgreSQL's clock allows, just beyond, and beyond all retention.
_OFFSETS_S = tuple(way * off_s for off_s in (299.0, 301.0, _DAY_S, 100 * _DAY_S, 400 * _DAY_S) for way in (1, -1))
_QUICK_OFFSETS_S = (400 * _DAY_S,)
# Limits of the program: PostgreSQL refuses a node beyond the first, SQLite doubts a start beyond the second; the third
# is the exit code of a refused node.
_MAX_OFF_S, _GAP_S, _REFUSED = 300.0, 7 * _DAY_S, 69
# Seconds in which a node notices and ends, and in which a rest is over and a round has ended.
_ENDS_WITHIN_S, _ROUND_WITHIN_S = 20.0, 20.0
_POLL_S = 0.05
_ROUNDS = "omi_retention_rounds_total"


async def _jump(stage: Stage) -> Findings:
    for off_s in _JUMPS_S:
        stage.set_clock(off_s, stage.server)
        stage.note_cut()
        stage.note_end()
        await asyncio.sleep(stage.sizes.fault_s)
    reaped = await stage.fetch_metric("omi_jobs_reaped_total")
    # Answers are timed by the clock that jumps.
    return Findings(figures={"jumps": len(_JUMPS_S), "jobs_reaped": int(reaped), "longest_answer_s": None})


class _WrongClock:
    """One play: the node's clock is wrong by each offset in turn, and is right between two offsets."""

    def __init__(self, stage: Stage, node: ServerProcess, lead_to: Callable[[ServerProcess], object]) -> None:
        self._stage = stage
        self._node = node
        self._lead_to = lead_to
        self._counts = dict.fromkeys(("offsets", "rounds_ended", "rounds_rested", "warnings", "refusals"), 0)
        self.findings = Findings()

    async def run(self, *, at_start: bool) -> Findings:
        """Set the clock to all offsets, one after another."""
        stage = self._stage
        # The last process counts from 0, and answers are timed by the wrong clock.
        stage.is_restarted = True
        for off_s in _QUICK_OFFSETS_S if stage.sizes.is_quick else _OFFSETS_S:
            self._counts["offsets"] += 1
            for now_off_s, before_s in ((off_s, 0.0), (0.0, off_s)):
                await self._set(now_off_s, before_s, at_start=at_start)
        self.findings.figures = {**self._counts, "longest_answer_s": None}
        return self.findings

    async def _set(self, off_s: float, before_s: float, *, at_start: bool) -> None:
        """Set the clock, check the node's reaction, and let the janitor's rounds run."""
        stage, node = self._stage, self._node
        is_refused = stage.postgres is not None and abs(off_s) > _MAX_OFF_S
        if at_start and node.is_running:
            self._lead_to(stage.server)
            await node.stop()
        stage.set_clock(off_s, node)
        stage.note_cut()
        if is_refused:
            await (self._see_refused_start(off_s) if at_start else self._see_end(off_s))
            stage.note_cut()
            return
        if not node.is_running:
            await node.start()
            self._lead_to(node)
        stage.note_end()
        rests = stage.postgres is None and (not at_start or abs(off_s - before_s) > _GAP_S)
        await self._let_rounds_run(off_s, rests=rests, at_start=at_start)
        if stage.postgres is not None and off_s:
            await self._see_warning(off_s)

    async def _let_rounds_run(self, off_s: float, *, rests: bool, at_start: bool) -> None:
        """Wait until a round of retention has ended. If it `rests`, first wait until retention was paused."""
        for outcome in ("rested", "ended") if rests else ("ended",):
            before = 0.0 if at_start else await self._count(outcome)
            if not await self._until(partial(self._has_grown, outcome, before)):
                self.findings.wrongs.append(f"no round has {outcome} with a clock off by {off_s:+,.0f} s")
            self._counts[f"rounds_{outcome}"] += 1

    async def _see_refused_start(self, off_s: float) -> None:
        try:
            await self._node.start()
            self.findings.wrongs.append(f"it started with a clock off by {off_s:+,.0f} s")
        except ServerFailedError as error:
            is_reported = f"ended with {_REFUSED}" in str(error) and "this machine's clock is" in str(error)
            self.findings.demand(f"it did not say why it was refused at {off_s:+,.0f} s", holds=is_reported)
            self._counts["refusals"] += 1

    async def _see_end(self, off_s: float) -> None:
        code = await self._node.wait(within_s=_ENDS_WITHIN_S)
        self._lead_to(self._stage.server)
        self.findings.demand(f"it ended with {code} at {off_s:+,.0f} s", holds=code == _REFUSED)
        is_reported = b"clock_refused" in self._node.log_file.read_bytes()
        self.findings.demand("the log does not say why it ended", holds=is_reported)
        self._counts["refusals"] += 1

    async def _see_warning(self, off_s: float) -> None:
        async def is_warned() -> bool:
            health = msgspec.json.decode(await self._stage.fetch("/health", of=self._node))
            return bool(health["checks"]["clock"]["status"] == "warn")

        self.findings.demand(f"no warning at {off_s:+,.0f} s", holds=await self._until(is_warned))
        self._counts["warnings"] += 1

    async def _has_grown(self, outcome: str, before: float) -> bool:
        return await self._count(outcome) > before

    async def _count(self, outcome: str) -> float:
        return await self._stage.fetch_metric(_ROUNDS, f'"{outcome}"', of=self._node)

    async def _until(self, holds: Callable[[], Awaitable[bool]]) -> bool:
        until_mono_s = self._stage.clock.mono_s() + _ROUND_WITHIN_S
        while not await holds():
            if self._stage.clock.mono_s() > until_mono_s:
                return False
            await asyncio.sleep(_POLL_S)
        return True


async def _start_wrong(stage: Stage) -> Findings:
    return await _WrongClock(stage, stage.server, id).run(at_start=True)


async def _run_wrong(stage: Stage) -> Findings:
    return await _WrongClock(stage, stage.server, id).run(at_start=False)


async def _start_second_wrong(stage: Stage) -> Findings:
    return await _of_two(stage).run(at_start=True)


async def _run_second_wrong(stage: Stage) -> Findings:
    return await _of_two(stage).run(at_start=False)


def _of_two(stage: Stage) -> _WrongClock:
    """Run with two nodes. The second has the wrong clock; traffic goes to it whenever it runs."""
    second, proxy = second_and_proxy(stage)

    proxy.lead_to(second.port)
    return _WrongClock(stage, second, lambda node: proxy.lead_to(node.port))


_BY = "by 299 s, 301 s, 1, 100 and 400 days, ahead and behind, and right in between"
_PROMISE = "What was acknowledged is durable: a wrong clock deletes nothing"
_ALLOWED = (
    "SQLite: retention rests, then goes by the slowest clock; PostgreSQL: warned of within 5 minutes, refused beyond, "
    "drops with the header until the node has ended; answers may expire, or come again, marked"
)
_RULES = Rules(unreachable=True, drops=True, failures=True, marked=True, recovery_s=START_S)
_JANITOR = {"JANITOR_INTERVAL_S": "1"}
_PLANTS = ("clock", "short_rest")

FAULTS = (
    Fault(
        name="clock_jump",
        what=(
            "the server's wall clock jumps an hour forward, right, an hour back, right; planted in its process, since "
            "other programs use the machine's clock"
        ),
        promise="What was acknowledged is durable; a question is answered once",
        allowed=("answers may expire, and failures may be delivered, while the clock is wrong; nothing is lost"),
        inject=_jump,
        rules=Rules(failures=True, marked=True),
        plants=("clock",),
        databases=("sqlite",),
    ),
    Fault(
        name="clock_wrong_at_start",
        what=f"the node is stopped, and started with a wall clock that is wrong {_BY}",
        promise=_PROMISE,
        allowed=_ALLOWED,
        inject=_start_wrong,
        rules=_RULES,
        settings=_JANITOR,
        plants=_PLANTS,
    ),
    Fault(
        name="clock_wrong_running",
        what=f"the node's wall clock leaps while it runs, and is wrong {_BY}",
        promise=_PROMISE,
        allowed=_ALLOWED,
        inject=_run_wrong,
        rules=_RULES,
        settings=_JANITOR,
        plants=_PLANTS,
    ),
    *(
        Fault(
            name=f"{name}_of_two",
            what=f"the same for one of two nodes, which the people use while it runs ({_BY})",
            promise=_PROMISE,
            allowed=_ALLOWED,
            inject=inject,
            rules=_RULES,
            settings=_JANITOR,
            plants=_PLANTS,
            databases=("postgres",),
            has_proxy=True,
            has_second=True,
        )
        for name, inject in (("clock_wrong_at_start", _start_second_wrong), ("clock_wrong_running", _run_second_wrong))
    ),
)
