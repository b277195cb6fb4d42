"""The program as a process: how it starts, what it refuses, how it ends."""

import asyncio
import itertools
import json
import re
import signal
import socket
import sys
import threading
from datetime import datetime

import pytest

from omi_actors.cli.program import listen_to_signals
from omi_actors.doctor.port import next_port
from tests.e2e.conftest import ROOT, TIMEOUT_S, ready_line, refusal

CANARY = "tell-nobody"
pytestmark = pytest.mark.e2e


def test_program_logs_its_address_and_stops_with_0_on_a_signal(serve):
    process = serve("--port", "0")

    port = ready_line(process)["port"]
    socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S).close()
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=TIMEOUT_S)

    assert process.returncode == 0
    assert [json.loads(line)["event"] for line in said.splitlines()][-1] == "stopped"


def tables_with(process, part):
    """Ask for tables until they have the text; return them. A server that still prints some does not print others."""
    shown, has_them = "", threading.Event()

    def ask():
        while not has_them.wait(0.05):
            process.send_signal(signal.SIGUSR1)

    threading.Thread(target=ask).start()
    lines = iter(process.stdout.readline, "")
    while part not in shown:
        first = "".join(itertools.takewhile(lambda line: "ACTIVE REQUESTS" not in line, lines))
        shown = first + "".join(itertools.takewhile(lambda line: not line.startswith("└"), lines))
    has_them.set()
    return shown


def test_sigusr1_prints_the_console_tables_and_so_does_the_end(serve):
    process = serve("--port", "0", OPENAI_API_KEY="k", OPENAI_BASE_URL="http://127.0.0.1:9/v1")
    port = ready_line(process)["port"]

    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S) as asking:
        body = b'{"message": "How far is the moon?"}'
        asking.sendall(b"POST /chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        shown = tables_with(process, "/chat")
    assert re.search(r"│ \w{8}   │ POST   │ /chat │ [\d.]+ms", shown)
    process.send_signal(signal.SIGTERM)
    said, logged = process.communicate(timeout=TIMEOUT_S)

    assert process.returncode == 0
    assert "\nSYSTEM METRICS DASHBOARD\n" in said
    assert all(line.startswith("{") for line in logged.splitlines())


def test_server_without_metrics_ends_without_tables(serve):
    process = serve("--port", "0", ENABLE_METRICS="false")
    ready_line(process)

    process.send_signal(signal.SIGTERM)

    assert process.communicate(timeout=TIMEOUT_S)[0] == ""


def test_console_tables_are_printed_every_minute_at_level_debug(serve, tmp_path):
    hurry = "from omi_actors.cli import console_tables\nconsole_tables._EVERY_S = 0.05\n"
    (tmp_path / "sitecustomize.py").write_text(hurry)

    process = serve("--port", "0", LOG_LEVEL="debug", PYTHONPATH=f"{tmp_path}:{ROOT}")

    said = iter(process.stdout.readline, "")
    assert [line for line in itertools.islice(said, 200) if "DASHBOARD" in line][2:]


def test_address_in_use_is_one_sentence_with_the_way_out(serve):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, said = refusal(serve(PORT=str(port)))

    assert code == 2
    way_out = f"stop that one, or choose another: --port {next_port(port)}"
    assert said.splitlines()[-1] == f"omi-actors: port {port} is used by another program; {way_out}"


def test_proxy_of_an_unknown_kind_is_one_sentence_with_the_way_out(serve):
    code, said = refusal(serve("--port", "0", OPENAI_API_KEY="k", all_proxy="socks://tell-nobody:1/", no_proxy=""))

    assert code == 2
    sentence = said.splitlines()[-1]
    assert sentence.startswith("omi-actors: all_proxy in the environment names a proxy of the kind socks://")
    assert "tell-nobody" not in said


def test_address_of_another_machine_is_one_sentence_with_the_way_out(serve):
    code, said = refusal(serve("--port", "0", HOST="192.0.2.7"))

    assert code == 2
    sentence = said.splitlines()[-1]
    assert sentence.startswith("omi-actors: HOST=192.0.2.7 is no address of this machine; set 127.0.0.1")


def test_database_that_is_not_there_is_one_sentence_and_a_restart_may_help(serve):
    code, said = refusal(serve("--port", "0", DATABASE_URL="postgres://omi:tell-nobody@127.0.0.1:9/omi"))

    assert code == 69
    sentence = said.splitlines()[-1]
    assert sentence.startswith("omi-actors: DATABASE_URL: the store is unavailable: connection to server at")
    assert sentence.endswith("`python -m omi_actors doctor` looks closer.")
    assert len(said.splitlines()) == 1
    assert "tell-nobody" not in said


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DATABASE_URL", "mysql://omi:tell-nobody@h/omi"),
        ("DATABASE_URL", "jdbc:postgresql://h/omi?password=tell-nobody"),
        ("DATABASE_URL", "postgres://h/omi?tell-nobody=1"),
        ("REDIS_URL", "redis://h?db=tell-nobody"),
    ],
)
def test_odd_address_is_one_sentence_and_exit_code_2(serve, variable, value):
    code, said = refusal(serve("--port", "0", **{variable: value}))

    assert code == 2
    assert said.startswith(f"omi-actors: {variable} ")
    assert len(said.splitlines()) == 1
    assert "tell-nobody" not in said


