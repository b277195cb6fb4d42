"""Row: latency of other sessions while 100 sessions crash on every message.

Not here: recovery of one session (crashes.py). Threads: a process of its own, on one event loop:
python -m scripts.lab.bench.storm --phases=N --phase-s=SECONDS --folder=DIR
"""

import argparse
import asyncio
import statistics
from collections.abc import Mapping
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import msgspec

from omi_actors.clock import Clock, SystemClock
from omi_actors.instruments import metrics
from omi_actors.kit.errors import ExpectedError
from omi_actors.system import System
from scripts.lab.bench.crashes import POISON
from scripts.lab.bench.in_process import Speech, open_system, run_row
from scripts.lab.replay.report import percentile

_TIMEOUT_S = 30.0
# Sessions that crash on every message, and the period of their messages: Omi sends about one a second for each wearer.
_CRASHING = 100
_CRASH_PERIOD_S = 0.5
# Undisturbed sessions, and the period of their messages.
_OTHERS = 50
_SPEAK_PERIOD_S = 0.05


async def measure_storm(phases: int, phase_s: float, *, folder: Path) -> Mapping[str, Any]:
    """Measure the latency of undisturbed sessions; return milliseconds and counts.

    This is done `phases` times: `phase_s` seconds in calm, then `phase_s` seconds in a storm, in which other sessions
    crash on every message.
    """
    options = {"phases": phases, "phase-s": phase_s, "folder": folder}
    return await run_row("scripts.lab.bench.storm", options, within_s=60 + 4 * phases * phase_s)


class _Weather:
    """A system with undisturbed sessions. During a storm it also has sessions that crash; each storm uses new ones."""

    def __init__(self, system: System, clock: Clock) -> None:
        self._system = system
        self._clock = clock
        self._speech = Speech(clock)
        self._strangers = count(_OTHERS)

    async def phase(self, phase_s: float, *, is_storm: bool) -> list[float]:
        """Let the undisturbed sessions speak for `phase_s` seconds and return the seconds of each of their webhooks."""
        until_mono_s = self._clock.mono_s() + phase_s
        latencies_s: list[float] = []
        async with asyncio.TaskGroup() as group:
            for user in range(_OTHERS):
                group.create_task(self._speak(user, until_mono_s, latencies_s))
            if is_storm:
                for user in [next(self._strangers) for _ in range(_CRASHING)]:
                    group.create_task(self._crash(user, until_mono_s))
        return latencies_s

    async def _speak(self, user: int, until_mono_s: float, latencies_s: list[float]) -> None:
        await asyncio.sleep(_SPEAK_PERIOD_S * user / _OTHERS)
        while (begin_mono_s := self._clock.mono_s()) < until_mono_s:
            await self._system.ingest(self._speech.hear(user, 1), timeout_s=_TIMEOUT_S)
            latencies_s.append(self._clock.mono_s() - begin_mono_s)
            await asyncio.sleep(_SPEAK_PERIOD_S)

    async def _crash(self, user: int, until_mono_s: float) -> None:
        await asyncio.sleep(_CRASH_PERIOD_S * (user % _CRASHING) / _CRASHING)
        while self._clock.mono_s() < until_mono_s:
            poison = replace(self._speech.hear(user, 1), segments=POISON)
            try:
                await self._system.ingest(poison, timeout_s=_TIMEOUT_S)
            except ExpectedError:
                await asyncio.sleep(_CRASH_PERIOD_S)


async def _measure(phases: int, phase_s: float, folder: Path, clock: Clock) -> dict[str, object]:
    calm_ms, storm_ms = [], []
    async with open_system(folder, clock) as system:
        weather = _Weather(system, clock)
        await weather.phase(phase_s, is_storm=False)
        for _ in range(phases):
            calm_ms.append(percentile(await weather.phase(phase_s, is_storm=False), 99) * 1000)
            storm_ms.append(percentile(await weather.phase(phase_s, is_storm=True), 99) * 1000)
        is_ready = system.ready
    ratios = [storm / calm for calm, storm in zip(calm_ms, storm_ms, strict=True)]
    return {
        "p99_ratio": round(statistics.median(ratios), 2),
        "calm_p99_ms": round(statistics.median(calm_ms), 2),
        "storm_p99_ms": round(statistics.median(storm_ms), 2),
        "crashes": round(metrics.ACTOR_CRASHES.labels("session")._value.get()),  # noqa: SLF001 (no public reading)
        "quarantines": round(metrics.QUARANTINES.labels("session")._value.get()),  # noqa: SLF001 (as above)
        "phases": phases,
        "phase_s": phase_s,
        "is_ready": is_ready,
    }


def main() -> None:
    """Measure and print the result."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--phases", type=int, required=True)
    parser.add_argument("--phase-s", type=float, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args()
    figures = asyncio.run(_measure(options.phases, options.phase_s, options.folder, SystemClock()))
    print(msgspec.json.encode(figures).decode())


if __name__ == "__main__":
    main()
