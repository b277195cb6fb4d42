"""The development mode: a change of a program file or of .env brings a new server."""

import os
import shutil
import signal
import subprocess
import sys

import pytest

from config.settings import load_with_origins
from omi_actors.cli.reload import find_changed, mark_files
from omi_actors.cli.serve import with_short_grace
from tests.e2e.conftest import ROOT, TIMEOUT_S, environment, ready_line, refusal


def test_file_that_came_went_or_changed_is_found(tmp_path):
    stays, goes, changes, comes = (tmp_path / name for name in ("stays", "goes", "changes", "comes"))
    files = [stays, goes, changes, comes]
    for file in files[:3]:
        file.write_text("1")
    before = mark_files(files)

    goes.unlink()
    changes.write_text("22")
    comes.write_text("1")

    assert find_changed(before, mark_files(files)) == [changes, comes, goes]


@pytest.fixture
def reloading(tmp_path):
    """Start `serve --reload` from a copy of the program that may be changed."""
    for room in ("omi_actors", "web", "config"):
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    process = subprocess.Popen(
        [sys.executable, "-m", "omi_actors", "serve", "--reload", "--port", "0"],
        cwd=tmp_path,
        env=environment(tmp_path, PYTHONPATH=str(tmp_path)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    yield process
    process.terminate()  # it ends its server, which a kill would leave behind
    process.communicate(timeout=TIMEOUT_S)


@pytest.mark.e2e
def test_change_brings_a_new_server_and_a_broken_file_waits_for_its_mending(reloading, tmp_path):
    first = ready_line(reloading)
    # DATA_DIR; --port is none.
    assert first["variables_set"] == 1

    (tmp_path / ".env").write_text("OPENAI_MODEL=another\n")
    second = ready_line(reloading)
    assert second["pid"] != first["pid"]
    assert second["env_file"] == str(tmp_path / ".env")

    changed = tmp_path / "web" / "app.py"
    whole = changed.read_text()
    changed.write_text("this is no Python")
    assert any("SyntaxError" in line for line in reloading.stderr)
    changed.write_text(whole + "\n# mended\n")
    third = ready_line(reloading)

    with pytest.raises(ProcessLookupError):
        os.kill(second["pid"], 0)
    reloading.send_signal(signal.SIGTERM)
    reloading.communicate(timeout=TIMEOUT_S)
    assert reloading.returncode == 0
    with pytest.raises(ProcessLookupError):
        os.kill(third["pid"], 0)


@pytest.mark.parametrize(("given", "expected_ms"), [({}, 1_000), ({"SHUTDOWN_GRACE_MS": "7000"}, 7_000)])
def test_server_that_will_be_replaced_stops_quickly_unless_its_grace_is_set(tmp_path, given, expected_ms):
    env_file = tmp_path / ".env"
    env_file.write_text("".join(f"{name}={value}\n" for name, value in given.items()))
    before = load_with_origins(env_file, environment={})

    loaded = with_short_grace(before)

    assert loaded.settings.shutdown_grace_ms == expected_ms
    assert loaded.origins == before.origins


@pytest.mark.e2e
def test_production_does_not_reload(serve):
    token = "a-token-that-nobody-guesses"  # noqa: S105 (invented)
    process = serve("--reload", APP_ENV="production", ADMIN_TOKEN=token, WEBHOOK_TOKEN=token)

    code, said = refusal(process)

    assert (code, said) == (2, "omi-actors: --reload is for development. Leave it out, or unset APP_ENV.\n")
