"""Tools of rows without HTTP: a system, its callers, a meter of loop lag, and a fresh process.

Not here: the measurements. Threads: one event loop. Each row has its own process, so that no other row uses its memory
and its loop. It prints one JSON line.
"""

import asyncio
import contextlib
import gc
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from config.settings import load_settings
from omi_actors.actors.session.actor import SessionActor
from omi_actors.actors.session.messages import IngestSegments
from omi_actors.cli.server import find_loop_factory, tune_python
from omi_actors.clients.model import DemoModel, Model
from omi_actors.clock import Clock
from omi_actors.domain.hearing.segments import Segment
from omi_actors.instruments.logs import configure_logging
from omi_actors.parts import BuildSession, Parts
from omi_actors.system import System
from scripts.lab.bench.machine import RowFailedError, run_module

T = TypeVar("T")

# Period of the meter (s); a stall of the loop shows as a late callback.
_LOOK_S = 0.005


def run_as_server(measure: Coroutine[Any, Any, T]) -> T:
    """Run a measurement on the server's event loop, and with Python tuned as the server does it."""
    tune_python()
    with asyncio.Runner(loop_factory=find_loop_factory(load_settings())) as runner:
        return runner.run(measure)


async def run_row(module: str, options: Mapping[str, object], *, within_s: float) -> Mapping[str, Any]:
    """Run a module in a process of its own and return the JSON that it printed.

    Raises: RowFailedError
    """
    arguments = [f"--{name}={value}" for name, value in options.items()]
    printed = await run_module(module, *arguments, within_s=within_s)
    figures: Mapping[str, Any] = msgspec.json.decode(printed.splitlines()[-1])
    return figures


@contextlib.asynccontextmanager
async def open_system(
    folder: Path,
    clock: Clock,
    *,
    build_session: BuildSession = SessionActor,
    model: Model | None = None,
    **settings: object,
) -> AsyncIterator[System]:
    """Start the whole system without HTTP, on an empty store in `folder`. `settings` replace the defaults."""
    configure_logging("fatal")  # the rows provoke crashes; what goes wrong for good is raised
    failures: list[BaseException] = []
    given = {"DATA_DIR": str(folder), **{name.upper(): value for name, value in settings.items()}}
    parts = Parts(
        settings=load_settings(None, given),
        model=model or DemoModel(),
        clock=clock,
        rng=random.Random(1),  # noqa: S311 (jitter)
        on_fenced=lambda: failures.append(RowFailedError("another process has this node's name")),
        build_session=build_session,
    )
    system = System(parts, failures.append)
    await system.start()
    gc.collect()
    gc.freeze()
    try:
        yield system
    finally:
        await system.stop(grace_s=1.0)
    for failure in failures:
        raise failure


class Speech:
    """Invented speech of many wearables. All segments are different."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._numbers = count(1)

    def hear(self, user: int, segments: int) -> IngestSegments:
        """Build the message of one webhook."""
        return IngestSegments(
            session_key=f"omi:bench-{user}",
            uid=f"bench-{user}",
            segments=tuple(self._build_segment() for _ in range(segments)),
            received_at=self._clock.now_s(),
        )

    def _build_segment(self) -> Segment:
        number = next(self._numbers)
        start_s = number / 100
        return Segment(
            segment_id=f"bench-{number}",
            text=f"we talked about the weather and the garden today, note {number}",
            speaker="SPEAKER_00",
            speaker_id=0,
            is_user=False,
            person_id=None,
            start_s=start_s,
            end_s=start_s + 0.01,
        )


async def call_all(calls: Iterable[Callable[[], Awaitable[object]]], *, at_once: int) -> None:
    """Make the calls in order, at most `at_once` of them concurrently."""
    remaining = iter(calls)

    async def work() -> None:
        for call in remaining:
            await call()

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(work())


class LagMeter:
    """Meter of loop lag: the delay in seconds of each periodic callback."""

    def __init__(self, clock: Clock) -> None:
        self.lags_s: list[float] = []
        self._clock = clock
        self._due_mono_s = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Measure every few milliseconds until `stop`."""
        self._due_mono_s = self._clock.mono_s() + _LOOK_S
        self._timer = asyncio.get_running_loop().call_later(_LOOK_S, self._look)

    def stop(self) -> None:
        """Stop measuring."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        self.lags_s.append(max(0.0, self._clock.mono_s() - self._due_mono_s))
        self.start()
