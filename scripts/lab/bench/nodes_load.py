"""Load on several nodes: wearers of their own for each node, or all wearers at every node.

Not here: the nodes, and what the figures mean (nodes.py). Threads: a process of its own; it prints one JSON line.
"""

import argparse
import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import chain

import msgspec

from omi_actors.domain.sessions.keys import wearable_key
from omi_actors.domain.sessions.owner import Member, Ring
from scripts.lab.bench.load import UIDS, build_requests
from scripts.lab.bench.machine import read_cpu_s

# Seconds before the measurement, to load sessions and fill connections.
_WARM_UP_S = 1.0


class NodesPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A slice of load. `processes` are the ids whose CPU time is read, by group. `rate` 0: as fast as they answer."""

    ports: Sequence[int]
    names: Sequence[str]
    processes: dict[str, list[int]]
    is_sprayed: bool
    seconds: float
    rate: float = 0.0
    connections: int = 32
    run: str = ""
    token: str = ""


class NodesSlice(msgspec.Struct, frozen=True):
    """A measured slice: answered and refused webhooks, wall seconds, CPU seconds by group, latencies in ms."""

    requests: int
    refused: int
    wall_s: float
    cpu_s: dict[str, float]
    p50_ms: float
    p99_ms: float


class _Sender(asyncio.Protocol):
    """One connection, which sends one webhook at a time."""

    def __init__(self, load: "_Load", requests: Iterator[bytes]) -> None:
        self._load, self._requests = load, requests
        self._received = b""
        self._due_s = 0.0
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 (asyncio's promise for TCP)
        self.transport = transport

    def send(self, due_s: float) -> None:
        """Send the next webhook, which was due at `due_s`."""
        self._due_s = due_s
        if self.transport is not None:
            self.transport.write(next(self._requests))

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        length = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0]) if separator else 0
        if not separator or len(body) < length:
            return
        self._received = b""
        is_good = head.startswith(b"HTTP/1.1 200") and b"X-Omi-Actors-Dropped" not in head
        self._load.note(self, time.monotonic() - self._due_s, is_good=is_good)


class _Load:
    """All connections, and what they have measured."""

    def __init__(self, plan: NodesPlan) -> None:
        self._plan = plan
        self._ready: deque[_Sender] = deque()
        self._due: deque[float] = deque()
        self.refused = 0
        self.latencies_s: list[float] = []

    async def open(self) -> None:
        """Open all connections, which take the nodes in turns."""
        plan, loop = self._plan, asyncio.get_running_loop()
        sources = _build_sources(plan)
        for number in range(plan.connections):
            node = number % len(plan.ports)
            sender = _Sender(self, sources[node])
            await loop.create_connection(lambda own=sender: own, "127.0.0.1", plan.ports[node])  # type: ignore[misc]
            self._ready.append(sender)

    def note(self, sender: _Sender, latency_s: float, *, is_good: bool) -> None:
        """Take a reply, and send the next webhook if one is due."""
        self.latencies_s.append(latency_s)
        self.refused += not is_good
        if not self._plan.rate:
            sender.send(time.monotonic())
        elif self._due:
            sender.send(self._due.popleft())
        else:
            self._ready.append(sender)

    async def run(self, seconds: float) -> None:
        """Send for so long."""
        end_s = time.monotonic() + seconds
        if not self._plan.rate:
            while self._ready:
                self._ready.popleft().send(time.monotonic())
            await asyncio.sleep(seconds)
            return
        due_s = time.monotonic()
        while due_s < end_s:
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            if self._ready:
                self._ready.popleft().send(due_s)
            else:
                self._due.append(due_s)
            due_s += 1 / self._plan.rate


def _build_sources(plan: NodesPlan) -> list[Iterator[bytes]]:
    if plan.is_sprayed:
        shared = build_requests(plan.run, plan.token)
        return [shared] * len(plan.ports)
    ring = Ring(Member(name, name) for name in plan.names)
    owners = {uid: ring.find_owner(wearable_key(uid)) for uid in UIDS}
    return [
        build_requests(f"{plan.run}{name}", plan.token, [uid for uid, owner in owners.items() if owner.name == name])  # type: ignore[union-attr]
        for name in plan.names
    ]


async def measure(plan: NodesPlan) -> NodesSlice:
    """Load the nodes, and return the slice after the warm-up."""
    load = _Load(plan)
    await load.open()
    await load.run(min(_WARM_UP_S, plan.seconds))
    load.latencies_s.clear()
    load.refused = 0
    before, began_s = _read_cpu(plan), time.monotonic()
    await load.run(plan.seconds)
    wall_s = time.monotonic() - began_s
    latencies, refused, after = sorted(load.latencies_s), load.refused, _read_cpu(plan)
    return NodesSlice(
        requests=len(latencies),
        refused=refused,
        wall_s=wall_s,
        cpu_s={
            group: sum(after[pid] - before[pid] for pid in pids if pid in before and pid in after)
            for group, pids in plan.processes.items()
        },
        p50_ms=round(latencies[len(latencies) // 2] * 1e3, 2),
        p99_ms=round(latencies[len(latencies) * 99 // 100] * 1e3, 2),
    )


def _read_cpu(plan: NodesPlan) -> dict[int, float]:
    """Return the CPU time of each process, without those that have ended: PostgreSQL ends some of its own."""
    times = {}
    for pid in chain.from_iterable(plan.processes.values()):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            times[pid] = read_cpu_s(pid)
    return times


def main() -> None:
    """Measure one slice and print it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("plan")
    plan = msgspec.json.decode(parser.parse_args().plan, type=NodesPlan)
    print(msgspec.json.encode(asyncio.run(measure(plan))).decode())


if __name__ == "__main__":
    main()