def test_actor_that_fails_at_start_ends_the_program_with_70(serve, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "from omi_actors.actors.maintenance.node_lease import NodeLease\nNodeLease.__init__ = lambda self: 1 / 0\n"
    )

    code, said = refusal(serve("--port", "0", PYTHONPATH=f"{tmp_path}:{ROOT}"))

    assert code == 70
    sentence = said.splitlines()[-1]
    assert sentence.startswith("omi-actors: node_lease could not start: TypeError; ")


def test_driver_that_is_not_installed_is_one_sentence_before_anything_starts(serve, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['psycopg2'] = None")  # as if it were not there

    code, said = refusal(
        serve("--port", "0", DATABASE_URL="postgres://omi@127.0.0.1:9/omi", PYTHONPATH=f"{tmp_path}:{ROOT}")
    )

    assert code == 2
    assert said == (
        "omi-actors: DATABASE_URL names a PostgreSQL server, and its driver is not installed: "
        f"{sys.executable} -m pip install psycopg2-binary\n"
    )


def test_misspelt_name_in_the_env_file_is_one_sentence_with_the_right_one(serve, tmp_path):
    (tmp_path / ".env").write_text("OPENAI_API_KY=tell-nobody\n")

    code, said = refusal(serve("--port", "0"))

    assert code == 2
    assert "do you mean OPENAI_API_KEY?" in said
    assert "tell-nobody" not in said


def test_env_file_that_is_named_must_be_there(serve):
    code, said = refusal(serve("--env-file", "nowhere.env"))

    assert code == 2
    assert said.startswith("omi-actors: --env-file: there is no file nowhere.env")
    assert len(said.splitlines()) == 1


def test_variables_without_effect_are_in_the_log(serve):
    process = serve("--port", "0", QUEUE_PROCESSING_INTERVAL="50", WEBHOK_TOKEN=CANARY)

    said = [json.loads(process.stderr.readline()) for _ in range(3)]

    assert [line["event"] for line in said] == ["setting_without_effect", "setting_without_effect", "server_ready"]
    assert "WEBHOK_TOKEN in the environment is not a setting; do you mean WEBHOOK_TOKEN?" in said[0]["note"]
    assert said[1]["note"].startswith("QUEUE_PROCESSING_INTERVAL has no effect")
    assert CANARY not in str(said)


def test_ready_line_has_the_facts_and_no_secret(serve, tmp_path):
    (tmp_path / ".env").write_text("OPENAI_MODEL=gpt-5-mini\n")

    said = ready_line(serve("--port", "0"))

    made = (tmp_path / "data" / "secrets.env").read_text()
    assert said["env_file"] == str(tmp_path / ".env")
    assert (said["database"], said["demo"], said["variables_set"]) == ("sqlite", True, 2)
    assert not [line for line in made.splitlines() if line.partition("=")[2] in str(said)]


def test_log_level_is_the_lowest_level_logged(serve):
    process = serve("--port", "0", LOG_LEVEL="debug")

    events = [json.loads(process.stderr.readline())["event"] for _ in range(2)]

    assert events == ["node_registered", "server_ready"]  # the first is debug: nothing was taken back


@pytest.mark.parametrize(("is_wanted", "loop"), [("true", "uvloop"), ("false", "asyncio")])
def test_event_loop_is_that_of_uvloop_unless_switched_off(is_wanted, loop, serve):
    assert ready_line(serve("--port", "0", ENABLE_UVLOOP=is_wanted))["event_loop"] == loop


HALF_A_WEBHOOK = (
    b"POST /omi-webhook?uid=ada HTTP/1.1\r\nHost: localhost\r\nContent-Length: 15\r\nExpect: 100-continue\r\n\r\n"
)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_stop_counts_what_it_waits_for_and_waits_for_it(number, serve):
    process = serve("--port", "0")
    with socket.create_connection(("127.0.0.1", ready_line(process)["port"]), timeout=TIMEOUT_S) as half_sent:
        half_sent.sendall(HALF_A_WEBHOOK)
        assert half_sent.recv(100)  # it is under way
        process.send_signal(number)
        stopping = json.loads(process.stderr.readline())
        if number == signal.SIGHUP:
            process.send_signal(number)  # a terminal may send it twice
        half_sent.sendall(b'{"segments":[]}')
        reply = half_sent.recv(1000)
    process.communicate(timeout=TIMEOUT_S)

    assert (stopping["event"], stopping["requests"], stopping["answers"]) == ("stopping", 1, 0)
    assert reply.startswith(b"HTTP/1.1 200 OK")
    assert process.returncode == 0


def test_second_signal_stops_at_once_and_says_what_it_drops(serve, tmp_path):
    process = serve("--port", "0", ENABLE_FILE_LOGGING="true", LOG_DIR="my-logs")
    with socket.create_connection(("127.0.0.1", ready_line(process)["port"]), timeout=TIMEOUT_S) as half_sent:
        half_sent.sendall(HALF_A_WEBHOOK)
        assert half_sent.recv(100)  # it is under way
        process.send_signal(signal.SIGINT)
        assert json.loads(process.stderr.readline())["event"] == "stopping"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=TIMEOUT_S)

    assert process.returncode == 130
    (dropped,) = map(json.loads, said.splitlines())
    assert (dropped["event"], dropped["requests"], dropped["answers"]) == ("stopped_at_once", 1, 0)
    assert json.loads((tmp_path / "my-logs" / "omi-actors.log").read_text().splitlines()[-1]) == dropped


