"""Row: the time from a session's crash to the first answer of its replacement.

Not here: other effects of a crash (storm.py, tests/). Threads: a process of its own, on one event loop:
python -m scripts.lab.bench.crashes --count=N --folder=DIR
"""

import argparse
import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from omi_actors.clock import Clock, SystemClock
from omi_actors.kit.errors import ActorUnavailableError
from scripts.lab.bench.in_process import Speech, open_system, run_row
from scripts.lab.replay.report import percentile

_TIMEOUT_S = 30.0
# A value that is no segment: it raises an unexpected exception in a session, as a bug does.
POISON: Any = (None,)


class NotCrashedError(RuntimeError):
    """A message did not crash the session as planned, so there is nothing to measure."""


async def measure_crashes(count: int, *, folder: Path) -> Mapping[str, Any]:
    """Crash each of `count` sessions once; return milliseconds."""
    return await run_row("scripts.lab.bench.crashes", {"count": count, "folder": folder}, within_s=60 + count / 10)


async def _measure(count: int, folder: Path, clock: Clock) -> dict[str, object]:
    speech = Speech(clock)
    recoveries_ms = []
    async with open_system(folder, clock) as system:
        for user in range(count):
            await system.ingest(speech.hear(user, 1), timeout_s=_TIMEOUT_S)
            poison = replace(speech.hear(user, 1), segments=POISON)
            crash = system.ingest(poison, timeout_s=_TIMEOUT_S)
            answer = system.ingest(speech.hear(user, 1), timeout_s=_TIMEOUT_S)
            try:
                await crash
            except ActorUnavailableError:
                crashed_mono_s = clock.mono_s()
            else:
                raise NotCrashedError("the session lived on")
            await answer
            recoveries_ms.append((clock.mono_s() - crashed_mono_s) * 1000)
    return {
        "answers_again_p50_ms": round(percentile(recoveries_ms, 50), 2),
        "answers_again_p99_ms": round(percentile(recoveries_ms, 99), 2),
        "answers_again_max_ms": round(max(recoveries_ms), 2),
        "crashes": count,
    }


def main() -> None:
    """Measure and print the result."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args()
    print(msgspec.json.encode(asyncio.run(_measure(options.count, options.folder, SystemClock()))).decode())


if __name__ == "__main__":
    main()
