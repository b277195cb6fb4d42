"""The banner and its commands, as a person at a terminal sees them."""

import os
import pty
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import ROOT, TIMEOUT_S, environment
from tests.fakes.openai_server import Mode, run_fake_openai

pytestmark = pytest.mark.e2e


@pytest.fixture
def at_terminal(tmp_path):
    """Start the program at a terminal; returns what is printed up to `until`, by default the banner's last line."""
    processes, ends = [], []

    def start(*arguments, command=(sys.executable, "-m", "omi_actors", "serve"), until=" doctor", **variables):
        ours, its = pty.openpty()
        ends.append(ours)
        processes.append(
            subprocess.Popen(  # noqa: S603 (our own program)
                [*command, *arguments],
                cwd=tmp_path,
                env=environment(tmp_path, **variables),
                stdin=subprocess.DEVNULL,
                stdout=its,
                stderr=its,
            )
        )
        os.close(its)
        seen = b""
        while until.encode() not in seen:
            seen += os.read(ours, 4096)
        return seen.decode().replace("\r\n", "\n")

    yield start
    for process in processes:
        process.terminate()
        process.wait(TIMEOUT_S)
    for end in ends:
        os.close(end)


def test_first_start_shows_the_banner_and_nothing_else(at_terminal, tmp_path):
    seen = at_terminal("--port", "0")

    assert seen.startswith("Omi Actors ")  # no log line before it
    assert "DEMO, repeats the question; set OPENAI_API_KEY for real answers" in seen
    assert f"SQLite in {tmp_path / 'data'}" in seen
    assert "no .env" in seen
    token = re.search(r"WEBHOOK_TOKEN=(\S+)", (tmp_path / "data" / "secrets.env").read_text())
    assert token is not None
    assert f"/omi-webhook?token={token[1]} " in seen
    assert "ADMIN_TOKEN" not in seen


def test_addresses_and_the_command_of_the_banner_work(at_terminal, tmp_path):
    seen = at_terminal("--port", "0")
    urls = re.findall(r"^  (?:Dashboard|Health|Metrics) +(\S+)", seen, re.MULTILINE)
    (link,) = re.findall(r"^  Open first +(\S+)", seen, re.MULTILINE)
    command = re.search(r"Try it +(curl .*)", seen)
    assert command is not None
    assert len(urls) == 3

    browser = ("curl", "-sf", "-c", str(tmp_path / "cookies"), "-b", str(tmp_path / "cookies"))
    run(*browser, link)
    for url in urls:
        assert run(*browser, url)
    streamed = run(*shlex.split(command[1]))
    assert streamed.index("event: delta") < streamed.index("event: done")
    assert "[demo] You asked: How far is the moon?" in streamed


def test_line_after_the_banner_names_a_wrong_key(at_terminal):
    with run_fake_openai(Mode.UNAUTHORIZED) as fake:
        given = {"OPENAI_API_KEY": "sk-tell-nobody", "OPENAI_BASE_URL": fake.url}
        seen = at_terminal("--port", "0", until=" and restart\r\n", **given)

    after = seen.partition(" doctor\n")[2]
    assert after.splitlines()[-1].startswith("  ! Model: invalid api key: set OPENAI_API_KEY to a key that is valid")
    assert "sk-tell-nobody" not in seen


@pytest.fixture
def checkout(tmp_path):
    """A checkout in which everything is installed: its environment is that of the tests."""
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    for name in ("setup.cfg", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    described = b"".join((tmp_path / name).read_bytes() for name in ("setup.cfg", "pyproject.toml"))
    stamp = subprocess.run(["/usr/bin/cksum"], input=described, capture_output=True, check=True).stdout
    (tmp_path / ".venv" / "installed-base").write_bytes(stamp)
    return tmp_path


def test_scripts_start_prints_the_banner_alone_and_the_doctor_that_it_names_runs(at_terminal, checkout):
    seen = at_terminal("--port", "0", command=("scripts/start",))
    named = re.search(r"Something odd\? (.*) doctor", seen)

    assert seen.startswith("Omi Actors ")
    assert named is not None
    assert named[1] == ".venv/bin/omi-actors"
    said = subprocess.run(  # noqa: S603 (printed by us)
        [named[1], "doctor"],
        cwd=checkout,
        env=environment(checkout),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert "problems: " in said.stdout
    assert said.stderr == ""


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=True).stdout  # noqa: S603 (printed by us)
