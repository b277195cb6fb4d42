"""Planted troubles of the machine: the doctor finds each, and its fix works."""

import http.server
import socket
import threading

import pytest

from config.settings import load_settings
from omi_actors.clock import ManualClock
from omi_actors.doctor import installation
from omi_actors.doctor.finding import State
from omi_actors.doctor.installation import check_packages
from omi_actors.doctor.store import check_sqlite
from tests.fakes.openai_server import Mode, run_fake_openai

MIB = 1 << 20


def test_port_in_use(patient):
    with socket.create_server(("127.0.0.1", int(patient.variables["PORT"]))):
        problem = patient.problem()

    assert problem.said == f"port {patient.variables['PORT']} is used by another program"
    assert problem.fix.startswith("Stop that one, or choose another: --port ")
    assert patient.has_no_problem  # it was stopped


def test_address_of_another_machine(patient):
    patient.variables["HOST"] = "192.0.2.7"
    problem = patient.problem()

    patient.variables["HOST"] = "127.0.0.1"

    assert "no address of this machine" in problem.said
    assert "127.0.0.1" in problem.fix
    assert patient.has_no_problem


def test_data_folder_that_cannot_be_one(patient):
    (patient.folder / "data").write_text("a file")
    problem = patient.problem()

    (patient.folder / "data").rename(patient.folder / "away")

    assert "is no folder" in problem.said
    assert problem.fix.startswith("Move ")
    assert patient.has_no_problem


def test_log_folder_that_cannot_be_one(patient):
    (patient.folder / "logs").write_text("a file")
    patient.variables |= {"ENABLE_FILE_LOGGING": "true", "LOG_DIR": str(patient.folder / "logs")}
    problem = patient.problem()

    patient.variables["ENABLE_FILE_LOGGING"] = "false"

    assert "LOG_DIR" in problem.said
    assert problem.fix.startswith("Move ")
    assert patient.has_no_problem


def test_tokens_that_other_accounts_can_read_are_a_note(patient):
    secrets = patient.folder / "data" / "secrets.env"
    secrets.parent.mkdir()
    secrets.write_text("ADMIN_TOKEN=a\n")
    secrets.chmod(0o644)
    said = [finding.fix for finding in patient.findings(State.NOTE)]

    secrets.chmod(0o600)

    assert f"chmod 600 {secrets}" in said
    assert f"chmod 600 {secrets}" not in [finding.fix for finding in patient.findings(State.NOTE)]


def test_disk_without_room(patient):
    patient.machine["free_bytes"] = lambda _: 50 * MIB
    problem = patient.problem()

    patient.machine["free_bytes"] = lambda _: 5_000 * MIB

    assert "50 MiB free" in problem.said
    assert "Make room" in problem.fix
    assert patient.has_no_problem


def test_disk_with_little_room_is_a_note(patient):
    patient.machine["free_bytes"] = lambda _: 500 * MIB

    assert any("500 MiB free" in note for note in patient.notes())


def test_python_that_is_too_old(patient):
    patient.machine["python"] = (3, 10)
    problem = patient.problem()

    patient.machine["python"] = (3, 12)

    assert "Python 3.10 is not one of" in problem.said
    assert "PYTHON=" in problem.fix
    assert patient.has_no_problem


def test_package_that_is_missing(tmp_path, monkeypatch):
    info = tmp_path / "omi_probe-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Name: omi-probe\nVersion: 1\nRequires-Dist: click>=8\nRequires-Dist: nowhere-at-all>=1\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))

    (finding,) = check_packages("omi-probe")

    assert (finding.state, finding.said) == (State.PROBLEM, "not installed: nowhere-at-all")
    assert "scripts/setup" in finding.fix


def test_sqlite_that_is_too_old():
    (finding,) = check_sqlite(load_settings(), (3, 34, 1))

    assert (finding.state, finding.said) == (State.PROBLEM, "SQLite 3.34.1 is older than 3.35")


def test_key_that_the_model_refuses(patient):
    with run_fake_openai(Mode.UNAUTHORIZED) as fake:
        patient.variables |= {"OPENAI_BASE_URL": fake.url, "OPENAI_API_KEY": "sk-wrong", "OPENAI_MODEL": "gpt-5-mini"}
        problem = patient.problem()

        fake.mode = Mode.NORMAL  # the right key

        assert patient.has_no_problem
    assert "refuses OPENAI_API_KEY (401)" in problem.said
    assert "sk-wrong" not in problem.said
    assert "Set OPENAI_API_KEY to a key that is valid" in problem.fix


