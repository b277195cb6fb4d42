"""An odd file in the place of settings, secrets or database ends each command with a sentence: its name, a way out."""

import os
import shutil
import socket
import sqlite3
from contextlib import closing

import pytest
from click.testing import CliRunner

from omi_actors.cli import main
from omi_actors.errors import StoreError
from omi_actors.store.engine import DATABASE_FILE, Engine, StoreConfig
from omi_actors.store.sqlite_file import describe_failure
from omi_actors.store.transaction import NodeIdentity


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
# What a look for the file takes for no file.
LINKS = {
    "link in a circle": (
        lambda path: path.symlink_to(path),
        "cannot be read (Too many levels of symbolic links). Make",
    ),
    "link to nothing": (
        lambda path: path.symlink_to("/nowhere"),
        "cannot be read (No such file or directory). Make it a",
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


@pytest.mark.parametrize("kind", LINKS)
def test_env_file_that_is_a_broken_link_is_not_passed_over(kind, run, tmp_path):
    put, sentence = LINKS[kind]
    put(tmp_path / ".env")

    for command in COMMANDS:
        code, output = run(*command)

        check_sentence(command, code, output, ".env", sentence)


@pytest.mark.parametrize("kind", [*ODD_FILES, *LINKS])
def test_odd_secrets_file_is_one_sentence_in_every_command(kind, run, tmp_path, monkeypatch):
    put, sentence = (ODD_FILES | LINKS)[kind]
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


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A database that has been in use."""
    folder = tmp_path_factory.mktemp("sound")
    engine = Engine(StoreConfig(url="", data_dir=folder), NodeIdentity("n", 1))
    engine.open()
    engine.close()
    return folder / DATABASE_FILE


def change(path, *statements):
    with closing(sqlite3.connect(path)) as con:
        for statement in statements:
            con.execute(statement)
        con.commit()


def put_other(path, *statements):
    path.unlink()
    change(path, *statements)


def overwrite(path):
    content = path.read_bytes()
    path.write_bytes(content[:1024] + b"\xff" * 30_000 + content[31_024:])


def leave_log(path):
    path.with_name(f"{path.name}-wal").write_bytes(b"log" * 100)


def put_folder(path):
    path.unlink()
    path.mkdir()


def replace_by_pipe(path):
    path.unlink()
    os.mkfifo(path)


RESTORE = "Restore a copy with `omi-actors restore FILE`, or move omi.sqlite3 and omi.sqlite3-wal away to begin anew."
ELSEWHERE = "Move it away, or name another place for the store."
# How each file is put there; what serve, the doctor and `backup` say of it; and the way out.
ODD_DATABASES = {
    "empty": (lambda path: path.write_bytes(b""), "is empty, so it is not a database any more.", RESTORE),
    "gone, but for its log": (lambda path: (path.unlink(), leave_log(path)), "is missing, but its log is", RESTORE),
    "a folder": (put_folder, "is not a file, so it cannot be the database.", ELSEWHERE),
    "a pipe": (replace_by_pipe, "is not a file, so it cannot be the database.", ELSEWHERE),
    "text": (lambda path: path.write_text("no database " * 900), "is not a database of SQLite, or it is", RESTORE),
    "truncated": (lambda path: os.truncate(path, 40_000), "database disk image is malformed", RESTORE),
    "cut in its first page": (lambda path: os.truncate(path, 700), "", RESTORE),
    "overwritten": (overwrite, "database disk image is malformed", RESTORE),
    "another program's": (lambda path: put_other(path, "CREATE TABLE moz_places (id)"), "of another", ELSEWHERE),
    "marked as another's": (lambda path: put_other(path, "PRAGMA application_id=7"), "of another", ELSEWHERE),
    "newer": (
        lambda path: change(path, "INSERT INTO schema_migration VALUES (9999, 'later', 0, 9998)"),
        "9999",
        "Start the newer program again, or restore the copy that was made before the upgrade",
    ),
}


def read_if_file(path):
    return path.read_bytes() if path.is_file() else path.exists()


@pytest.mark.parametrize("kind", ODD_DATABASES)
def test_odd_database_is_one_sentence_with_its_name_and_the_way_out(kind, run, tmp_path, sound, monkeypatch):
    put, sentence, way_out = ODD_DATABASES[kind]
    path = tmp_path / DATABASE_FILE
    shutil.copy(sound, path)
    put(path)
    there = read_if_file(path)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))

    with pytest.raises(StoreError) as refused:  # the command `serve` says it and ends with 2
        Engine(StoreConfig(url="", data_dir=tmp_path), NodeIdentity("n", 1)).open()
    examined, report = run("doctor")
    copied, refusal = run("backup", str(tmp_path / "copy"))

    assert (examined, copied) == (1, 2)
    assert str(refused.value).startswith("DATA_DIR: ")
    for said in (str(refused.value), report.replace("\n            fix:", ""), refusal):
        assert str(path) in said
        assert sentence in said
        assert way_out in said or (said is refusal and kind == "newer")
    assert read_if_file(path) == there


def test_lock_that_cannot_be_opened_is_one_sentence(run, tmp_path, monkeypatch):
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    (tmp_path / f"{DATABASE_FILE}.lock").mkdir()

    with pytest.raises(StoreError, match=r"omi.sqlite3.lock cannot be opened \(Is a directory\). Remove it: it only"):
        Engine(StoreConfig(url="", data_dir=tmp_path), NodeIdentity("n", 1)).open()
    code, output = run("doctor")

    assert code == 1
    assert "omi.sqlite3.lock cannot be opened (Is a directory)." in output


def test_newest_copy_beside_a_lost_database_is_named_and_restores_it(run, tmp_path, sound, monkeypatch):
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    for name, modified_s in (("before-0009.1.bak", 1), ("replaced.2.bak", 3), ("before-0011.3.bak", 2)):
        shutil.copy(sound, tmp_path / f"{DATABASE_FILE}.{name}")
        os.utime(tmp_path / f"{DATABASE_FILE}.{name}", (modified_s, modified_s))
    (tmp_path / DATABASE_FILE).touch()
    leave_log(tmp_path / DATABASE_FILE)

    _, report = run("doctor")
    assert f"fix: Restore a copy (the newest one beside it is {DATABASE_FILE}.replaced.2.bak) with `omi-" in report

    assert run("restore", str(tmp_path / f"{DATABASE_FILE}.replaced.2.bak"))[0] == 0
    assert run("doctor")[0] == 0
    assert b"log" * 100 in [log.read_bytes() for log in tmp_path.glob("*.bak-wal")]


def test_database_folder_in_its_place_is_not_restored_over(run, tmp_path, sound, monkeypatch):
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    (tmp_path / DATABASE_FILE).mkdir()

    code, output = run("restore", str(sound))

    assert (code, output) == (
        2,
        f"omi-actors: {tmp_path / DATABASE_FILE} is a folder, so nothing can be restored there. Move it away.\n",
    )


def test_first_start_that_is_cut_leaves_no_empty_database(tmp_path):
    (tmp_path / f"{DATABASE_FILE}.new").write_bytes(b"half of it")

    engine = Engine(StoreConfig(url="", data_dir=tmp_path), NodeIdentity("n", 1))
    engine.open()
    engine.close()

    assert sorted(file.name for file in tmp_path.iterdir()) == [DATABASE_FILE, f"{DATABASE_FILE}.lock"]
    assert (tmp_path / DATABASE_FILE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (sqlite3.SQLITE_READONLY, "omi.sqlite3 cannot be opened or written (as told). Let this account write it and"),
        (sqlite3.SQLITE_FULL, "omi.sqlite3 cannot be opened or written (as told). Let this account write it and its"),
        (sqlite3.SQLITE_CORRUPT, "omi.sqlite3 is damaged (as told). Restore a copy with `omi-actors restore FILE`, or"),
        (sqlite3.SQLITE_BUSY, "as told"),
    ],
)
def test_error_of_the_file_names_it_and_the_way_out(error, sentence, tmp_path):
    exc = sqlite3.OperationalError("as told")
    exc.sqlite_errorcode = error

    assert describe_failure(tmp_path / DATABASE_FILE, exc).removeprefix(f"{tmp_path}/").startswith(sentence)


def test_folder_that_this_account_may_not_write_is_named_with_the_way_out(tmp_path):
    error = PermissionError(13, "Permission denied", str(tmp_path))

    assert describe_failure(tmp_path / DATABASE_FILE, error) == (
        f"{tmp_path} cannot be used (Permission denied). Let this account write it and its folder, and make room on "
        "the disk."
    )
