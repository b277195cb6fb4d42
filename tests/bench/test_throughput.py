import os
import sys
from pathlib import Path

import pytest

from omi_actors.clock import SystemClock
from scripts.lab.bench.load import Slice, measure_slice
from scripts.lab.bench.machine import read_cpu_s, read_resident_bytes
from scripts.lab.bench.throughput import ThroughputPlan, summarise_pairs
from scripts.lab.bench.versus import compare
from scripts.lab.replay.server_process import ServerProcess, find_free_port
from tests.fakes.raw_server import read_request, serve_raw


def _slice(cpu_s, *, requests=1000):
    return Slice(requests=requests, refused=0, cpu_s=cpu_s, wall_s=1.0)


def test_ratio_is_the_median_of_the_pairs():
    found = summarise_pairs([(_slice(0.2), _slice(0.1)), (_slice(0.1), _slice(0.1)), (_slice(0.125), _slice(0.1))])

    assert (found["ratio"], found["ratio_min"], found["ratio_max"], found["pairs"]) == (0.8, 0.5, 1.0, 3)
    assert (found["cpu_us_per_request"], found["bare_cpu_us_per_request"]) == (125.0, 100.0)


def test_ratio_compares_the_cost_of_one_request():
    found = summarise_pairs([(_slice(0.2, requests=2000), _slice(0.1, requests=500))])

    assert found["ratio"] == 2.0


@pytest.mark.e2e
async def test_checkout_costs_about_as_much_as_itself(tmp_path):
    plan = ThroughputPlan(pairs=1, slice_s=0.3, connections=4)

    found = await compare(plan, Path(__file__).parents[2], work_dir=tmp_path, clock=SystemClock())

    assert 0.2 < found["ratio"] < 5.0
    assert found["cpu_us_per_request"] > 0


def test_cpu_time_of_this_process_grows_as_it_works():
    before = read_cpu_s(os.getpid())
    while read_cpu_s(os.getpid()) - before < 0.02:
        sum(range(10_000))

    assert read_resident_bytes(os.getpid()) > 1_000_000


@pytest.mark.e2e
async def test_load_counts_what_the_yardstick_answers(tmp_path):
    bare = ServerProcess(
        (sys.executable, "-m", "scripts.lab.bench.yardstick"),
        settings={},
        port=find_free_port(),
        log_file=tmp_path / "log",
        clock=SystemClock(),
    )
    try:
        await bare.start()
        found = await measure_slice(bare.port, bare.pid, seconds=0.3, run="r", token="t", connections=4)  # noqa: S106
    finally:
        bare.kill()

    assert found.requests > 50
    assert found.refused == 0
    assert 0 < found.cpu_s <= found.wall_s * 2


@pytest.mark.parametrize(
    "response",
    [
        b"HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nX-Omi-Actors-Dropped: overload\r\nContent-Length: 2\r\n\r\n{}",
    ],
)
async def test_load_counts_what_was_refused(response):
    async def handler(reader, writer):
        while True:
            await read_request(reader)
            writer.write(response)

    async with serve_raw(handler) as target:
        found = await measure_slice(target.port, os.getpid(), seconds=0.05, run="r", token="", connections=1)

    assert found.refused == found.requests > 0
