"""The commands of the documents, pasted into a shell beside a running server; twice, as people do."""

import os
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from omi_actors.clock import SystemClock
from scripts.lab.replay.server_process import ServerProcess, find_free_port

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture
async def server(tmp_path):
    """A development server in a folder of its own, where it makes its secrets, as `scripts/start` does."""
    settings = {"PYTHONPATH": str(ROOT), "ENABLE_FILE_LOGGING": "true"}
    command = [sys.executable, "-m", "omi_actors", "serve"]
    process = ServerProcess(
        command, settings=settings, port=find_free_port(), log_file=tmp_path / "stderr", clock=SystemClock()
    )
    await process.start()
    yield process
    process.kill()


@pytest.fixture
def paste(server, tmp_path):
    """Run lines in a shell as a person would, against the server; stops at the first that fails."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "omi-actors"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m omi_actors "$@"\n')
    program.chmod(0o755)

    def run(lines):
        lines = lines.replace("localhost:3000", f"localhost:{server.port}").replace("/var/backups", str(tmp_path))
        path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
        return subprocess.run(  # noqa: S603 (our own documents)
            ["/bin/bash", "-euo", "pipefail", "-c", lines],
            cwd=tmp_path,
            env={"PATH": path, "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def blocks(name):
    return BLOCK.findall((ROOT / name).read_text())


def test_first_minute_of_the_readme_is_as_it_says_and_again(paste):
    chat, ask, read = [block for block in blocks("README.md") if "curl" in block]

    first, second = paste(ask), paste(ask)
    page, again = paste(read), paste(read)
    typed, repeated = paste(chat), paste(chat)

    assert first.stdout.startswith('{"message":"[demo] You asked: how far is the moon?')
    assert second.stdout == "{}"
    assert page.stdout == again.stdout
    assert page.stdout.count("Hey Omi, how far is the moon?") == 1
    assert typed.stdout.startswith('{"response":"[demo] You asked: How far is the moon?')
    assert typed.stdout.count("event: delta") > 5
    assert "event: done" in typed.stdout
    conversations = re.findall(r'"conversationId":"([^"]+)"', typed.stdout)
    assert len(conversations) == 2
    assert len(set(conversations)) == 1, "the second question continues the first"
    assert repeated.stdout.count('"duplicate":true') == 2
    assert {run.returncode for run in (first, second, page, again, typed, repeated)} == {0}


def test_spaces_are_switched_as_their_page_says(paste):
    paste(next(block for block in blocks("README.md") if "omi-webhook" in block))
    (switch,) = blocks("docs/spaces.md")

    for run in (paste(switch), paste(switch)):
        assert run.returncode == 0, run.stderr
        assert '"currentSpace":"memories"' in run.stdout
        assert '"initialized":true' in run.stdout


def test_first_command_of_troubleshooting_shows_the_operators_page(paste):
    look = next(block for block in blocks("docs/troubleshooting.md") if "curl" in block)

    for run in (paste(look), paste(look)):
        assert run.returncode == 0, run.stderr
        assert '"uptime":' in run.stdout


def test_search_for_a_request_finds_its_lines(paste):
    search = next(block for block in blocks("docs/troubleshooting.md") if "grep" in block)
    (example,) = re.findall(r"grep (\w+)", search)
    paste(f"curl -s -H 'X-Request-Id: {example}' http://localhost:3000/livez")

    # A thread of its own writes the file: the line may come a moment after the reply.
    found = next(run for run in iter(partial(paste, search), None) if run.returncode == 0)
    assert f'"request_id": "{example}"' in found.stdout


async def test_backup_page_makes_a_copy_and_brings_it_back(paste, server, tmp_path):
    make, restore = [block for block in blocks("docs/backup.md") if "omi-actors" in block]

    made, again = paste(make), paste(make)
    await server.stop()
    restored = paste(restore)

    assert (made.returncode, again.returncode, restored.returncode) == (0, 2, 0), (made, again, restored)
    assert "there already" in again.stderr
    assert (tmp_path / "data" / "omi.sqlite3").exists()
