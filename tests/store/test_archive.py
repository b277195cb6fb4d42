"""Backups of the SQLite store: whole, private, checked; and put back without losing what was there."""

import multiprocessing
import sqlite3
from contextlib import closing

import pytest

from omi_actors.errors import StoreError
from omi_actors.store.archive import check_copy, restore_copy, save_copy
from omi_actors.store.engine import DATABASE_FILE, Engine, StoreConfig
from omi_actors.store.lock import acquire_process_lock
from omi_actors.store.transaction import NodeIdentity

NOW_S = 1_790_000_000.5


@pytest.fixture
def engine(tmp_path):
    """A store that is being served."""
    engine = Engine(StoreConfig(url="", data_dir=tmp_path / "data"), NodeIdentity("n"))
    engine.open()
    yield engine
    engine.close()


def put(folder, sentence):
    with closing(sqlite3.connect(folder / DATABASE_FILE)) as con:
        con.execute("CREATE TABLE IF NOT EXISTS note (sentence TEXT)")
        con.execute("INSERT INTO note VALUES (?)", (sentence,))
        con.commit()


def notes(file):
    with closing(sqlite3.connect(file)) as con:
        return [row[0] for row in con.execute("SELECT sentence FROM note")]


def files_in(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.usefixtures("engine")
def test_copy_of_a_served_store_holds_what_is_only_in_the_log_yet(tmp_path):
    put(tmp_path / "data", "first")
    assert (tmp_path / "data" / f"{DATABASE_FILE}-wal").stat().st_size > 0

    copy = save_copy(tmp_path / "data" / DATABASE_FILE, tmp_path / "copy")

    assert notes(copy.file) == ["first"]
    assert copy.version >= 1
    assert copy.file.stat().st_mode & 0o777 == 0o600
    assert files_in(tmp_path) == ["copy", "data"]


@pytest.mark.usefixtures("engine")
def test_copy_is_not_put_over_another_file(tmp_path):
    (tmp_path / "copy").write_text("mine")

    with pytest.raises(StoreError, match="there already"):
        save_copy(tmp_path / "data" / DATABASE_FILE, tmp_path / "copy")

    assert (tmp_path / "copy").read_text() == "mine"


@pytest.mark.usefixtures("engine")
def test_copy_that_cannot_be_written_is_a_sentence_and_leaves_nothing(tmp_path):
    with pytest.raises(StoreError, match="cannot be copied"):
        save_copy(tmp_path / "data" / DATABASE_FILE, tmp_path / "nowhere" / "copy")

    assert files_in(tmp_path) == ["data"]


def test_folder_without_a_store_is_a_sentence(tmp_path):
    with pytest.raises(StoreError, match="no database"):
        save_copy(tmp_path / DATABASE_FILE, tmp_path / "copy")


def test_restored_store_is_the_copy_and_the_earlier_one_is_kept(tmp_path, engine):
    data = tmp_path / "data"
    put(data, "first")
    copy = save_copy(data / DATABASE_FILE, tmp_path / "copy")
    put(data, "second")
    engine.close()

    earlier = restore_copy(copy.file, data / DATABASE_FILE, NOW_S)

    assert notes(data / DATABASE_FILE) == ["first"]
    assert earlier == data / f"{DATABASE_FILE}.replaced.1790000000.bak"
    assert notes(earlier) == ["first", "second"]
    assert (data / DATABASE_FILE).stat().st_mode & 0o777 == 0o600


def test_restored_store_never_reads_the_earlier_ones_log(tmp_path, engine):
    data = tmp_path / "data"
    copy = save_copy(data / DATABASE_FILE, tmp_path / "copy")
    engine.close()
    (data / DATABASE_FILE).write_bytes(b"not a database, so its log cannot be folded in")
    (data / f"{DATABASE_FILE}-wal").write_bytes(b"log of another")

    earlier = restore_copy(copy.file, data / DATABASE_FILE, NOW_S)

    assert earlier is not None
    assert files_in(data) == [DATABASE_FILE, f"{DATABASE_FILE}.lock", earlier.name]
    assert earlier.read_bytes().startswith(b"not a database")
    assert check_copy(data / DATABASE_FILE).version == copy.version


def test_copy_restores_into_an_empty_folder(tmp_path, engine):
    put(tmp_path / "data", "first")
    copy = save_copy(tmp_path / "data" / DATABASE_FILE, tmp_path / "copy")

    assert restore_copy(copy.file, tmp_path / "new" / DATABASE_FILE, NOW_S) is None
    assert notes(tmp_path / "new" / DATABASE_FILE) == ["first"]


def hold_lock(path, is_held, may_end):
    acquire_process_lock(path)
    is_held.set()
    may_end.wait(30)


def test_store_of_a_running_server_is_not_replaced(tmp_path, engine):
    data = tmp_path / "data"
    copy = save_copy(data / DATABASE_FILE, tmp_path / "copy")
    put(data, "mine")
    engine.close()
    spawn = multiprocessing.get_context("spawn")
    is_held, may_end = spawn.Event(), spawn.Event()
    other = spawn.Process(target=hold_lock, args=(data / f"{DATABASE_FILE}.lock", is_held, may_end))
    other.start()
    try:
        assert is_held.wait(30)
        with pytest.raises(StoreError, match="in use by another"):
            restore_copy(copy.file, data / DATABASE_FILE, NOW_S)
    finally:
        may_end.set()
        other.join(30)

    assert notes(data / DATABASE_FILE) == ["mine"]


def damage(file):
    content = bytearray(file.read_bytes())
    content[4096 : len(content) // 2] = b"\xff" * (len(content) // 2 - 4096)
    file.write_bytes(content)


def empty(file):
    file.unlink()
    with closing(sqlite3.connect(file)) as con:
        con.execute("CREATE TABLE other (x)")


def renumber(file):
    with closing(sqlite3.connect(file)) as con:
        con.execute("UPDATE schema_migration SET version = 9999 WHERE version = 1")
        con.commit()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (damage, "damaged|not a sound"),
        (lambda file: file.write_bytes(b"no database " * 500), "not a sound"),
        (empty, "no schema"),
        (renumber, "schema version 9999"),
        (lambda file: file.unlink(), "no file"),
    ],
)
def test_spoilt_copy_is_refused_before_anything_is_touched(spoil, reason, tmp_path, engine):
    data = tmp_path / "data"
    put(data, "mine")
    copy = save_copy(data / DATABASE_FILE, tmp_path / "copy")
    engine.close()
    before = files_in(data)
    spoil(copy.file)

    with pytest.raises(StoreError, match=reason):
        restore_copy(copy.file, data / DATABASE_FILE, NOW_S)

    assert notes(data / DATABASE_FILE) == ["mine"]
    assert files_in(data) == before
