"""Trace: the changes that a process made to files, its syncs, and the bytes it sent, in their order, by strace.

A change counts from the end of its call; a sync covers what had ended when it began; bytes are sent when the call
begins. So no sync and no change is seen before it happened, and no reply after it left. Memory maps are not seen:
SQLite maps its `-shm` file only, and a start makes that anew.
Not here: what a power cut leaves of the changes (disk.py). Threads: any, blocking file access.
"""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

_CALLS = (
    *("open", "openat", "creat", "write", "pwrite64", "writev", "pwritev", "pwritev2", "ftruncate", "truncate"),
    *("fallocate", "copy_file_range", "sendfile", "fsync", "fdatasync", "sync_file_range", "mmap"),
    *("rename", "renameat", "renameat2", "unlink", "unlinkat", "link", "linkat", "mkdir", "mkdirat", "rmdir"),
    *("sendto", "sendmsg"),
)
# Bytes of a call that are recorded; a longer one is an error, not a short record.
_MAX_BYTES = 4_000_000


class TraceError(RuntimeError):
    """The trace cannot be made or understood."""


class Written(NamedTuple):
    """Bytes at an offset of a file; at its end if `offset` is None."""

    path: str
    offset: int | None
    data: bytes


class Truncated(NamedTuple):
    """A file with a new size."""

    path: str
    size: int


class Synced(NamedTuple):
    """A file, or the names in a folder, on the disk: every change among the first `covers` events."""

    path: str
    covers: int


class Opened(NamedTuple):
    """A file that was opened, and made if there was none. `is_emptied`: what it had is gone."""

    path: str
    is_emptied: bool


class FolderMade(NamedTuple):
    """A new folder."""

    path: str


class Renamed(NamedTuple):
    """A file with a new name. It replaces what had the name."""

    path: str
    new: str


class Linked(NamedTuple):
    """A file with a second name."""

    path: str
    new: str


class Removed(NamedTuple):
    """A name that is gone."""

    path: str


class Sent(NamedTuple):
    """Bytes on the way to another process, between two TCP addresses `host:port`."""

    local: str
    remote: str
    data: bytes


_OfFile = Written | Truncated | Synced | Opened | FolderMade | Renamed | Linked | Removed
Event = _OfFile | Sent


def build_strace(trace: Path) -> tuple[str, ...]:
    """Return the words before a command that let strace write its calls to `trace`. The command keeps its process id.

    Raises: TraceError if there is no strace.
    """
    strace = _find_strace()
    options = ("-DD", "-f", "--seccomp-bpf", "-yy", "-q", "-s", str(_MAX_BYTES), "-e", "signal=kill")
    return (strace, *options, "-e", f"trace={','.join(_CALLS)}", "-o", str(trace))


def read_strace_version() -> str:
    """Return the version of strace. Raises: TraceError if there is no strace."""
    said = subprocess.run([_find_strace(), "--version"], capture_output=True, text=True, check=True)  # noqa: S603 (the tool)
    return said.stdout.partition("\n")[0].rpartition(" ")[2]


def _find_strace() -> str:
    strace = shutil.which("strace")
    if strace is None:
        raise TraceError("strace is not installed. On Debian and Ubuntu: apt-get install strace")
    return strace


_LINE = re.compile(rb"(\d+) +(?:<\.\.\. (\w+) resumed>|(\w+)\()")
_UNFINISHED = b" <unfinished ...>"
_RESULT = re.compile(rb"\) += (-?\d+)(?:x[0-9a-f]+)?(?:<.*>)?(?: \(.*\))?$")
_FILE = re.compile(rb"\d+<(/[^<>]*)>(\(deleted\))?")
_TCP = re.compile(rb"\d+<TCP(?:v6)?:\[([^\]]*?)->([^\]]*?)\]>")
_TEXT = re.compile(rb'"([^"\\]*(?:\\.[^"\\]*)*)"(\.\.\.)?')
_FOLDER = re.compile(rb"<(/[^<>]*)>")
_MAPPED = re.compile(rb"PROT_WRITE.*MAP_SHARED[A-Z_|]*, \d+<(/[^<>]*)>")
_SENDERS = frozenset({b"sendto", b"sendmsg", b"write", b"writev"})


