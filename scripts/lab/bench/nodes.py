"""Row: nodes on one PostgreSQL and one Redis, to which all wearers come at every node, against wearers of their own.

Slices of both kinds alternate, so that each pair gives one ratio. Two of each round are as fast as the nodes answer:
they give the ratio of throughput. Two have the same open rate, half of that: they give the ratio of CPU time, and the
latencies. At full speed the groups of commits differ, since a webhook on its way between nodes waits in none.
Not here: the load (nodes_load.py). Threads: one event loop.
"""

import re
import statistics
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from omi_actors.clock import Clock
from omi_actors.ids import new_request_id
from scripts.lab.bench.machine import run_module
from scripts.lab.bench.nodes_load import NodesPlan, NodesSlice
from scripts.lab.replay.http import HttpClient, Target
from scripts.lab.replay.postgres_server import DURABLE, PostgresServer
from scripts.lab.replay.redis_server import running_redis
from scripts.lab.replay.server_process import ServerProcess, build_server

# Seconds for the load's own start and warm-up.
_LOAD_MARGIN_S = 30.0
_COUNTERS = {
    "conflicts": "omi_store_conflicts_total",
    "forwarded": 'omi_forwards_total{outcome="forwarded"}',
    "taken_over": 'omi_forwards_total{outcome="taken_over"}',
    "retakes": "omi_session_retakes_total",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SprayPlan:
    """Size of the measurement: for each number of nodes `rounds` rounds of four slices of `slice_s` seconds."""

    nodes: Sequence[int] = (2, 3)
    rounds: int = 5
    slice_s: float = 6.0
    connections: int = 256


@dataclass(frozen=True, slots=True)
class _Stage:
    """Running nodes, and the ids of all processes by group."""

    nodes: Sequence[tuple[ServerProcess, Target]]
    processes: dict[str, list[int]]


async def measure_nodes(plan: SprayPlan, *, work_dir: Path, clock: Clock) -> Mapping[str, object]:
    """Measure each number of nodes; return the row's figures by that number."""
    figures = {}
    for count in plan.nodes:
        folder = work_dir / str(count)
        folder.mkdir()
        figures[str(count)] = await _measure_count(plan, count, folder, clock)
    return {"nodes": figures, "slice_s": plan.slice_s, "connections": plan.connections}


async def _measure_count(plan: SprayPlan, count: int, folder: Path, clock: Clock) -> Mapping[str, object]:
    with _running_postgres() as database, running_redis() as redis:
        nodes = [_build_node(number, folder, clock, database.admin_url, redis.url) for number in range(count)]
        try:
            for server, _ in nodes:
                await server.start()
            processes = {"nodes": [server.pid for server, _ in nodes], "redis": [redis.pid]}
            rounds = []
            for _ in range(plan.rounds):
                processes["postgres"] = database.list_processes()
                rounds.append(await _measure_round(plan, _Stage(nodes, processes)))
            counters = [await _read_counters(to) for _, to in nodes]
        finally:
            for server, _ in nodes:
                server.kill()
    totals = {name: sum(one[name] for one in counters) for name in _COUNTERS}
    return {**_summarise(rounds), **totals}


def _build_node(
    number: int, folder: Path, clock: Clock, database_url: str, redis_url: str
) -> tuple[ServerProcess, Target]:
    name = f"node-{number + 1}"
    work_dir = folder / name
    work_dir.mkdir()
    given = {"NODE_NAME": name, "REDIS_URL": redis_url, "WEBHOOK_TOKEN": _TOKEN}
    return build_server(work_dir, clock=clock, database_url=database_url, extra=given)


# All nodes take the same token.
_TOKEN = "token-of-the-bench"  # noqa: S105 (of servers that live for a minute)


@contextmanager
def _running_postgres() -> Iterator[PostgresServer]:
    """Run a server of its own with the defaults of an installation, so that its CPU time is that of the nodes."""
    server = PostgresServer(DURABLE)
    try:
        server.start()
        yield server
    finally:
        server.discard()


class _Round(NamedTuple):
    """The slices of one round: at full speed, and at half of it."""

    own: NodesSlice
    sprayed: NodesSlice
    own_half: NodesSlice
    half: NodesSlice


async def _measure_round(plan: SprayPlan, stage: _Stage) -> _Round:
    own = await _run_load(plan, stage, is_sprayed=False)
    sprayed = await _run_load(plan, stage, is_sprayed=True)
    rate = sprayed.requests / sprayed.wall_s / 2
    own_half = await _run_load(plan, stage, is_sprayed=False, rate=rate)
    return _Round(own, sprayed, own_half, await _run_load(plan, stage, is_sprayed=True, rate=rate))


async def _run_load(plan: SprayPlan, stage: _Stage, *, is_sprayed: bool, rate: float = 0.0) -> NodesSlice:
    given = NodesPlan(
        ports=[server.port for server, _ in stage.nodes],
        names=[f"node-{number + 1}" for number in range(len(stage.nodes))],
        processes=stage.processes,
        is_sprayed=is_sprayed,
        seconds=plan.slice_s,
        rate=rate,
        connections=plan.connections,
        run=new_request_id(),
        token=_TOKEN,
    )
    within_s = plan.slice_s + _LOAD_MARGIN_S
    printed = await run_module("scripts.lab.bench.nodes_load", msgspec.json.encode(given).decode(), within_s=within_s)
    return msgspec.json.decode(printed, type=NodesSlice)


async def _read_counters(target: Target) -> Mapping[str, float]:
    async with HttpClient(target.host, target.port) as http:
        text = (await http.request("GET", "/metrics", headers=target.operator_headers)).body.decode()
    found = {}
    for name, line in _COUNTERS.items():
        match = re.search(rf"^{re.escape(line)} (\S+)$", text, re.MULTILINE)
        found[name] = float(match[1]) if match else 0.0
    return found


def _summarise(rounds: Sequence[_Round]) -> dict[str, object]:
    """Return medians over the rounds."""
    speeds = [one.sprayed.requests / one.sprayed.wall_s / (one.own.requests / one.own.wall_s) for one in rounds]
    costs = [_cost_us(one.half) / _cost_us(one.own_half) for one in rounds]
    full = [_cost_us(one.sprayed) / _cost_us(one.own) for one in rounds]
    return {
        "throughput_ratio": round(statistics.median(speeds), 3),
        "cpu_ratio": round(statistics.median(costs), 3),
        "cpu_ratio_at_full_speed": round(statistics.median(full), 3),
        "p99_ms": round(statistics.median(one.half.p99_ms for one in rounds), 1),
        "p50_ms": round(statistics.median(one.half.p50_ms for one in rounds), 1),
        "refused": sum(one.refused for found in rounds for one in found),
        **{name: _describe([getattr(one, name) for one in rounds]) for name in _Round._fields},
    }


def _describe(slices: Sequence[NodesSlice]) -> dict[str, float]:
    groups = {
        f"{group}_us_per_webhook": round(statistics.median(one.cpu_s[group] / one.requests * 1e6 for one in slices))
        for group in slices[0].cpu_s
    }
    return {"webhooks_per_s": round(statistics.median(one.requests / one.wall_s for one in slices)), **groups}


def _cost_us(one: NodesSlice) -> float:
    """Return the CPU time of all processes per webhook."""
    return sum(one.cpu_s.values()) / one.requests * 1e6


def show_nodes(found: Mapping[str, Any]) -> str:
    """Return the figures in a line."""
    return "; ".join(
        f"{count} nodes: throughput {one['throughput_ratio']}, CPU {one['cpu_ratio']}, p99 {one['p99_ms']} ms,"
        f" {one['conflicts']:.0f} deadlocks"
        for count, one in found["nodes"].items()
    )


def are_nodes_fast(found: Mapping[str, Any]) -> bool:
    """Return True if the figures reach the row's target."""
    return all(
        one["throughput_ratio"] >= 0.85  # noqa: PLR2004 (the target)
        and one["cpu_ratio"] <= 1.2  # noqa: PLR2004
        and one["p99_ms"] <= 100  # noqa: PLR2004
        and not one["conflicts"]
        and not one["refused"]
        for one in found["nodes"].values()
    )