def test_model_server_that_is_not_there(patient):
    patient.variables |= {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "OPENAI_API_KEY": "k"}
    problem = patient.problem()

    del patient.variables["OPENAI_API_KEY"]

    assert problem.said.startswith("http://127.0.0.1:9/v1: the model's server cannot be reached")
    assert "Check OPENAI_BASE_URL" in problem.fix
    assert patient.has_no_problem


def test_address_without_v1_is_named_with_the_right_one(patient):
    with run_fake_openai() as fake:
        bare = fake.url.removesuffix("/v1")
        patient.variables |= {"OPENAI_BASE_URL": bare, "OPENAI_API_KEY": "k", "OPENAI_MODEL": "gpt-5-mini"}

        problem = patient.problem()

    assert "no model's server at the path of OPENAI_BASE_URL" in problem.said
    assert problem.fix.startswith(f"Set OPENAI_BASE_URL={bare}/v1, or")


def test_key_that_only_questions_show_to_be_wrong(patient):
    with run_fake_openai() as fake:
        fake.modes["gpt-5-mini"] = Mode.UNAUTHORIZED  # its list is open to everybody
        patient.variables |= {"OPENAI_BASE_URL": fake.url, "OPENAI_API_KEY": "sk-wrong", "OPENAI_MODEL": "gpt-5-mini"}

        problem = patient.problem()

    assert "refuses OPENAI_API_KEY (401)" in problem.said


@pytest.mark.parametrize("address", ["http://model.example/v1", "https://model.example/v1?api-version=1"])
def test_proxy_of_an_unknown_kind(patient, monkeypatch, address):
    monkeypatch.setenv("all_proxy", "socks://tell-nobody:1/")
    for name in ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    patient.variables |= {"OPENAI_BASE_URL": address, "OPENAI_API_KEY": "k"}

    problem = patient.problem()

    assert (problem.check, problem.said[:28]) == ("network", "all_proxy in the environment")
    assert "add model.example to NO_PROXY" in problem.fix
    assert "tell-nobody" not in problem.said


def test_model_that_its_server_does_not_list_is_a_note(patient):
    with run_fake_openai() as fake:
        patient.variables |= {"OPENAI_BASE_URL": fake.url, "OPENAI_API_KEY": "k", "OPENAI_MODEL": "llama-99"}

        (note,) = patient.notes()

    assert "does not list llama-99 | Set OPENAI_MODEL to one that it has: gpt-5-mini" in note


def test_clock_that_is_far_off(patient):
    with run_fake_openai() as fake:
        patient.variables |= {"OPENAI_BASE_URL": fake.url, "OPENAI_API_KEY": "k", "OPENAI_MODEL": "gpt-5-mini"}
        right = patient.machine["clock"]
        patient.machine["clock"] = ManualClock(right.now_s() + 3_600)
        problem = patient.problem()

        patient.machine["clock"] = right

        assert patient.has_no_problem
    assert "ahead of the model's server's" in problem.said
    assert "timedatectl" in problem.fix


def test_server_of_ours_that_already_runs_is_no_problem(patient):
    class OurHealth(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = b'{"status": "pass", "checks": {"supervisor": {"status": "pass"}}}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    address = ("127.0.0.1", int(patient.variables["PORT"]))
    with http.server.ThreadingHTTPServer(address, OurHealth) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        notes = patient.notes()
        server.shutdown()
        thread.join()

    assert any("already serving" in note for note in notes)


@pytest.mark.parametrize(
    ("is_on", "version", "says"),
    [("true", None, "semantic"), ("true", "0.2.1", "by words and meaning"), ("false", "0.2.1", "is off")],
)
def test_the_ways_of_recall_are_named(monkeypatch, is_on, version, says):
    monkeypatch.setattr(installation, "find_installed", lambda: version)

    (found,) = installation.check_recall(load_settings(overrides={"ENABLE_SEMANTIC_RECALL": is_on}))

    assert (found.state, says in found.said) == (State.OK, True)
