"""The process that reads for a store reader: what it finds, and how it ends."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from omi_actors.clock import SystemClock
from omi_actors.domain.people.conversations import NEWEST
from omi_actors.domain.people.memories import NewMemory
from omi_actors.errors import StoreError, StoreUnavailableError
from omi_actors.store.engine import Engine, StoreConfig
from omi_actors.store.messages import Call
from omi_actors.store.people import conversations, memories, recall, stats
from omi_actors.store.reader_process import ReaderProcess
from omi_actors.store.transaction import Transaction
from tests.people.talks import fill
from tests.store.builders import alone, do, find_process

WAIT_S = 20.0
ACCOUNT = "INSERT INTO account (id, email, password_hash, created_at, updated_at) VALUES ('ada', 'a', 'x', 0, 0)"
WORDS = "a person's words"


@pytest.fixture
def process(config: StoreConfig, engine: Engine) -> Iterator[ReaderProcess]:
    """A process that is ready, on the database of `engine`."""
    process = ReaderProcess(replace(config, clock=SystemClock()))
    assert process.is_ready(WAIT_S)
    yield process
    process.stop()


@pytest.fixture
def sqlite_process(sqlite_config: StoreConfig, sqlite_engine: Engine) -> Iterator[ReaderProcess]:
    process = ReaderProcess(replace(sqlite_config, clock=SystemClock()))
    assert process.is_ready(WAIT_S)
    yield process
    process.stop()


def refuse(tx: Transaction) -> None:
    tx.fetch("SELECT * FROM no_such_table")


def fail(_tx: Transaction) -> None:
    raise LookupError(WORDS)


def has_ended(pid: int) -> bool:
    """Wait for the end of a process; its number may be free already."""
    try:
        opened = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([opened], [], [], WAIT_S)[0])
    finally:
        os.close(opened)


def test_process_finds_what_the_reader_itself_finds_after_each_commit(engine: Engine, process: ReaderProcess) -> None:
    reads = (
        Call(memories.list_memories, "ada", limit=5, offset=0),
        Call(memories.list_memories, "ada", limit=5, search="tea"),
        Call(conversations.list_conversations, "ada", before=NEWEST, limit=5),
        Call(conversations.list_by_offset, "ada", offset=1, limit=5),
        Call(recall.find_texts, "ada", "green tea", limit=5),
        Call(stats.load_stats, "ada", now_s=2e3),
    )
    do(engine, lambda tx: tx.run(ACCOUNT))
    assert process.read(reads[0]).total == 0
    do(engine, lambda tx: fill(tx, "ada", conversations=2, messages=3))
    alone(engine, lambda tx: memories.add_memory(tx, "ada", NewMemory(text="Ada likes green tea")))

    found = [process.read(one) for one in reads]

    assert all(found)
    assert found == [engine.read(one, is_apart=True) for one in reads]


def test_errors_are_the_readers_own_and_the_process_goes_on(sqlite_process: ReaderProcess) -> None:
    pid = sqlite_process.read(Call(find_process))

    with pytest.raises(StoreError, match="no_such_table"):
        sqlite_process.read(Call(refuse))
    with pytest.raises(RuntimeError, match="LookupError in the process that reads") as failed:
        sqlite_process.read(Call(fail))

    assert "in fail" in "".join(failed.value.__notes__)
    assert WORDS not in repr(failed.value) + "".join(failed.value.__notes__)
    assert sqlite_process.read(Call(find_process)) == pid != os.getpid()


def test_killed_process_fails_its_query_and_the_next_one_starts_after_a_pause(
    sqlite_process: ReaderProcess, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pid = sqlite_process.read(Call(find_process))
    os.kill(pid, signal.SIGKILL)
    assert has_ended(pid)

    with pytest.raises(StoreUnavailableError, match="has ended"):
        sqlite_process.read(Call(find_process))
    assert "reader_process_lost" in caplog.text
    caplog.clear()
    assert not sqlite_process.is_ready(WAIT_S)
    monkeypatch.setattr(sqlite_process, "_starts_after_mono_s", 0.0)

    assert sqlite_process.is_ready(WAIT_S)
    other = sqlite_process.read(Call(find_process))
    assert other != pid
    sqlite_process.stop()
    assert has_ended(other)


def test_process_that_cannot_open_the_store_is_lost_without_an_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    process = ReaderProcess(StoreConfig(url="", data_dir=tmp_path / "nowhere"))

    assert not process.is_ready(WAIT_S)
    assert "reader_process_lost" in caplog.text
    caplog.clear()


_SERVER = """
import sys
from pathlib import Path
from omi_actors.store.engine import StoreConfig
from omi_actors.store.messages import Call
from omi_actors.store.reader_process import ReaderProcess
from tests.store.builders import find_process
process = ReaderProcess(StoreConfig(url="", data_dir=Path(sys.argv[1])))
assert process.is_ready(20.0)
print(process.read(Call(find_process)), flush=True)
sys.stdin.read()
"""


@pytest.mark.usefixtures("sqlite_engine")
def test_process_ends_when_its_server_was_killed(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = (sys.executable, "-c", _SERVER, str(tmp_path))
    with subprocess.Popen(  # noqa: S603 (our own program)
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, bufsize=0
    ) as server:
        assert server.stdout is not None
        pid = int(server.stdout.readline())
        server.kill()

        assert has_ended(pid)