class _Call(NamedTuple):
    """A call that succeeded. `covers` events were there when it began."""

    name: str
    words: bytes
    result: int
    covers: int

    @property
    def path(self) -> str:
        """Return the path of the file whose descriptor comes first; "" if it is none, or has no name any more."""
        found = _FILE.match(self.words)
        return "" if found is None or found[2] else _decode(found[1]).decode()

    @property
    def names(self) -> list[str]:
        """Return the quoted paths; a relative one is relative to the folder that strace names."""
        named = _FOLDER.search(self.words)
        folder = PurePosixPath(_decode(named[1]).decode() if named else "/")
        return [str(folder / text.decode(errors="surrogateescape")) for text in _read_texts(self.words)]

    @property
    def rest(self) -> bytes:
        """Return the arguments after the last quoted one, or all."""
        return self.words.rpartition(b'"')[2]

    @property
    def last_number(self) -> int:
        """Return the last argument."""
        return int(self.rest.rpartition(b", ")[2])


def read_trace(file: Path, root: Path) -> list[Event]:
    """Read the events of a trace: those of files in `root`, and what was sent by TCP.

    Raises: TraceError at a call that changes these files and is not understood.
    """
    with file.open("rb") as lines:
        return list(_read_events(lines, str(root)))


def _read_events(lines: Iterable[bytes], root: str) -> Iterator[Event]:
    begun: dict[bytes, tuple[bytes, int]] = {}
    count = 0
    for line in lines:
        head = _LINE.match(line)
        if head is None:
            continue  # the end of a thread or process
        thread, resumed, name = head.groups()
        words = line[head.end() :].rstrip(b"\n")
        if name in _SENDERS and (sent := _read_sent(words)) is not None:
            count += 1
            yield sent
        if words.endswith(_UNFINISHED):
            begun[thread] = (words.removesuffix(_UNFINISHED), count)
            continue
        before, covers = begun.pop(thread, (b"", count))
        event = _read_call((resumed or name).decode(), before + words, covers, root)
        if event is not None:
            count += 1
            yield event


def _read_call(name: str, words: bytes, covers: int, root: str) -> Event | None:
    """Return the event of a call; None if it failed, or is about nothing below `root`."""
    ended = _RESULT.search(words)
    if ended is None or int(ended[1]) < 0 or root.encode() not in words:
        return None
    call = _Call(name, words[: ended.start()], int(ended[1]), covers)
    event = _READERS.get(name, _refuse)(call)
    if event is None or not (event.path == root or event.path.startswith(f"{root}/")):
        return None
    return event


def _read_sent(words: bytes) -> Sent | None:
    ends = _TCP.match(words)
    return Sent(ends[1].decode(), ends[2].decode(), b"".join(_read_texts(words))) if ends else None


def _read_texts(words: bytes) -> list[bytes]:
    found = _TEXT.findall(words)
    if any(cut for _, cut in found):
        raise TraceError(f"a call has more than {_MAX_BYTES} bytes")
    return [_decode(text) for text, _ in found]


def _decode(text: bytes) -> bytes:
    return text.decode("unicode_escape").encode("latin-1")


def _read_opened(call: _Call) -> _OfFile | None:
    is_emptied = b"O_TRUNC" in call.rest
    return Opened(call.names[0], is_emptied) if is_emptied or b"O_CREAT" in call.rest else None


def _read_written(call: _Call) -> _OfFile | None:
    (data,) = _read_texts(call.words)
    return Written(call.path, call.last_number if call.name == "pwrite64" else None, data[: call.result])


def _read_map(call: _Call) -> _OfFile | None:
    mapped = _MAPPED.search(call.words)
    return None if mapped is None or mapped[1].endswith(b"-shm") else _refuse(call)


def _refuse(call: _Call) -> _OfFile | None:
    raise TraceError(f"{call.name} of {_FOLDER.findall(call.words) or call.names} is not understood")


_READERS: Mapping[str, Callable[[_Call], _OfFile | None]] = {
    "open": _read_opened,
    "openat": _read_opened,
    "write": _read_written,
    "pwrite64": _read_written,
    "ftruncate": lambda call: Truncated(call.path, call.last_number),
    "fsync": lambda call: Synced(call.path, call.covers),
    "fdatasync": lambda call: Synced(call.path, call.covers),
    "mmap": _read_map,
    **dict.fromkeys(("rename", "renameat", "renameat2"), lambda call: Renamed(*call.names)),
    **dict.fromkeys(("link", "linkat"), lambda call: Linked(*call.names)),
    **dict.fromkeys(("unlink", "unlinkat"), lambda call: Removed(*call.names)),
    **dict.fromkeys(("mkdir", "mkdirat"), lambda call: FolderMade(*call.names)),
}
