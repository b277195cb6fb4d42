"""Rows about people: their calls beside webhooks, phones that poll, webhooks of linked wearers, and an erasure.

The store has a million memories and a million messages. The server is a process of its own, and so is the load.
Not here: the store (people_store.py), the load (people_load.py). Threads: one event loop.
"""

import statistics
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from omi_actors.clock import Clock, SystemClock
from omi_actors.ids import new_request_id
from scripts.lab.bench.machine import run_module
from scripts.lab.bench.people_load import KINDS, Load, Loaded, summarise
from scripts.lab.bench.people_store import DATABASES, PASSWORD, FilledStore, StorePlan, open_filled
from scripts.lab.bench.throughput import LoadFailedError, read_settings
from scripts.lab.replay.http import HttpClient, Target
from scripts.lab.replay.server_process import ServerProcess, build_server

# Share of the webhooks' maximum that the server is loaded with.
_SHARE = 0.8
# Milliseconds: the target of a polling phone's p99.
MAX_PHONE_MS = 100.0
# Warm-ups of the first load of phones, which is not measured: a server that has just started reads its store from disk.
_FIRST_ASKS = 10
# Seconds for the load's own start, warm-up and connections.
_LOAD_MARGIN_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PeoplePlan:
    """Size of the rows: `pairs` slices with and without the calls; numbers of `phones`, the smallest first."""

    store: StorePlan = field(default_factory=StorePlan)
    pairs: int = 2
    slice_s: float = 12.0
    warm_up_s: float = 2.0
    connections: int = 32
    calls_per_s: float = 20.0
    phones: tuple[int, ...] = (1_000, 1_500, 2_000, 2_500, 3_000)
    databases: Sequence[str] = DATABASES
    # The filled stores; None: in the folder of each row.
    folder: Path | None = None


class _Side:
    """A running server on the filled store, and the loads on it."""

    def __init__(self, plan: PeoplePlan, store: FilledStore, server: ServerProcess, target: Target) -> None:
        self.plan = plan
        self.store = store
        self._server = server
        self.target = target

    async def load(self, **load: Any) -> Loaded:
        """Run one load and return what it measured.

        Raises:
            RowFailedError: it ended without a result. LoadFailedError: the server refused requests.
        """
        given = Load(
            port=self.target.port,
            pid=self._server.pid,
            run=new_request_id(),
            token=self.target.token,
            plan=self.plan.store,
            **{"seconds": self.plan.slice_s, "warm_up_s": self.plan.warm_up_s, **load},
        )
        printed = await run_module(
            "scripts.lab.bench.people_load",
            msgspec.json.encode(given).decode(),
            within_s=given.seconds + _LOAD_MARGIN_S,
        )
        loaded = msgspec.json.decode(printed, type=Loaded)
        if loaded.refused:
            raise LoadFailedError(f"{loaded.refused} requests were refused")
        return loaded


Measure = Callable[[_Side], Awaitable[Mapping[str, Any]]]


async def measure_on_all(measure: Measure, plan: PeoplePlan, *, work_dir: Path, clock: Clock) -> dict[str, Any]:
    """Measure on each database, and return the figures with its name before theirs."""
    figures: dict[str, Any] = {}
    for database in plan.databases:
        folder = work_dir / database
        folder.mkdir()
        async with _serve(database, plan, folder, clock) as side:
            figures |= {f"{database}_{name}": value for name, value in (await measure(side)).items()}
            figures["settings"] = await read_settings(side.target)
    return figures


@asynccontextmanager
async def _serve(database: str, plan: PeoplePlan, work_dir: Path, clock: Clock) -> AsyncIterator[_Side]:
    with open_filled(database, plan.store, (plan.folder or work_dir) / database, clock) as store:
        # All persons and phones are at one address here.
        extra = {"RATE_LIMIT_MAX_REQUESTS": "1000000000", "MAX_CONNECTIONS_PER_ADDRESS": "10000"}
        extra["DATA_DIR"] = str(store.data_dir)
        server, target = build_server(work_dir, clock=clock, database_url=store.url, extra=extra)
        try:
            await server.start()
            yield _Side(plan, store, server, target)
            await server.stop()
        finally:
            server.kill()


