"""The program as a process: how it starts, what it refuses, how it ends."""

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e
TIMEOUT_S = 30
ROOT = Path(__file__).parents[2]


@pytest.fixture
def serve(tmp_path):
    """Start `omi-actors serve` in a folder of its own; `serve(*arguments, **variables)` returns the process."""
    processes = []

    def start(*arguments, **variables):
        process = subprocess.Popen(  # noqa: S603 (our own program)
            [sys.executable, "-m", "omi_actors", "serve", *arguments],
            cwd=tmp_path,
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "DATA_DIR": str(tmp_path / "data"), **variables},
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
        said = json.loads(line)
        if said["event"] == "server_ready":
            return said
    raise AssertionError("it ended before it was ready")


def refusal(process):
    """Return exit code and sentence of a process that must not start."""
    _, said = process.communicate(timeout=TIMEOUT_S)
    return process.returncode, said


def test_program_says_where_it_listens_and_stops_with_0_when_told(serve):
    process = serve("--port", "0")

    port = ready_line(process)["port"]
    socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S).close()
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=TIMEOUT_S)

    assert process.returncode == 0
    assert [json.loads(line)["event"] for line in said.splitlines()][-1] == "stopped"


def test_address_in_use_is_one_sentence_with_the_way_out(serve):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, said = refusal(serve(PORT=str(taken.getsockname()[1])))

    assert code == 2
    assert "--port" in said
    assert "Traceback" not in said


def test_impossible_setting_is_one_sentence_that_names_it(serve):
    code, said = refusal(serve(PORT="eighty"))

    assert code == 2
    assert "PORT" in said
    assert "Traceback" not in said


def test_production_without_its_secrets_is_refused_and_told_how_to_make_them(serve):
    code, said = refusal(serve(APP_ENV="production"))

    assert code == 2
    assert "ADMIN_TOKEN" in said
    assert "WEBHOOK_TOKEN" in said


def test_second_process_on_the_same_data_is_refused_with_a_sentence(serve):
    ready_line(serve("--port", "0"))

    code, said = refusal(serve("--port", "0"))

    assert code == 2
    assert "in use by another" in said
    assert "Traceback" not in said


def test_secrets_made_on_first_start_are_kept_private_and_used_again(serve, tmp_path):
    first = serve("--port", "0")
    ready_line(first)
    made = (tmp_path / "data" / "secrets.env").read_text()
    first.send_signal(signal.SIGTERM)
    first.communicate(timeout=TIMEOUT_S)

    ready_line(serve("--port", "0"))

    assert (tmp_path / "data" / "secrets.env").read_text() == made
    assert (tmp_path / "data" / "secrets.env").stat().st_mode & 0o777 == 0o600


def test_what_ends_the_process_is_a_fatal_line(serve):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        _, said = refusal(serve(PORT=str(taken.getsockname()[1]), LOG_LEVEL="fatal"))

    line = json.loads(said.splitlines()[0])
    assert (line["level"], line["event"], line["error"]) == ("fatal", "start_failed", "OSError")


def test_log_level_of_error_silences_what_is_well(serve):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = serve(PORT=str(port), LOG_LEVEL="error")
    while not answers(port):
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=TIMEOUT_S)

    assert (process.returncode, said) == (0, "")


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S).close()
    except ConnectionRefusedError:
        return False
    return True


def test_log_file_holds_what_standard_error_got_until_the_last_line(serve, tmp_path):
    process = serve("--port", "0", ENABLE_FILE_LOGGING="true", LOG_DIR="my-logs")
    first = ready_line(process)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=TIMEOUT_S)

    lines = [json.loads(line) for line in (tmp_path / "my-logs" / "omi-actors.log").read_text().splitlines()]
    assert lines[lines.index(first) :] == [first, *map(json.loads, said.splitlines())]
    assert lines[-1]["event"] == "stopped"


def test_without_file_logging_there_is_no_file(serve, tmp_path):
    ready_line(serve("--port", "0", LOG_DIR="my-logs"))

    assert not (tmp_path / "my-logs").exists()


def test_log_folder_that_cannot_be_made_is_one_sentence(serve, tmp_path):
    (tmp_path / "taken").write_text("")

    code, said = refusal(serve("--port", "0", ENABLE_FILE_LOGGING="true", LOG_DIR="taken"))

    assert code == 2
    assert "LOG_DIR" in said
    assert "Traceback" not in said
