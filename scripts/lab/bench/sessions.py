"""Row: many live sessions in one process: memory of each, lag of the loop, and speed of activation.

Not here: HTTP (throughput.py). Threads: each part runs in a process of its own, on one event loop:
python -m scripts.lab.bench.sessions --part=live|activation --count=N --folder=DIR
"""

import argparse
import gc
import os
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from omi_actors.actors.session.actor import SessionActor, SessionDeps
from omi_actors.actors.session.messages import Ingested, IngestSegments
from omi_actors.clock import Clock, SystemClock
from omi_actors.domain.sessions.records import SessionCommit
from omi_actors.kit.future import Future
from omi_actors.store.facade import Store
from scripts.lab.bench.in_process import LagMeter, Speech, call_all, open_system, run_as_server, run_row
from scripts.lab.bench.machine import read_resident_bytes
from scripts.lab.replay.report import percentile

# Segments that each session hears: a few minutes of talk.
_SEGMENTS = 30
_AT_ONCE = 64
# Sessions before the first reading of memory, so that one-time costs do not count.
_BASE_SESSIONS = 1000
# Webhooks to random sessions, for the loop's lag with all sessions live.
_SPOKEN = 20_000
_TIMEOUT_S = 30.0


async def measure_sessions(count: int, *, folder: Path) -> Mapping[str, Any]:
    """Measure `count` sessions; return bytes, milliseconds and sessions per second."""
    # 100,000 sessions with 3,000,000 segments in the store take some minutes.
    within_s = 120 + count / 50
    figures: dict[str, Any] = {"sessions": count, "segments_each": _SEGMENTS}
    for part in ("live", "activation"):
        options = {"part": part, "count": count, "folder": folder / part}
        figures |= await run_row("scripts.lab.bench.sessions", options, within_s=within_s)
    return figures


async def _measure_live(count: int, folder: Path, clock: Clock) -> dict[str, object]:
    """Send each session its segments, with a real store. Then send webhooks to random sessions."""
    base_count = min(_BASE_SESSIONS, count // 10)
    speech = Speech(clock)
    rng = random.Random(1)  # noqa: S311 (who speaks next)
    async with open_system(folder, clock, max_live_sessions=count + 1) as system:

        def hear(user: int, segments: int) -> Callable[[], Future[Ingested]]:
            return lambda: system.ingest(speech.hear(user, segments), timeout_s=_TIMEOUT_S)

        await call_all((hear(user, _SEGMENTS) for user in range(base_count)), at_once=_AT_ONCE)
        base_bytes = _resident_bytes()
        growing, begin_mono_s = LagMeter(clock), clock.mono_s()
        growing.start()
        await call_all((hear(user, _SEGMENTS) for user in range(base_count, count)), at_once=_AT_ONCE)
        growing.stop()
        growth_s = clock.mono_s() - begin_mono_s
        grown_bytes = _resident_bytes()
        speaking = LagMeter(clock)
        speaking.start()
        await call_all((hear(rng.randrange(count), 1) for _ in range(min(_SPOKEN, count))), at_once=_AT_ONCE)
        speaking.stop()
    return {
        "bytes_per_session": round((grown_bytes - base_bytes) / (count - base_count)),
        "lag_max_ms": _ms(max(speaking.lags_s)),
        "lag_p99_ms": _ms(percentile(speaking.lags_s, 99)),
        "lag_max_while_growing_ms": _ms(max(growing.lags_s)),
        "durable_activations_per_s": round((count - base_count) / growth_s),
    }


class _MemoryStore(Store):
    """Store without data that answers at once, so that only the actors' work is measured."""

    def __init__(self) -> None:
        """Build the store without actors."""

    def read(self, *_args: Any, **_kwargs: Any) -> Future[Any]:
        """Answer every query at once with None, as if the store did not hold the session."""
        return _settled()

    def commit(self, commit: SessionCommit) -> Future[None]:  # noqa: ARG002
        """Accept every commit."""
        return _settled()


def _settled() -> Future[Any]:
    future: Future[Any] = Future()
    future.try_set(None)
    return future


async def _measure_activation(count: int, folder: Path, clock: Clock) -> dict[str, object]:
    """Send one webhook to each of `count` sessions over a store in memory."""
    speech, store = Speech(clock), _MemoryStore()

    def build(deps: SessionDeps, session_key: str) -> SessionActor:
        return SessionActor(replace(deps, store=store), session_key)

    async with open_system(folder, clock, build_session=build, max_live_sessions=count + 1) as system:

        def speak(message: IngestSegments) -> Callable[[], Future[Ingested]]:
            return lambda: system.ingest(message, timeout_s=_TIMEOUT_S)

        calls = [speak(speech.hear(user, 1)) for user in range(count)]
        begin_mono_s = clock.mono_s()
        await call_all(calls, at_once=_AT_ONCE)
        seconds = clock.mono_s() - begin_mono_s
    return {"activations_per_s": round(count / seconds)}


def _resident_bytes() -> int:
    gc.collect()
    return read_resident_bytes(os.getpid())


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)


def main() -> None:
    """Measure one part and print it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--part", choices=["live", "activation"], required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args()
    measure = _measure_live if options.part == "live" else _measure_activation
    figures = run_as_server(measure(options.count, options.folder, SystemClock()))
    print(msgspec.json.encode(figures).decode())


if __name__ == "__main__":
    main()
