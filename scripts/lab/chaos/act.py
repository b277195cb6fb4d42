"""Act: a stage, traffic, one fault, recovery, the end of the talk, and the judgement.

Not here: the stage (stage.py), the judgement's rules (judgement.py). Threads: one event loop.
"""

import asyncio
from contextlib import suppress
from dataclasses import replace

from omi_actors.clock import Clock
from scripts.lab.chaos.fault import Fault, Findings
from scripts.lab.chaos.judgement import Evidence, Result, judge_fault
from scripts.lab.chaos.stage import Scene, Stage
from scripts.lab.replay.accept_log import load_promises
from scripts.lab.replay.deliveries import Arrival, DeliveryVerdict, judge_deliveries
from scripts.lab.replay.http import ConnectionFailedError
from scripts.lab.replay.judge import judge, merge_promises
from scripts.lab.replay.recording import RecordedRequest
from scripts.lab.replay.server_process import ServerFailedError
from scripts.lab.replay.verify import TranscriptUnreadableError, settle

_POLL_S = 0.1
# Seconds to wait for a success after the allowed recovery, so that the figure shows the delay.
_PATIENCE_S = 20.0
# First words of the fake model's answers.
_ANSWERED = "You asked: "
_DROPPED = "omi_webhooks_dropped_total"


async def play(fault: Fault, scene: Scene, clock: Clock) -> Result:
    """Play one act. If the server ends, or does not start again, that is also a result."""
    scene = replace(
        scene,
        settings=fault.settings,
        plants=(*fault.plants, *(fault.quick_plants if scene.sizes.is_quick else ())),
        has_proxy=fault.has_proxy,
        has_redis=fault.has_redis,
        has_second=fault.has_second,
        has_links=fault.has_links,
        at_second=fault.at_second,
    )
    began_mono_s = clock.mono_s()
    try:
        async with Stage(scene, clock) as stage:
            evidence = await _Act(fault, stage).run()
    except (ServerFailedError, ConnectionFailedError, TranscriptUnreadableError, TimeoutError) as error:
        return Result(name=fault.name, figures={}, wrongs=[f"{type(error).__name__}: {error}"])
    result = judge_fault(fault, evidence)
    return replace(result, figures={**result.figures, "act_s": round(clock.mono_s() - began_mono_s, 1)})


class _Act:
    """One fault on its stage."""

    def __init__(self, fault: Fault, stage: Stage) -> None:
        self._fault = fault
        self._stage = stage

    async def run(self) -> Evidence:
        """Run all parts; the server is stopped when this returns."""
        stage = self._stage
        findings = await self._suffer()
        promised = merge_promises(load_promises(stage.accept_file))
        recoveries_s = [self._measure_recovery(end) for end in stage.ends]
        kept = await settle(promised, stage.target, self._contact, clock=stage.clock, within_s=stage.sizes.settle_s)
        nodes = [one for one in (stage.server, stage.second) if one is not None]
        counted = None if stage.is_restarted else sum([await stage.fetch_metric(_DROPPED, of=one) for one in nodes])
        exit_code = await stage.server.stop()
        deliveries = judge_deliveries(promised, kept, self._arrivals(), stage.cuts)
        return Evidence(
            findings=findings,
            verdict=judge(promised, kept),
            deliveries=self._without_swallowed(deliveries),
            kept=kept,
            attempts=stage.traffic.attempts,
            given_up=len(stage.traffic.given_up),
            beats_s=stage.pulse.beats_s,
            recoveries_s=recoveries_s,
            exit_code=exit_code,
            dropped_aside=sum(bool(one.dropped) for one in stage.aside),
            dropped_counted=counted,
            asked_again=self._count_asked_again(),
        )

    async def _suffer(self) -> Findings:
        """Send traffic before, during and after the fault, until a success."""
        stage = self._stage
        await stage.warm_up()
        talking = asyncio.create_task(stage.traffic.run())
        beating = asyncio.create_task(stage.pulse.run())
        try:
            await asyncio.sleep(stage.sizes.warm_s)
            findings = await self._fault.inject(stage)
            await asyncio.sleep(stage.sizes.after_s)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._fault.rules.recovery_s + _PATIENCE_S):
                    await self._recover()
        finally:
            stage.traffic.stop()
            beating.cancel()
            await asyncio.wait({talking, beating})
        talking.result()
        return findings

    async def _recover(self) -> None:
        """Wait for a success after the last end of the fault."""
        for end_mono_s in self._stage.ends[-1:]:
            while self._measure_recovery(end_mono_s) is None:  # noqa: ASYNC110 (people and phones tell of no event)
                await asyncio.sleep(_POLL_S)

    def _measure_recovery(self, end_mono_s: float) -> float | None:
        """Return the seconds from a fault's end to the first success; None without one."""
        if self._fault.rules.needs_answer:
            moments = [one.at_mono_s for one in self._arrivals() if _ANSWERED in one.text]
        else:
            attempts = self._stage.traffic.attempts
            moments = [one.outcome.replied_mono_s for one in attempts if one.outcome.is_acknowledged]
        return min((moment - end_mono_s for moment in moments if moment >= end_mono_s), default=None)

    async def _contact(self, requests: list[RecordedRequest]) -> set[str]:
        outcomes = [await self._stage.post(request) for request in requests]
        return {one.request.query["uid"] for one in outcomes if one.message}

    def _arrivals(self) -> list[Arrival]:
        stage = self._stage
        outcomes = [*(one.outcome for one in stage.traffic.attempts), *stage.aside]
        replied = [
            Arrival(one.request.query["uid"], one.message, one.request.body, one.replied_mono_s)
            for one in outcomes
            if one.message
        ]
        return [*replied, *(Arrival(one.uid, one.text, "", one.at_mono_s) for one in stage.omi.pushes)]

    def _count_asked_again(self) -> int:
        """Return the number of calls of the model beyond the first for each question."""
        calls = [str(call["messages"][-1]["content"]) for call in self._stage.model.calls]
        return len(calls) - len(set(calls))

    def _without_swallowed(self, deliveries: DeliveryVerdict) -> DeliveryVerdict:
        """Remove answers that the server sent and the proxy swallowed."""
        proxy = self._stage.proxy
        if proxy is None:
            return deliveries
        taken = b"\n".join(proxy.swallowed).decode()
        lost = [name for name in deliveries.lost if not _is_in(taken, name)]
        return replace(deliveries, lost=lost)


def _is_in(taken: str, name: str) -> bool:
    """Return True if a reply had this question's answer; `name` is `uid/question (state)` with unique words."""
    question = name.partition("/")[2].rpartition(" (")[0]
    return question.rpartition(", question ")[2].rstrip("?") in taken