async def test_ignored_hang_up_stays_ignored():
    earlier = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        listen_to_signals(print, print)

        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, earlier)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().remove_signal_handler(number)


def test_request_in_flight_is_cut_after_the_grace(serve):
    process = serve("--port", "0", SHUTDOWN_GRACE_MS="0")
    port = ready_line(process)["port"]

    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S) as half_sent:
        half_sent.sendall(HALF_A_WEBHOOK)
        assert half_sent.recv(100)  # it is under way
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=TIMEOUT_S)

    began, ended = (json.loads(line) for line in said.splitlines()[-2:])
    assert ended["requests_finished"] is False
    waited = datetime.fromisoformat(ended["timestamp"]) - datetime.fromisoformat(began["timestamp"])
    assert waited.total_seconds() < 5  # the default grace is 10


def test_impossible_setting_is_one_sentence_that_names_it(serve):
    code, said = refusal(serve(PORT="eighty"))

    assert code == 2
    assert "PORT" in said
    assert "Traceback" not in said


def test_production_without_its_secrets_is_refused_with_the_way_to_make_them(serve):
    code, said = refusal(serve(APP_ENV="production"))

    assert code == 2
    assert "ADMIN_TOKEN" in said
    assert "WEBHOOK_TOKEN" in said


def test_second_process_on_the_same_data_is_refused_with_a_sentence(serve):
    ready_line(serve("--port", "0"))

    code, said = refusal(serve("--port", "0"))

    assert code == 2
    assert "in use by another" in said
    assert len(said.splitlines()) == 1


def test_secrets_made_on_first_start_are_kept_private_and_used_again(serve, tmp_path):
    first = serve("--port", "0")
    ready_line(first)
    made = (tmp_path / "data" / "secrets.env").read_text()
    first.send_signal(signal.SIGTERM)
    first.communicate(timeout=TIMEOUT_S)

    ready_line(serve("--port", "0"))

    assert (tmp_path / "data" / "secrets.env").read_text() == made
    assert (tmp_path / "data" / "secrets.env").stat().st_mode & 0o777 == 0o600


def test_error_that_ends_the_process_is_a_fatal_line_of_the_log_file(serve, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        limits = {"LOG_LEVEL": "fatal", "ENABLE_FILE_LOGGING": "true", "LOG_DIR": "my-logs"}
        refusal(serve(PORT=str(taken.getsockname()[1]), **limits))

    line = json.loads((tmp_path / "my-logs" / "omi-actors.log").read_text())
    assert (line["level"], line["event"], line["error"]) == ("fatal", "start_failed", "SettingsError")


def test_log_level_of_error_silences_lines_below_it(serve):
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


def test_log_file_holds_the_lines_of_standard_error_to_the_last(serve, tmp_path):
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


def test_log_files_are_as_large_and_as_many_as_set(serve, tmp_path):
    limits = {"LOG_MAX_FILE_SIZE": "4kb", "LOG_MAX_FILES": "2"}
    process = serve("--port", "0", ENABLE_FILE_LOGGING="true", LOG_DIR="my-logs", **limits)
    port = ready_line(process)["port"]
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S) as connection:
        for _ in range(60):  # a line of 150 bytes each
            connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            connection.recv(4096)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=TIMEOUT_S)

    files = sorted((tmp_path / "my-logs").iterdir())
    assert [file.name for file in files] == ["omi-actors.log", "omi-actors.log.1"]
    assert all(file.stat().st_size <= 4096 for file in files)


def test_log_folder_that_cannot_be_made_is_one_sentence(serve, tmp_path):
    (tmp_path / "taken").write_text("")

    code, said = refusal(serve("--port", "0", ENABLE_FILE_LOGGING="true", LOG_DIR="taken"))

    assert code == 2
    assert "LOG_DIR" in said
    assert "Traceback" not in said
