"""Load of the rows about people: webhooks at a rate or as fast as possible, calls of persons, polling phones.

Calls and phones send at their time even if the server is slow; a latency counts from that time.
Not here: the store (people_store.py), the measurement (people.py). Threads: a process of its own; it prints one JSON
line: python -m scripts.lab.bench.people_load '{"port": …}'
"""

import asyncio
import itertools
import os
import random
import sys
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from omi_actors.clock import Clock, SystemClock
from scripts.lab.bench.load import UIDS, build_requests
from scripts.lab.bench.machine import read_cpu_s
from scripts.lab.bench.people_store import Person, StorePlan, Words
from scripts.lab.replay.report import percentile

# Kinds of calls and their addresses; each kind's take turns.
CALLS: Mapping[str, Sequence[str]] = {
    "list": (
        "/memories",
        "/conversations",
        "/conversations/{talk}/messages",
        "/memories?offset=0",
        "/conversations?offset=0",
    ),
    "search": ("/memories?search={word}", "/memories?search={word}&offset=0"),
    "recall": ("/conversations/search?q=what+did+we+say+about+{word}+and+the+{word}+of+{word}",),
    "stats": ("/stats",),
}
# The addresses that the app polls, and their periods in seconds: 34 requests a minute.
POLLS: Mapping[str, float] = {"/conversations/current": 3.0, "/conversations/{talk}/messages": 5.0, "/windows": 30.0}
KINDS = ("webhook", *CALLS)
_TICK_S = 0.002
_CALLERS = 16


class Load(msgspec.Struct, kw_only=True, frozen=True):
    """One slice of load on the server at `port` with the process `pid`.

    Webhooks come from `connections` connections: each after the last reply, or `webhooks_per_s` together.
    """

    port: int
    pid: int
    seconds: float
    warm_up_s: float = 1.0
    run: str = ""
    token: str = ""
    connections: int = 0
    webhooks_per_s: float = 0.0
    is_linked: bool = False
    calls_per_s: float = 0.0
    phones: int = 0
    plan: StorePlan = StorePlan()


class Loaded(msgspec.Struct, frozen=True):
    """A measured slice: latencies in seconds by kind. `refused`: replies other than 200, and dropped webhooks.

    The load's own part: `load_cpu_s` of its process, and `late_s`, the lateness of the phones' requests. A lateness
    counts into the latency, so that it can only make the server look worse.
    """

    refused: int
    cpu_s: float
    wall_s: float
    seconds: dict[str, list[float]]
    load_cpu_s: float = 0.0
    late_s: list[float] = []

    @property
    def webhooks_per_s(self) -> float:
        """Return the acknowledged webhooks a second."""
        return len(self.seconds["webhook"]) / self.wall_s


