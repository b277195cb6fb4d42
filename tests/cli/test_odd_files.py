"""An odd file in the place of the settings or secrets ends each command with one sentence: its name, the way out."""

import os
import socket
from contextlib import closing

import pytest
from click.testing import CliRunner

from omi_actors.cli import main


def put_socket(path):
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(str(path))


ODD_FILES = {
    "latin-1": (lambda path: path.write_bytes(b"NAME=caf\xe9\n"), "is not text in UTF-8 (byte 8). Save it as UTF-8."),
    "UTF-16": (lambda path: path.write_bytes("PORT=1\n".encode("utf-16")), "is not text in UTF-8 (byte 0). Save"),
    "UTF-16 without a mark": (lambda path: path.write_bytes("PORT=1".encode("utf-16-le")), "(byte 1). Save it as UTF"),
    "binary": (lambda path: path.write_bytes(bytes(range(256))), "is not text in UTF-8 (byte 128). Save it as UTF-8."),
    "pipe": (os.mkfifo, "is a pipe. Put a file with its lines in its place, or remove it."),
    "folder": (lambda path: path.mkdir(), "cannot be read (Is a directory). Make it a file that this account may read"),
    "socket": (put_socket, "cannot be read (No such device or address). Make it a file that this account may read"),
    "endless": (lambda path: path.symlink_to("/dev/zero"), "is larger than 1 MiB. Keep only lines NAME=value in it."),
    "very large": (lambda path: path.write_bytes("é".encode() * (1 << 20)), "is larger than 1 MiB. Keep only lines"),
    "other lines": (
        lambda path: path.write_text("\ntell-nobody\n"),
        "line 2, is not NAME=value. Correct or remove it.",
    ),
}
COMMANDS = (["serve"], ["config"], ["operator-link"], ["queue", "list"], ["retention", "resume"], ["doctor"])


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a command in an empty folder, and return its exit code and output."""
    monkeypatch.chdir(tmp_path)
    for name in ("ADMIN_TOKEN", "WEBHOOK_TOKEN", "APP_ENV", "NODE_ENV"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments):
        done = CliRunner().invoke(main, arguments)
        assert done.exception is None or isinstance(done.exception, SystemExit), arguments
        return done.exit_code, done.output

    return run


def check_sentence(command, code, output, path, sentence):
    if command == ["doctor"]:
        assert code == 1
        assert f"{path}" in output
        assert sentence in output.replace("\n            fix:", "")
    else:
        assert code == 2, (command, output)
        assert output.startswith(f"omi-actors: {path}"), output
        assert sentence in output
        assert len(output.splitlines()) == 1


@pytest.mark.parametrize("kind", ODD_FILES)
def test_odd_env_file_is_one_sentence_in_every_command(kind, run, tmp_path):
    put, sentence = ODD_FILES[kind]
    path = tmp_path / "odd"
    put(path)

    for command in (*COMMANDS, ["backup", "copy"], ["restore", "copy"]):
        code, output = run(command[0], f"--env-file={path}", *command[1:])

        check_sentence(command, code, output, path, sentence)


@pytest.mark.parametrize("kind", ODD_FILES)
def test_odd_secrets_file_is_one_sentence_in_every_command(kind, run, tmp_path, monkeypatch):
    put, sentence = ODD_FILES[kind]
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    put(tmp_path / "data" / "secrets.env")

    for command in COMMANDS:
        code, output = run(*command)

        check_sentence(command, code, output, tmp_path / "data" / "secrets.env", sentence)


def test_secrets_file_with_a_mark_of_its_encoding_is_loaded(run, tmp_path, monkeypatch):
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    (tmp_path / "secrets.env").write_text("\ufeffADMIN_TOKEN=tell-nobody-one\r\nWEBHOOK_TOKEN=tell-nobody-two\r\n")

    code, output = run("config")

    assert code == 0
    assert "tell-nobody" not in output


def test_empty_device_is_an_env_file_without_settings(run):
    assert run("config", "--env-file=/dev/null")[0] == 0


def test_env_file_that_cannot_be_looked_for_is_one_sentence(run):
    code, output = run("config", f"--env-file={'x' * 300}")

    assert code == 2
    assert output.endswith("(File name too long). Correct the name, or make the file.\n")


def test_data_folder_with_an_impossible_name_is_no_crash_of_the_doctor(run, monkeypatch):
    monkeypatch.setenv("DATA_DIR", "x" * 300)

    code, output = run("doctor")

    assert code == 1
    assert "cannot be used (File name too long)\n            fix: Set another DATA_DIR." in output


@pytest.mark.parametrize("kind", ["pipe", "folder"])
def test_secrets_that_cannot_be_put_back_are_one_sentence(kind, run, tmp_path, monkeypatch):
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    ODD_FILES[kind][0](tmp_path / "secrets.env")

    code, output = run("backup", str(tmp_path / "copy"), "--with-secrets")

    assert code == 2
    assert output.startswith(f"omi-actors: There is no {tmp_path}/secrets.env: this server's secrets are in its ")