async def measure_calls(side: _Side) -> Mapping[str, Any]:
    """Measure the calls of persons beside webhooks, and these with and without the calls."""
    plan = side.plan
    maximum = (await side.load(connections=plan.connections)).webhooks_per_s
    webhooks = {"connections": plan.connections, "webhooks_per_s": maximum * _SHARE}
    kept, slices = [], []
    for _ in range(plan.pairs):
        alone = await side.load(**webhooks)
        slices.append(await side.load(**webhooks, calls_per_s=plan.calls_per_s))
        kept.append(slices[-1].webhooks_per_s / alone.webhooks_per_s)
    return {
        "webhooks_max_per_s": round(maximum),
        "webhooks_per_s": round(maximum * _SHARE),
        "kept": round(min(kept), 3),
        "calls_of_a_kind": len(slices[0].seconds["stats"]) * len(slices),
        **_merge(slices),
    }


def _merge(slices: Sequence[Loaded]) -> dict[str, Any]:
    """Return the figures of each kind over all slices."""
    kinds = {kind: [one for part in slices for one in part.seconds.get(kind, ())] for kind in KINDS}
    found = {kind: seconds for kind, seconds in kinds.items() if seconds}
    return {f"{kind}_{name}": value for kind, seconds in found.items() for name, value in summarise(seconds).items()}


async def measure_phones(side: _Side) -> Mapping[str, Any]:
    """Find the largest number of polling phones with a p99 within the target."""
    figures: dict[str, Any] = {"phones": 0}
    await side.load(phones=side.plan.phones[-1], warm_up_s=_FIRST_ASKS * side.plan.warm_up_s, seconds=0.5)
    for phones in side.plan.phones:
        loaded = await side.load(phones=phones)
        found = summarise(loaded.seconds["phone"])
        figures[f"{phones}_phones_p99_ms"] = found["p99_ms"]
        if found["p99_ms"] > MAX_PHONE_MS:
            break
        figures |= {
            "phones": phones,
            "cpu_share": round(loaded.cpu_s / loaded.wall_s, 2),
            "cpu_ms_per_request": round(loaded.cpu_s * 1000 / len(loaded.seconds["phone"]), 2),
            "load_cpu_share": round(loaded.load_cpu_s / loaded.wall_s, 2),
            "load_late_p99_ms": summarise(loaded.late_s)["p99_ms"],
            **found,
        }
    return figures


async def measure_erasure(side: _Side) -> Mapping[str, Any]:
    """Delete the large account, and compare the webhooks meanwhile with those before. The store is filled anew then."""
    plan, person = side.plan, side.plan.store.persons[0]
    before = [(await side.load(connections=plan.connections)).webhooks_per_s for _ in range(plan.pairs)]
    side.store.spoil()
    clock = SystemClock()
    body = msgspec.json.encode({"current_password": PASSWORD})
    headers = {"Authorization": f"Bearer {person.token}", "Content-Type": "application/json"}
    async with HttpClient(side.target.host, side.target.port) as http:
        begun = await http.request("DELETE", "/account", headers=headers, body=body)
        began_mono_s, path, during = clock.mono_s(), msgspec.json.decode(begun.body)["statusPath"], []
        is_erasing = True
        while is_erasing:
            load = side.load(connections=plan.connections, seconds=plan.slice_s / 4, warm_up_s=0.2)
            during.append((await load).webhooks_per_s)
            is_erasing = msgspec.json.decode((await http.request("GET", path)).body)["status"] == "erasing"
    return {
        "ratio": round(statistics.mean(during) / statistics.median(before), 3),
        "webhooks_per_s_before": round(statistics.median(before)),
        "webhooks_per_s_during": round(statistics.mean(during)),
        "seconds_at_most": round(clock.mono_s() - began_mono_s),
    }


async def measure_wearers(side: _Side) -> Mapping[str, Any]:
    """Compare webhooks of linked wearers with those of unlinked ones, in turns."""
    pairs = []
    for _ in range(side.plan.pairs):
        linked, unlinked = [
            await side.load(connections=side.plan.connections, is_linked=is_linked) for is_linked in (True, False)
        ]
        pairs.append((linked.webhooks_per_s, unlinked.webhooks_per_s))
    return {
        "ratio": round(statistics.median(linked / unlinked for linked, unlinked in pairs), 3),
        "ratio_min": round(min(linked / unlinked for linked, unlinked in pairs), 3),
        "linked_per_s": round(statistics.median(linked for linked, _ in pairs)),
        "unlinked_per_s": round(statistics.median(unlinked for _, unlinked in pairs)),
    }
