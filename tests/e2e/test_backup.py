"""`omi-actors backup` beside a running server, then `restore`: the transcript is as it was."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from omi_actors.clock import SystemClock
from omi_actors.store.engine import Engine, StoreConfig
from omi_actors.store.transaction import NodeIdentity
from scripts.lab.replay.http import HttpClient
from scripts.lab.replay.server_process import ServerProcess, find_free_port

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
ADMIN = {"Authorization": "Bearer admin-token-of-the-tests-alone"}


@pytest.fixture
async def server(tmp_path):
    settings = {
        "DATA_DIR": str(tmp_path / "data"),
        "ADMIN_TOKEN": "admin-token-of-the-tests-alone",
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "omi_actors", "serve"]
    process = ServerProcess(
        command, settings=settings, port=find_free_port(), log_file=tmp_path / "log", clock=SystemClock()
    )
    yield process
    process.kill()


@pytest.fixture
def run(tmp_path):
    def run_command(*arguments, **variables):
        return subprocess.run(  # noqa: S603 (our own program)
            [sys.executable, "-m", "omi_actors", *arguments],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "DATA_DIR": str(tmp_path / "data"), **variables},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run_command


async def say(server, text, number):
    spoken = {"id": str(number), "text": text, "is_user": True, "start": float(number), "end": number + 0.5}
    async with HttpClient("127.0.0.1", server.port) as http:
        body = json.dumps({"session_id": "ada", "segments": [spoken]}).encode()
        reply = await http.request("POST", "/omi-webhook?uid=ada", body=body)
    assert reply.status == 200


async def heard(server):
    async with HttpClient("127.0.0.1", server.port) as http:
        reply = await http.request("GET", "/transcript/ada", headers=ADMIN)
    return [piece["text"] for piece in json.loads(reply.body)["transcripts"]]


async def test_transcript_in_a_backup_of_a_running_server_is_restored(server, run, tmp_path):
    await server.start()
    await say(server, "kept", 1)
    made = run("backup", "copy.sqlite3", "--with-secrets")
    await say(server, "later", 2)
    refused = run("restore", "copy.sqlite3")
    assert await heard(server) == ["kept", "later"]
    await server.stop()
    secrets = (tmp_path / "data" / "secrets.env").read_text()
    (tmp_path / "data" / "secrets.env").write_text("spoilt")

    restored = run("restore", "copy.sqlite3", "--with-secrets")
    await server.start()

    assert (made.returncode, refused.returncode, restored.returncode) == (0, 2, 0), (made, refused, restored)
    assert "in use by another" in refused.stderr
    assert await heard(server) == ["kept"]
    assert (tmp_path / "data" / "secrets.env").read_text() == secrets
    assert (tmp_path / "copy.sqlite3.secrets.env").stat().st_mode & 0o777 == 0o600
    await server.stop()


@pytest.mark.parametrize(("command", "tool"), [("backup", "pg_dump"), ("restore", "pg_restore")])
def test_postgres_is_left_to_its_own_tool_and_nothing_is_done(command, tool, run, tmp_path):
    done = run(command, "copy", DATABASE_URL="postgres://omi:password@db/omi")

    assert done.returncode == 2
    assert tool in done.stderr
    assert "Nothing was done" in done.stderr
    assert "password@" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_file_that_the_address_names_is_copied_and_restored(run, tmp_path):
    file = tmp_path / "mine.db"
    engine = Engine(StoreConfig(url=f"sqlite:///{file}", data_dir=tmp_path), NodeIdentity("none", 1))
    engine.open()
    engine.close()

    made = run("backup", "copy", DATABASE_URL="file:./mine.db")
    file.unlink()
    restored = run("restore", "copy", DATABASE_URL="sqlite://mine.db")

    assert (made.returncode, restored.returncode) == (0, 0), (made, restored)
    assert file.exists()


def test_backup_without_a_store_is_one_sentence(run):
    done = run("backup", "copy")

    assert done.returncode == 2
    assert "no database" in done.stderr
    assert "Traceback" not in done.stderr


def test_secrets_that_were_never_copied_are_not_restored(run, tmp_path):
    done = run("restore", "copy", "--with-secrets")

    assert done.returncode == 2
    assert "without secrets" in done.stderr
    assert list(tmp_path.iterdir()) == []
