"""Load: many keep-alive connections; each sends its next webhook after the last reply.

Not here: sending at a given rate and measuring latencies (replay/sender.py): this module only sends fast and counts.
Threads: a process of its own on the other core; it prints one JSON line:
python -m scripts.lab.bench.load --port P --pid SERVER --seconds S --run NAME [--token T] [--connections N]
"""

import argparse
import asyncio
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from urllib.parse import urlencode

import msgspec

from scripts.lab.bench.machine import read_cpu_s

UIDS = tuple(f"bench-user-{number}" for number in range(1000))
# Responses before the measurement, to fill connections, caches and sessions.
_WARM_UP_S = 0.5


class Slice(msgspec.Struct, frozen=True):
    """A measured slice: answered and refused requests, the server's CPU seconds, and wall seconds."""

    requests: int
    refused: int
    cpu_s: float
    wall_s: float

    @property
    def cpu_us_per_request(self) -> float:
        """Return the server's CPU time per request in microseconds."""
        return self.cpu_s / self.requests * 1e6


def build_requests(run: str, token: str, uids: Sequence[str] = UIDS) -> Iterator[bytes]:
    """Yield webhooks without end: of one user after another, each time with one new segment without a question."""
    for number in itertools.count(1):
        uid = uids[number % len(uids)]
        start_s = number / len(uids) * 3
        body = (
            f'{{"session_id":"{uid}","segments":[{{"id":"{run}-{number}","text":"we talked about the weather and the '
            f'garden today","speaker":"SPEAKER_00","speaker_id":0,"is_user":false,"person_id":null,'
            f'"start":{start_s:.1f},"end":{start_s + 3:.1f}}}]}}'
        ).encode()
        query = urlencode({"uid": uid, "token": token} if token else {"uid": uid})
        yield (
            f"POST /omi-webhook?{query} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode() + body


class _Caller(asyncio.Protocol):
    """One connection. Responses have a Content-Length and come one at a time."""

    def __init__(self, requests: Iterator[bytes], count: Callable[[bool], None]) -> None:
        self._requests = requests
        self._count = count
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 (asyncio's promise for TCP)
        self._transport = transport
        transport.write(next(self._requests))

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if not separator or len(body) < _content_length(head):
            return
        self._received = b""
        self._count(head.startswith(b"HTTP/1.1 200") and b"X-Omi-Actors-Dropped" not in head)
        if self._transport is not None:
            self._transport.write(next(self._requests))


def _content_length(head: bytes) -> int:
    return int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])


async def measure_slice(port: int, pid: int, *, seconds: float, run: str, token: str, connections: int) -> Slice:
    """Load the server for `seconds` and return the slice."""
    good = refused = 0

    def count(is_good: bool) -> None:  # noqa: FBT001 (the only argument)
        nonlocal good, refused
        good += is_good
        refused += not is_good

    loop = asyncio.get_running_loop()
    requests = build_requests(run, token)
    transports = [
        (await loop.create_connection(lambda: _Caller(requests, count), "127.0.0.1", port))[0]
        for _ in range(connections)
    ]
    await asyncio.sleep(min(_WARM_UP_S, seconds))
    before = (good + refused, refused, read_cpu_s(pid), time.monotonic())
    await asyncio.sleep(seconds)
    after = (good + refused, refused, read_cpu_s(pid), time.monotonic())
    for transport in transports:
        transport.abort()
    requests_, refused_, cpu_s, wall_s = (late - early for late, early in zip(after, before, strict=True))
    return Slice(int(requests_), int(refused_), cpu_s, wall_s)


def main() -> None:
    """Measure one slice and print it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--pid", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--run", required=True)
    parser.add_argument("--token", default="")
    parser.add_argument("--connections", type=int, default=32)
    measured = asyncio.run(measure_slice(**vars(parser.parse_args())))
    print(msgspec.json.encode(measured).decode())


if __name__ == "__main__":
    main()
