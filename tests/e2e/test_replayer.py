"""scripts/replay_webhooks as a person uses it, against a stand-in server."""

import asyncio
import json
import sys

import pytest
from click.testing import CliRunner

from omi_actors.clock import SystemClock
from scripts.lab.replay.__main__ import replay_webhooks
from scripts.lab.replay.recording import load_recording
from scripts.lab.replay.server_process import build_server
from tests.fakes import stand_in_server


@pytest.fixture
def serve(tmp_path):
    servers = []

    def serve(*faults):
        command = (sys.executable, stand_in_server.__file__, *faults)
        server, _ = build_server(tmp_path, clock=SystemClock(), command=command)
        servers.append(server)
        asyncio.run(server.start())
        return f"--url=http://127.0.0.1:{server.port}"

    yield serve
    for server in servers:
        server.kill()


def _run(*arguments):
    return CliRunner().invoke(replay_webhooks, [str(argument) for argument in arguments])


@pytest.mark.e2e
def test_replayer_sends_again_what_it_has_saved(serve, tmp_path):
    url = serve()

    first = _run(url, "--count=20", "--rate=1000", "--seed=3", "--save", tmp_path / "talk.jsonl")
    again = _run(url, tmp_path / "talk.jsonl", "--speed=2", "--json", tmp_path / "result.json")

    assert (first.exit_code, again.exit_code) == (0, 0), first.output + again.output
    assert len(load_recording(tmp_path / "talk.jsonl")) == 20
    assert json.loads((tmp_path / "result.json").read_bytes())["acknowledged"] == 20


@pytest.mark.e2e
@pytest.mark.parametrize(("faults", "exit_code"), [((), 0), (("lose",), 1)])
def test_replayer_says_whether_all_was_kept(serve, tmp_path, faults, exit_code):
    url = serve(*faults)

    done = _run(url, "--count=20", "--rate=1000", "--accept-log", tmp_path / "log", "--verify=0")

    assert done.exit_code == exit_code, done.output
    assert "lost" in done.output


@pytest.mark.e2e
def test_replayer_fails_when_nobody_acknowledges():
    assert _run("--url=http://127.0.0.1:1", "--count=1").exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--url=http://192.0.2.1:3000"], "--i-own-this-server"),
        (["--url=https://localhost"], "looks like"),
        (["--verify=1"], "--accept-log"),
    ],
)
def test_replayer_explains_what_it_refuses(arguments, reason):
    done = _run(*arguments)

    assert done.exit_code == 2
    assert reason in done.output
