"""Row: cost of a durable webhook while many dashboards are open, against its cost while none is.

Slices without and with open event streams alternate; each pair gives one growth.
Not here: the load (load.py, run by throughput.py). Threads: one event loop; it also reads the streams.
"""

import asyncio
import statistics
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from omi_actors.clock import Clock
from scripts.lab.bench.load import Slice
from scripts.lab.bench.machine import pin
from scripts.lab.bench.throughput import ThroughputPlan, find_medians, read_settings, run_load
from scripts.lab.replay.http import Target
from scripts.lab.replay.server_process import build_server

_SERVER_CORE = 0
_CHUNK_BYTES = 65_536
# Seconds in which each stream must have its first document.
_OPEN_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DashboardsPlan:
    """Size of the measurement: `pages` open dashboards, and the slices of load."""

    pages: int = 100
    load: ThroughputPlan = field(default_factory=lambda: ThroughputPlan(pairs=12))


class PagesFailedError(RuntimeError):
    """A stream did not open, or ended."""


async def measure_dashboards(plan: DashboardsPlan, *, work_dir: Path, clock: Clock) -> dict[str, object]:
    """Measure all pairs and return the row's figures and the server's settings.

    `growth` is the CPU time per webhook with open dashboards, over that without, minus 1.
    """
    server, target = build_server(work_dir, clock=clock, extra={"MAX_CONNECTIONS_PER_ADDRESS": "1000"})
    try:
        await server.start()
        settings = await read_settings(target)
        is_pinned = pin(server.pid, _SERVER_CORE)
        pairs, received = [], 0
        for number in range(plan.load.pairs):
            # Every second pair the other way round, so that what grows with time favours neither.
            without = await run_load(plan.load, server, target.token) if number % 2 == 0 else None
            async with open_pages(target, plan.pages) as pages:
                with_pages = await run_load(plan.load, server, target.token)
            received += sum(page.received for page in pages)
            pairs.append((without or await run_load(plan.load, server, target.token), with_pages))
    finally:
        server.kill()
    seconds = sum(with_pages.wall_s for _, with_pages in pairs)
    return {
        **summarise_growth(pairs),
        "pages": plan.pages,
        "kb_per_page_and_s": round(received / 1e3 / plan.pages / seconds, 1),
        "connections": plan.load.connections,
        "slice_s": plan.load.slice_s,
        "pinned": is_pinned,
        "settings": settings,
    }


def summarise_growth(pairs: Sequence[tuple[Slice, Slice]]) -> dict[str, object]:
    """Return the figures of pairs of slices (without, with open dashboards)."""
    growths = [with_pages.cpu_us_per_request / without.cpu_us_per_request - 1 for without, with_pages in pairs]
    return {
        "growth": round(statistics.median(growths), 4),
        "growth_min": round(min(growths), 4),
        "growth_max": round(max(growths), 4),
        "pairs": len(pairs),
        **find_medians(pairs, "with_pages"),
    }


class _Page:
    """An open event stream that is read and thrown away."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.received = 0

    async def read(self) -> None:
        """Read for ever."""
        while chunk := await self._reader.read(_CHUNK_BYTES):
            self.received += len(chunk)
        raise PagesFailedError("an event stream ended")

    async def close(self) -> None:
        """Leave."""
        self._writer.transport.abort()


@asynccontextmanager
async def open_pages(target: Target, count: int) -> AsyncIterator[list[_Page]]:
    """Hold `count` streams open, and read them."""
    pages = [await _open_page(target) for _ in range(count)]
    reading = [asyncio.create_task(page.read()) for page in pages]
    try:
        yield pages
        if any(one.done() for one in reading):
            raise PagesFailedError("an event stream ended during the measurement")
    finally:
        for one in reading:
            one.cancel()
        for page in pages:
            await page.close()


async def _open_page(target: Target) -> _Page:
    reader, writer = await asyncio.open_connection(target.host, target.port)
    lines = (
        "GET /metrics-dashboard/events HTTP/1.1",
        f"Host: {target.host}",
        f"Authorization: Bearer {target.admin_token}",
    )
    writer.write("\r\n".join([*lines, "", ""]).encode())
    async with asyncio.timeout(_OPEN_S):
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise PagesFailedError(head.partition(b"\r\n")[0].decode())
        await reader.readuntil(b"data: ")
    return _Page(reader, writer)
