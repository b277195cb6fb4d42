"""The other commands, run in this process: their output and exit codes."""

import json

import pytest
from click.testing import CliRunner

import omi_actors
from omi_actors.cli import main
from scripts.lab.replay.server_process import find_free_port

CANARY = "canary-5f3a-tell-nobody"
SECRETS = ("ADMIN_TOKEN", "WEBHOOK_TOKEN", "OPENAI_API_KEY", "OMI_APP_SECRET", "OMI_SIGNING_SECRETS", "JWT_SECRET")


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Run `omi-actors …` in a folder of its own; `program(*arguments, **variables)` returns what it did."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments, **variables):
        return CliRunner().invoke(main, arguments, env=variables, prog_name="omi-actors")

    return run


def test_config_shows_value_unit_and_source(program, tmp_path):
    (tmp_path / ".env").write_text("LOG_LEVEL=warn\nPORT=3009\n")

    done = program("config", "--json", PORT="3010")

    said = json.loads(done.stdout)
    assert done.exit_code == 0
    assert said["env_file"] == str(tmp_path / ".env")
    assert said["settings"]["PORT"] == {"value": "3010", "unit": None, "source": "environment", "secret": False}
    assert said["settings"]["LOG_LEVEL"]["source"] == "env file"
    assert said["settings"]["OPENAI_TIMEOUT"] == {"value": "20000", "unit": "ms", "source": "default", "secret": False}


def test_config_is_readable_and_makes_nothing(program, tmp_path):
    done = program("config", PORT="3010")

    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["PORT", "3010", "environment"] in lines
    assert ["OPENAI_TIMEOUT", "20000", "ms"] in lines
    assert list(tmp_path.iterdir()) == []


def test_config_shows_tokens_made_on_first_start_as_such(program, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "secrets.env").write_text(f"ADMIN_TOKEN={CANARY}\nWEBHOOK_TOKEN={CANARY}\n")

    done = program("config", "--json")

    assert json.loads(done.stdout)["settings"]["ADMIN_TOKEN"]["source"] == "made on first start"
    assert CANARY not in done.stdout


@pytest.mark.parametrize("command", [("config",), ("config", "--json"), ("doctor",), ("doctor", "--json")])
def test_secrets_are_never_shown(command, program):
    done = program(
        *command,
        OMI_APP_ID="app",
        OPENAI_BASE_URL="http://127.0.0.1:9/v1",
        DATABASE_URL=f"postgres://omi:{CANARY}@127.0.0.1:9/omi",
        **dict.fromkeys(SECRETS, CANARY),
    )

    assert done.stdout
    assert CANARY not in done.stdout + done.stderr


def test_config_of_impossible_settings_names_the_mistake(program):
    done = program("config", PORT="eighty")

    assert done.exit_code == 2
    assert done.stderr.startswith("omi-actors: PORT should be a valid integer")


def test_doctor_ends_with_0_without_problems(program):
    done = program("doctor", PORT=str(find_free_port()))

    assert done.exit_code == 0, done.stdout
    assert done.stdout.splitlines()[-1] == "problems: 0, notes: 1"  # the demo model


def test_doctor_ends_with_1_and_the_fix_of_a_problem(program, tmp_path):
    (tmp_path / ".env").write_text("OPENAI_API_KY=x\n")

    done = program("doctor")

    assert done.exit_code == 1
    assert "✘ settings" in done.stdout
    assert "fix: Rename or remove it." in done.stdout


def test_doctor_prints_json_for_programs(program):
    findings = json.loads(program("doctor", "--json", PORT=str(find_free_port())).stdout)

    assert {finding["check"] for finding in findings} >= {
        "python",
        "settings",
        "data",
        "disk",
        "port",
        "store",
        "model",
    }
    assert {finding["state"] for finding in findings} == {"ok", "note"}


def test_version_is_that_of_the_package(program):
    assert program("version").stdout == f"{omi_actors.__version__}\n"


def test_help_names_every_command(program):
    said = program("--help").stdout

    assert "..." not in said.partition("Commands:")[2]  # each is told whole, in a line
    assert all(f"\n  {name} " in said for name in ("config", "doctor", "serve", "version"))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_has_a_script_for_each_shell(shell, program):
    assert "_OMI_ACTORS_COMPLETE" in program(_OMI_ACTORS_COMPLETE=f"{shell}_source").stdout


@pytest.mark.parametrize(
    ("typed", "word", "offered"),
    [
        ("omi-actors do", 1, "doctor"),
        ("omi-actors serve --rel", 2, "--reload"),
        ("omi-actors config --js", 2, "--json"),
    ],
)
def test_completion_offers_commands_and_options(typed, word, offered, program):
    said = program(_OMI_ACTORS_COMPLETE="bash_complete", COMP_WORDS=typed, COMP_CWORD=str(word)).stdout

    assert said == f"plain,{offered}\n"


def log_line(at, request_id, event, **more):
    return json.dumps({"timestamp": at, "level": "info", "event": event, "request_id": request_id, **more}) + "\n"


def test_logs_finds_a_request_of_an_earlier_start_in_the_log_files(program, tmp_path):
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "omi-actors.log.1").write_text(log_line("t1", "r1", "first") + log_line("t1", "r11", "of another"))
    (folder / "omi-actors.log").write_text(log_line("t2", "r1", "failed", exception="ValueError\nthere") + '{"cut')

    done = program("logs", "r1", "--port", str(find_free_port()))

    assert done.stdout.splitlines() == ["t1 info  first", "t2 info  failed", "    ValueError", "    there"]
    missing = program("logs", "r9", "--port", str(find_free_port()))
    assert missing.exit_code != 0
    assert "no line of this request" in missing.stderr
