"""The program as a process, from this checkout, in a folder and an environment of its own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 30


def environment(folder, **variables):
    """Return what the program gets of the world. Without PYTHONPATH it might be another checkout's."""
    return {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "DATA_DIR": str(folder / "data"), **variables}


@pytest.fixture
def serve(tmp_path):
    """Start `omi-actors serve` in a folder of its own; `serve(*arguments, **variables)` returns the process."""
    processes = []

    def start(*arguments, **variables):
        process = subprocess.Popen(  # noqa: S603 (our own program)
            [sys.executable, "-m", "omi_actors", "serve", *arguments],
            cwd=tmp_path,
            env=environment(tmp_path, **variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def ready_line(process):
    """Return the line that says where it listens."""
    for line in process.stderr:
        if not line.startswith("{"):
            continue  # a sentence of the reloader's
        said = json.loads(line)
        if said["event"] == "server_ready":
            return said
    raise AssertionError("it ended before it was ready")


def refusal(process):
    """Return exit code and sentence of a process that must not start."""
    _, said = process.communicate(timeout=TIMEOUT_S)
    return process.returncode, said
