"""Row: cost of a durable webhook without a question, against a Tornado handler that only parses it.

Both servers share one core; the load generator has the other. Measured slices alternate; each pair gives one ratio.
Not here: the two servers (yardstick.py, the program itself), the load (load.py). Threads: one event loop.
"""

import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from omi_actors.clock import Clock
from omi_actors.ids import new_request_id
from scripts.lab.bench.load import Slice
from scripts.lab.bench.machine import pin, run_module
from scripts.lab.replay.http import HttpClient, Target
from scripts.lab.replay.server_process import ServerProcess, build_server, find_free_port

SERVER_CORE, _LOAD_CORE = 0, 1
# Seconds for the load's own start and warm-up.
_LOAD_MARGIN_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ThroughputPlan:
    """Size of the measurement: `pairs` slices of each server, `slice_s` seconds each."""

    pairs: int = 10
    slice_s: float = 3.0
    connections: int = 32


class _Health(msgspec.Struct):
    settings: dict[str, str]


class LoadFailedError(RuntimeError):
    """The server refused webhooks, or calls."""


async def measure_throughput(plan: ThroughputPlan, *, work_dir: Path, clock: Clock) -> dict[str, object]:
    """Measure all pairs and return the row's figures and the server's settings.

    `ratio` is the bare server's cost divided by ours: at 1.0 our server costs as much as bare Tornado.
    """
    ours, target = build_server(work_dir, clock=clock)
    bare = ServerProcess(
        (sys.executable, "-m", "scripts.lab.bench.yardstick"),
        settings={},
        port=find_free_port(),
        log_file=work_dir / "yardstick.log",
        clock=clock,
    )
    try:
        await ours.start()
        await bare.start()
        settings = await read_settings(target)
        is_pinned = pin(ours.pid, SERVER_CORE) and pin(bare.pid, SERVER_CORE)
        pairs = [await _measure_pair(plan, ours, bare, target) for _ in range(plan.pairs)]
    finally:
        ours.kill()
        bare.kill()
    return {
        **summarise_pairs(pairs),
        "connections": plan.connections,
        "slice_s": plan.slice_s,
        "pinned": is_pinned,
        "settings": settings,
    }


async def read_settings(target: Target) -> dict[str, str]:
    """Return the settings of the running server."""
    async with HttpClient(target.host, target.port) as http:
        response = await http.request("GET", "/health", headers=target.operator_headers)
    return msgspec.json.decode(response.body, type=_Health).settings


def summarise_pairs(pairs: list[tuple[Slice, Slice]]) -> Mapping[str, object]:
    """Return the figures of pairs of slices (our server, bare server)."""
    ratios = [bare.cpu_us_per_request / ours.cpu_us_per_request for ours, bare in pairs]
    return {
        "ratio": round(statistics.median(ratios), 3),
        "ratio_min": round(min(ratios), 3),
        "ratio_max": round(max(ratios), 3),
        "pairs": len(pairs),
        **find_medians(pairs, "bare"),
        "requests": sum(ours.requests for ours, _ in pairs),
    }


def find_medians(pairs: Sequence[tuple[Slice, Slice]], second: str) -> dict[str, float]:
    """Return the medians of CPU and of speed over pairs of slices; those of the second have its name before theirs."""
    firsts, seconds = zip(*pairs, strict=True)
    return {
        "cpu_us_per_request": round(statistics.median(one.cpu_us_per_request for one in firsts), 1),
        f"{second}_cpu_us_per_request": round(statistics.median(one.cpu_us_per_request for one in seconds), 1),
        "requests_per_s": round(statistics.median(one.requests / one.wall_s for one in firsts)),
        f"{second}_requests_per_s": round(statistics.median(one.requests / one.wall_s for one in seconds)),
    }


async def _measure_pair(
    plan: ThroughputPlan, ours: ServerProcess, bare: ServerProcess, target: Target
) -> tuple[Slice, Slice]:
    ours_slice = await run_load(plan, ours, target.token)
    # Both servers get the same bytes, so the yardstick gets the token, too.
    return ours_slice, await run_load(plan, bare, target.token)


async def run_load(plan: ThroughputPlan, server: ServerProcess, token: str) -> Slice:
    """Load a server for one slice, from the load's core. Every webhook must be acknowledged."""
    options = {
        "--port": server.port,
        "--pid": server.pid,
        "--seconds": plan.slice_s,
        "--run": new_request_id(),
        "--token": token,
        "--connections": plan.connections,
    }
    arguments = [f"{name}={value}" for name, value in options.items()]
    within_s = plan.slice_s + _LOAD_MARGIN_S
    printed = await run_module("scripts.lab.bench.load", *arguments, within_s=within_s, core=_LOAD_CORE)
    measured = msgspec.json.decode(printed, type=Slice)
    if measured.refused or not measured.requests:
        raise LoadFailedError(f"{measured.refused} of {measured.requests} webhooks were not acknowledged")
    return measured
