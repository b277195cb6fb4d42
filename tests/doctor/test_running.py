"""The doctor beside a running server: it knows that server's address, process and settings, and is told no secret."""

import json
import os
import signal
import subprocess
import sys

import pytest

from config.settings import load_with_origins
from omi_actors.doctor import examine
from omi_actors.doctor.finding import State
from omi_actors.doctor.running import find_running, recorded
from scripts.lab.replay.server_process import find_free_port
from tests.e2e.conftest import ROOT, environment, ready_line

SECRETS = {
    "ADMIN_TOKEN": "canary-of-the-operator",
    "OPENAI_API_KEY": "sk-canary",
    "OMI_SIGNING_SECRETS": "whsec_canary",
    "OPENAI_BASE_URL": "http://127.0.0.1:9/v1?api-key=canary",
}


HUGE = '{"pid": 1, "host": "localhost", "port": 99999999999, "given": {}, "secrets": []}'


@pytest.fixture
def server(tmp_path):
    """A server that has its settings from variables of its own process. SIGTERM ends it."""
    variables = {"PORT": str(find_free_port()), "LOG_LEVEL": "info", "OPENAI_API_KEY": "sk-canary", "WAKE_NAMES": "Ada"}
    with subprocess.Popen(
        [sys.executable, "-m", "omi_actors", "serve"],
        cwd=tmp_path,
        env=environment(tmp_path, **variables),
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        yield process, variables, ready_line(process)
        process.kill()


def run_doctor(folder, *arguments):
    command = [sys.executable, "-m", "omi_actors", "doctor", *arguments]
    done = subprocess.run(  # noqa: S603 (our own program)
        command, cwd=folder, env=environment(folder), capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr
    return done


def test_doctor_finds_the_server_of_other_variables_and_leaves_it_alone(server, tmp_path):
    process, variables, ready = server

    done = run_doctor(tmp_path, "--json")

    found = json.loads(done.stdout)
    said = [finding["said"] for finding in found]
    assert [finding for finding in found if finding["state"] == "problem"] == []
    assert f"Omi Actors is already serving on {ready['url']}" in said
    assert any(f"process {process.pid}" in text and "already running" in text for text in said)
    assert any(f"PORT={variables['PORT']}" in text and "WAKE_NAMES=Ada" in text for text in said)
    assert any("running server has OPENAI_API_KEY" in text for text in said)
    assert not any("demo model" in text for text in said)  # that server has a key
    assert "canary" not in done.stdout

    process.send_signal(signal.SIGTERM)
    process.wait(timeout=20)
    assert not list((tmp_path / "data").glob("server-*"))


def test_file_of_a_server_that_was_killed_is_no_running_server(server, tmp_path):
    process, _, _ = server
    process.kill()
    process.wait()
    assert list((tmp_path / "data").glob("server-*"))

    done = run_doctor(tmp_path)

    assert "already" not in done.stdout
    assert done.returncode == 0


def loaded(folder, **variables):
    return load_with_origins(overrides={"DATA_DIR": str(folder), **variables}, environment={})


def test_file_holds_no_secret_and_is_its_owners(tmp_path):
    with recorded(loaded(tmp_path, PORT="4100", **SECRETS), 4100):
        (file,) = tmp_path.iterdir()
        text = file.read_text()

        assert "canary" not in text
        assert all(name in text for name in SECRETS)
        assert json.loads(text)["given"] == {"DATA_DIR": str(tmp_path), "PORT": "4100"}
        assert file.stat().st_mode & 0o777 == 0o600

    assert list(tmp_path.iterdir()) == []


def test_file_of_a_later_server_stays(tmp_path):
    with recorded(loaded(tmp_path), 4100):
        (file,) = tmp_path.iterdir()
        file.write_text(file.read_text().replace(str(os.getpid()), "1"))

    assert file.exists()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"pid": "x"}', '{"pid": 1, "host": 2, "port": "p"}', HUGE, "\udc80"]
)
def test_file_that_is_none_of_ours_is_no_running_server(tmp_path, text):
    (tmp_path / "server-local.json").write_bytes(text.encode(errors="surrogateescape"))

    assert find_running(loaded(tmp_path).settings) is None


@pytest.mark.parametrize(
    "check",
    ["check_python", "check_packages", "check_room", "check_port", "check_redis", "check_tokens", "check_loaded"],
)
def test_check_that_fails_itself_is_a_line_of_the_report(patient, monkeypatch, check):
    def fail(*_arguments):
        yield from ()
        raise PermissionError(13, "Permission denied", "canary")

    monkeypatch.setattr(examine, check, fail)

    (problem,) = patient.findings(State.PROBLEM)

    assert problem.said.startswith("this check could not be made: PermissionError Permission denied (test_running.py")
    assert "canary" not in problem.said


def test_report_is_printed_on_a_terminal_without_its_signs(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "omi_actors", "doctor"],
        cwd=tmp_path,
        env={**environment(tmp_path), "PYTHONIOENCODING": "latin-1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert "echo OPENAI_API_KEY=sk-?" in done.stdout


def test_broken_package_is_one_sentence_and_no_traceback(tmp_path):
    (tmp_path / "pony.py").write_text("raise ImportError('it is broken')\n")
    done = subprocess.run(
        [sys.executable, "-m", "omi_actors", "doctor"],
        cwd=tmp_path,
        env={**environment(tmp_path), "PYTHONPATH": f"{tmp_path}:{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert done.stderr.startswith("omi-actors: a package is missing or broken: it is broken. Run scripts/setup")
    assert len(done.stderr.splitlines()) == 1
