import builtins
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from omi_actors.errors import StoreError, StoreUnavailableError
from omi_actors.store.engine import DATABASE_FILE, Engine, StoreConfig
from omi_actors.store.transaction import NodeIdentity
from tests.store.builders import count, do, first_commit

_HOLDER = """
import sys
from pathlib import Path
from omi_actors.store.engine import Engine, StoreConfig
from omi_actors.store.transaction import NodeIdentity
engine = Engine(StoreConfig(url="", data_dir=Path(sys.argv[1])), NodeIdentity("other"))
engine.open()
print("open", flush=True)
sys.stdin.read()
"""


def open_store(url: str, folder: Path) -> Engine:
    engine = Engine(StoreConfig(url=url, data_dir=folder), NodeIdentity("n", 1))
    engine.open()
    return engine


@pytest.mark.service
def test_a_second_process_is_refused_in_plain_words(tmp_path: Path) -> None:
    with subprocess.Popen(  # noqa: S603 (ourselves)
        [sys.executable, "-c", _HOLDER, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(StoreError, match=rf"in use by another .* \(process id {holder.pid}\)"):
            open_store("", tmp_path)
        holder.stdin.close()
        assert holder.wait(timeout=10) == 0

    open_store("", tmp_path).close()


def test_a_replaced_writer_may_open_while_a_stuck_one_holds_the_store(tmp_path: Path) -> None:
    stuck = open_store("", tmp_path)
    replacement = open_store("", tmp_path)

    stuck.close()
    do(replacement, first_commit())

    assert count(replacement, "session") == 1
    replacement.close()
    replacement.close()


# What the shell of SQLite does: it opens the database, reads, and closes it.
_VISITOR = """
import sqlite3, sys
con = sqlite3.connect(sys.argv[1])
con.execute("SELECT count(*) FROM session").fetchone()
con.close()
"""


def test_another_program_that_closes_the_database_leaves_the_log_to_its_server(tmp_path: Path) -> None:
    writer = open_store("", tmp_path)
    reader = Engine(StoreConfig(url="", data_dir=tmp_path), NodeIdentity("n", 1), readonly=True)
    reader.open()
    do(writer, first_commit())
    again = open_store("", tmp_path)  # as after a restart of the writer

    subprocess.run([sys.executable, "-c", _VISITOR, tmp_path / DATABASE_FILE], check=True, timeout=20)  # noqa: S603 (ourselves)

    assert (tmp_path / f"{DATABASE_FILE}-wal").stat().st_size > 0
    for engine in (again, reader, writer):
        engine.close()


def test_a_store_that_could_not_be_opened_is_not_locked(tmp_path: Path) -> None:
    (tmp_path / DATABASE_FILE).write_bytes(b"this is not a database, however long one looks at it" * 100)

    with pytest.raises(StoreError, match="not a database"):
        open_store("", tmp_path)

    (tmp_path / DATABASE_FILE).unlink()
    open_store("", tmp_path).close()


def test_the_data_directory_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    open_store("", tmp_path / "new" / "data").close()

    assert (tmp_path / "new" / "data").stat().st_mode & 0o777 == 0o700


def test_a_sqlite_url_names_its_file(tmp_path: Path) -> None:
    open_store(f"sqlite:///{tmp_path}/mine.db", Path("unused")).close()

    assert (tmp_path / "mine.db").exists()


def test_a_data_directory_that_cannot_be_is_an_unavailable_store(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(StoreUnavailableError):
        open_store("", tmp_path / "file" / "data")


@pytest.mark.parametrize("url", ["mysql://u:pass-word@h/d", "sqlite:here.db", "nonsense"])
def test_an_unknown_url_is_refused_without_showing_it(url: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="DATABASE_URL is neither") as raised:
        open_store(url, tmp_path)

    assert "pass-word" not in str(raised.value)


@pytest.mark.parametrize("url", ["postgres://u:pass-word@h:port/d", "postgres://u:pass%zzword@h/d"])
def test_a_broken_postgres_url_is_refused_without_showing_it(url: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="not understood") as raised:
        open_store(url, tmp_path)

    assert "pass" not in str(raised.value)


def test_an_unreachable_postgres_is_an_unavailable_store(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError):
        open_store(f"postgres:///d?host={tmp_path}", tmp_path)


def test_without_its_driver_postgres_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real_import = builtins.__import__

    def import_without_psycopg2(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("psycopg2"):
            raise ImportError(name)
        return real_import(name, *args, **kwargs)

    monkeypatch.delitem(sys.modules, "omi_actors.store.postgres", raising=False)
    monkeypatch.setattr(builtins, "__import__", import_without_psycopg2)

    with pytest.raises(StoreError, match="pip install psycopg2-binary"):
        open_store("postgres://h/d", tmp_path)


def test_sqlite_never_imports_the_postgres_driver(tmp_path: Path) -> None:
    program = _HOLDER.replace("sys.stdin.read()", "print('psycopg2' in sys.modules)")

    done = run_python(["-c", program, str(tmp_path)], {})

    assert done.splitlines() == ["open", "False"]


def run_python(args: Sequence[str], env: Mapping[str, str]) -> str:
    done = subprocess.run(  # noqa: S603 (ourselves)
        [sys.executable, *args], capture_output=True, text=True, check=True, timeout=30, env={**os.environ, **env}
    )
    return done.stdout