class _Wire(asyncio.Protocol):
    """One connection; it sends each request after the reply to the one before."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[bytes, Callable[[bool], None]]] = deque()
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 (asyncio's promise for TCP)
        self._transport = transport

    def connection_lost(self, _exc: Exception | None) -> None:
        self._transport = None
        while self._waiting:
            self._waiting.popleft()[1](False)  # noqa: FBT003 (its only argument)

    def send(self, request: bytes, done: Callable[[bool], None]) -> None:
        """Send a request; `done` gets True for a good reply."""
        if self._transport is None:
            done(False)  # noqa: FBT003 (its only argument)
            return
        self._waiting.append((request, done))
        if len(self._waiting) == 1:
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if not separator or len(body) < int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0]):
            return
        self._received = b""
        if not self._waiting:
            self.close()  # a refusal of the connection
            return
        _request, done = self._waiting.popleft()
        if self._waiting and self._transport is not None:
            self._transport.write(self._waiting[0][0])
        done(head.startswith(b"HTTP/1.1 200") and b"X-Omi-Actors-Dropped" not in head)

    def close(self) -> None:
        """Close the connection; replies that are missing do not count."""
        self._waiting.clear()
        if self._transport is not None:
            self._transport.abort()


class _Meter:
    """Counts replies by kind, with the seconds from their due time, while it is on."""

    def __init__(self, clock: Clock) -> None:
        self.seconds: defaultdict[str, list[float]] = defaultdict(list)
        self.late_s: list[float] = []
        self.refused = 0
        self.is_on = False
        self._clock = clock

    def expect(self, kind: str, due_mono_s: float) -> Callable[[bool], None]:
        """Return the function that takes the reply to a request."""

        def note(is_good: bool) -> None:  # noqa: FBT001 (the only argument)
            if self.is_on and is_good:
                self.seconds[kind].append(self._clock.mono_s() - due_mono_s)
            elif self.is_on:
                self.refused += 1

        return note


async def run_load(load: Load, clock: Clock) -> Loaded:
    """Load the server, and return what was measured after the warm-up."""
    meter, wires, persons = _Meter(clock), await _connect(load), load.plan.persons
    webhooks, callers, phones = wires
    works = _send_webhooks(load, webhooks, meter, clock), _call(load, callers, persons, meter, clock)
    tasks = [asyncio.create_task(work) for work in works]
    rng = random.Random(3)  # noqa: S311 (phases of phones)
    for number, phone in enumerate(phones):
        _poll(phone, persons[number % len(persons)], rng, meter, clock)
    await asyncio.sleep(load.warm_up_s)
    meter.is_on = True
    before, began, own_before = read_cpu_s(load.pid), clock.mono_s(), read_cpu_s(os.getpid())
    await asyncio.sleep(load.seconds)
    meter.is_on = False
    cpu_s, wall_s = read_cpu_s(load.pid) - before, clock.mono_s() - began
    own_s = read_cpu_s(os.getpid()) - own_before
    for task in tasks:
        task.cancel()
    for wire in itertools.chain(*wires):
        wire.close()
    seconds = dict(meter.seconds)
    return Loaded(
        refused=meter.refused, cpu_s=cpu_s, wall_s=wall_s, seconds=seconds, load_cpu_s=own_s, late_s=meter.late_s
    )


def summarise(seconds: Sequence[float]) -> dict[str, float]:
    """Return milliseconds of latencies in seconds."""
    p50_s, p99_s = percentile(seconds, 50), percentile(seconds, 99)
    return {"p50_ms": round(p50_s * 1000, 1), "p99_ms": round(p99_s * 1000, 1), "max_ms": round(max(seconds) * 1000, 1)}


async def _connect(load: Load) -> tuple[list[_Wire], list[_Wire], list[_Wire]]:
    """Open the connections of webhooks, of calls and of phones."""
    loop = asyncio.get_running_loop()

    async def open_one() -> _Wire:
        return (await loop.create_connection(_Wire, "127.0.0.1", load.port))[1]

    callers = _CALLERS if load.calls_per_s else 0
    return (
        [await open_one() for _ in range(load.connections)],
        [await open_one() for _ in range(callers)],
        [await open_one() for _ in range(load.phones)],
    )


async def _send_webhooks(load: Load, wires: Sequence[_Wire], meter: _Meter, clock: Clock) -> None:
    """Send webhooks: at their rate, or without one each after the last reply."""
    if not wires:
        return
    requests = build_requests(load.run, load.token, _linked_uids(load) if load.is_linked else UIDS)
    if not load.webhooks_per_s:
        for wire in wires:
            _send_on(wire, requests, meter, clock)
        return
    began, sent, turns = clock.mono_s(), 0, itertools.cycle(wires)
    while True:
        due = int((clock.mono_s() - began) * load.webhooks_per_s)
        for number in range(sent, due):
            next(turns).send(next(requests), meter.expect("webhook", began + number / load.webhooks_per_s))
        sent = due
        await asyncio.sleep(_TICK_S)


def _send_on(wire: _Wire, requests: Iterator[bytes], meter: _Meter, clock: Clock) -> None:
    note = meter.expect("webhook", clock.mono_s())

    def done(is_good: bool) -> None:  # noqa: FBT001 (the only argument)
        note(is_good)
        if is_good:  # else the slice has failed
            _send_on(wire, requests, meter, clock)

    wire.send(next(requests), done)


def _linked_uids(load: Load) -> list[str]:
    return [person.uid for person in load.plan.persons if 0 < person.number <= load.plan.linked]


async def _call(load: Load, wires: Sequence[_Wire], persons: Sequence[Person], meter: _Meter, clock: Clock) -> None:
    """Send the calls of persons, in turns of each kind, and every second one of the large person."""
    if not wires:
        return
    words, turns = Words(), itertools.cycle(wires)
    began = clock.mono_s()
    for number in itertools.count():
        due_mono_s = began + number / load.calls_per_s
        await asyncio.sleep(due_mono_s - clock.mono_s())
        kind = list(CALLS)[number % len(CALLS)]
        paths = CALLS[kind]
        path = paths[number // len(CALLS) // 2 % len(paths)]
        is_large = number // len(CALLS) % 2 == 0
        person = persons[0] if is_large else words.rng.choice(persons[1:])
        while "{word}" in path:
            path = path.replace("{word}", words.word(), 1)
        next(turns).send(_get(path, person), meter.expect(kind, due_mono_s))


def _poll(wire: _Wire, person: Person, rng: random.Random, meter: _Meter, clock: Clock) -> None:
    """Poll all addresses as the app does, each at its own pace from a random moment on."""
    loop = asyncio.get_running_loop()

    def send(request: bytes, period_s: float, due_mono_s: float) -> None:
        now_mono_s = clock.mono_s()
        if meter.is_on:
            meter.late_s.append(now_mono_s - due_mono_s)
        wire.send(request, meter.expect("phone", due_mono_s))
        loop.call_later(due_mono_s + period_s - now_mono_s, send, request, period_s, due_mono_s + period_s)

    for path, period_s in POLLS.items():
        first_s = rng.random() * period_s
        loop.call_later(first_s, send, _get(path, person), period_s, clock.mono_s() + first_s)


def _get(path: str, person: Person) -> bytes:
    path = path.replace("{talk}", person.talk_id(person.talks - 1))
    return (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {person.token}\r\n"
        "Accept: application/json\r\nAccept-Encoding: gzip\r\nConnection: keep-alive\r\nUser-Agent: bench\r\n\r\n"
    ).encode()


def main() -> None:
    """Measure one slice and print it."""
    load = msgspec.json.decode(sys.argv[1], type=Load)
    print(msgspec.json.encode(asyncio.run(run_load(load, SystemClock()))).decode())


if __name__ == "__main__":
    main()
