"""The short form of scripts/demo: everything on the operator's page moves, the person has a past, nothing is left."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from omi_actors.clock import SystemClock
from scripts.lab.demo.story import MEMORIES
from scripts.lab.demo.world import describe, start_world
from tests.e2e.conftest import ROOT

pytestmark = pytest.mark.e2e
TIMEOUT_S = 60


async def fetch(world, path):
    reply = await world.http.request("GET", path, headers=world.target.operator_headers)
    assert reply.status == 200, reply
    return json.loads(reply.body)


async def everything_moves(world, running):
    """Wait until each of the demo's faults shows on the operator's page; return the page's data."""
    async with asyncio.timeout(TIMEOUT_S):
        while not running.done():
            data, metrics = await fetch(world, "/metrics-dashboard/data.json"), await metrics_of(world)
            if all(f"\n{line}" in metrics for line in SIGNS) and data["errors"]:
                return data
            await asyncio.sleep(0.1)
    raise AssertionError(running.exception())


async def metrics_of(world):
    return (await world.http.request("GET", "/metrics", headers=world.target.operator_headers)).body.decode()


# Each fault, and the person's day, as a sample of /metrics.
SIGNS = (
    'omi_actor_crashes_total{kind="session"} ',
    'omi_job_attempts_total{kind="answer",outcome="buried"} ',
    'omi_webhooks_unauthorized_total{reply="told"} ',
    'omi_webhooks_refused_total{reason="malformed_json"} ',
    'omi_webhooks_total{kind="realtime_transcript",outcome="accepted"} ',
)


async def test_demo_moves_everything_and_its_person_has_a_past(tmp_path, monkeypatch):
    monkeypatch.setattr("scripts.lab.demo.world._SLOW_S", 0.2)
    monkeypatch.setattr("scripts.lab.demo.world._PIECE_S", 0.02)
    async with start_world(tmp_path, SystemClock(), days=(1,), wearables=2, pause_s=0.1) as world:
        running = asyncio.create_task(world.run())
        data = await everything_moves(world, running)
        person = world.person
        talks = await person.read("/conversations?limit=10")
        memories = await person.read("/memories?limit=10")
        days = [day["count"] for day in (await person.read("/stats"))["dailyStats"]]
        shown = await describe(world)
        world.server.send_signal(signal.SIGKILL)
        with pytest.raises(ExceptionGroup) as failed:
            await asyncio.wait_for(running, TIMEOUT_S)

    assert any("PlantedError" in group["type"] for group in data["errors"])
    assert len(talks["items"]) >= 2
    assert {one["text"] for one in memories["items"]} >= set(MEMORIES)
    assert days[-2] >= 2
    assert f"{world.url}/operator?key=" in shown
    assert "the server has ended with -9" in str(failed.value.exceptions)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_demo_ends_by_a_signal_and_leaves_nothing(number, tmp_path):
    (tmp_path / "tmp").mkdir()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "scripts.lab.demo", "--wearables", "1"),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path / "tmp")},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    await process.stderr.readline()  # it begins: a server may be starting
    process.send_signal(number)
    async with asyncio.timeout(TIMEOUT_S):
        _, said = await process.communicate()

    assert process.returncode == 0
    assert said.decode().splitlines()[-1] == "The demo has ended."
    assert list((tmp_path / "tmp").iterdir()) == []
    assert servers_in(tmp_path) == []


def servers_in(folder):
    """Return the processes that run in a folder."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cwd"):
        with contextlib.suppress(OSError):
            if place.readlink().is_relative_to(folder):
                found.append(place)
    return found
