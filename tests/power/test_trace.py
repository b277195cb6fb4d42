import pytest

from scripts.lab.power.trace import (
    FolderMade,
    Linked,
    Opened,
    Removed,
    Renamed,
    Sent,
    Synced,
    TraceError,
    Truncated,
    Written,
    build_strace,
    read_trace,
)
from tests.power.traced import run_traced


def _read(tmp_path, *lines):
    file = tmp_path / "trace"
    file.write_bytes(b"".join(line.encode() + b"\n" for line in lines))
    return read_trace(file, tmp_path / "disk")


def test_trace_has_the_changes_of_a_folder_in_their_order(tmp_path):
    root = tmp_path / "disk"
    root.mkdir()
    program = """
import os
os.mkdir(f"{root}/data")
with open(f"{root}/data/a", "wb", buffering=0) as file:
    file.write(b"\\0\\1\\"x\\\\" + bytes(300))
    os.pwrite(file.fileno(), b"\\377y", 7)
    os.ftruncate(file.fileno(), 9)
    os.fsync(file.fileno())
os.rename(f"{root}/data/a", f"{root}/data/b")
os.link(f"{root}/data/b", f"{root}/data/c")
os.unlink(f"{root}/data/b")
folder = os.open(f"{root}/data", os.O_RDONLY)
os.fsync(folder)
"""

    events = run_traced(tmp_path, root, program)

    data = str(root / "data")
    assert events == [
        FolderMade(data),
        Opened(f"{data}/a", is_emptied=True),
        Written(f"{data}/a", None, b'\0\1"x\\' + bytes(300)),
        Written(f"{data}/a", 7, b"\377y"),
        Truncated(f"{data}/a", 9),
        Synced(f"{data}/a", 5),
        Renamed(f"{data}/a", f"{data}/b"),
        Linked(f"{data}/b", f"{data}/c"),
        Removed(f"{data}/b"),
        Synced(data, 9),
    ]


def test_sync_covers_what_had_ended_when_it_began_and_a_reply_leaves_when_it_begins(tmp_path):
    file = f"7<{tmp_path}/disk/wal>"
    socket = "9<TCP:[127.0.0.1:3000->127.0.0.1:4000]>"

    events = _read(
        tmp_path,
        f'12 pwrite64({file}, "a", 1, 0) = 1',
        f'13 pwrite64({file}, "b", 1, 1 <unfinished ...>',
        f"12 fdatasync({file} <unfinished ...>",
        f'14 sendto({socket}, "HTTP/1.1 200 OK", 15, 0, NULL, 0 <unfinished ...>',
        "13 <... pwrite64 resumed>)          = 1",
        "12 <... fdatasync resumed>)         = 0",
        "14 <... sendto resumed>)            = 15",
        "12 +++ exited with 0 +++",
    )

    wal = f"{tmp_path}/disk/wal"
    sent = Sent("127.0.0.1:3000", "127.0.0.1:4000", b"HTTP/1.1 200 OK")
    assert events == [Written(wal, 0, b"a"), sent, Written(wal, 1, b"b"), Synced(wal, 1)]


def test_failed_calls_and_other_folders_are_left_out(tmp_path):
    events = _read(
        tmp_path,
        f'12 unlink("{tmp_path}/disk/a") = -1 ENOENT (No such file or directory)',
        f'12 write(3<{tmp_path}/log>, "text about {tmp_path}/disk/a", 11) = 11',
        f'12 write(3<{tmp_path}/disk/a>(deleted), "a", 1) = 1',
    )

    assert events == []


@pytest.mark.parametrize("call", ["fallocate({}, 0, 0, 9) = 0", 'pwritev({}, [{{iov_base="a", iov_len=1}}], 1, 0) = 1'])
def test_change_that_is_not_understood_is_an_error(tmp_path, call):
    with pytest.raises(TraceError, match="not understood"):
        _read(tmp_path, f"12 {call.format(f'7<{tmp_path}/disk/a>')}")


def test_file_that_is_written_through_memory_is_an_error(tmp_path):
    shared = "12 mmap(NULL, 32768, PROT_READ|PROT_WRITE, MAP_SHARED, 10<{}/disk/{}>, 0) = 0x7f"

    assert _read(tmp_path, shared.format(tmp_path, "omi.sqlite3-shm")) == []
    with pytest.raises(TraceError, match="mmap"):
        _read(tmp_path, shared.format(tmp_path, "omi.sqlite3"))


def test_missing_strace_is_said_with_the_way_to_it(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(TraceError, match="apt-get install strace"):
        build_strace(tmp_path / "trace")
