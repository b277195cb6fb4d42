"""Disk: the files of a traced folder, and what a power cut leaves of them.

A sync makes a file's bytes durable, the sync of a folder its names. What is not synced survives as `Unsynced` says. Of
the bytes of a sector the latest is durable, or an earlier one: sectors reach a disk whole, in any order. Names are
durable in their order, as file systems with a journal keep them. Not here: the events (trace.py). Threads: any.
"""

import random
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from scripts.lab.power.trace import (
    Event,
    FolderMade,
    Linked,
    Opened,
    Removed,
    Renamed,
    Sent,
    Synced,
    Truncated,
    Written,
)

# Bytes that a disk writes whole, or not at all.
SECTOR = 512
# Of the pending changes to names, or the sectors of a file, a torn cut keeps all with this chance, else some.
_ALL = 0.5


class Unsynced(StrEnum):
    """Fate of what was not synced: everything survives, nothing does, or each sector and name by chance."""

    KEPT = "kept"
    LOST = "lost"
    TORN = "torn"


class _Change(NamedTuple):
    """Bytes that replace others from `offset` on; with `data` None, the end of the file at `offset`."""

    number: int
    offset: int
    data: bytes | None


class _File:
    """The durable bytes of a file, and the later changes, oldest first. `size` is the present one."""

    def __init__(self) -> None:
        self.durable = bytearray()
        self.pending: list[_Change] = []
        self.size = 0

    def write(self, number: int, offset: int | None, data: bytes) -> None:
        start = self.size if offset is None else offset
        self.pending.append(_Change(number, start, data))
        self.size = max(self.size, start + len(data))

    def truncate(self, number: int, size: int) -> None:
        self.pending.append(_Change(number, size, None))
        self.size = size

    def sync(self, covers: int) -> None:
        """Make all changes durable whose number is below `covers`."""
        done = [change for change in self.pending if change.number < covers]
        _apply(self.durable, done)
        self.pending = self.pending[len(done) :]

    def survive(self, unsynced: Unsynced, rng: random.Random) -> bytes:
        if unsynced is Unsynced.LOST or not self.pending:
            return bytes(self.durable)
        content = bytearray(self.durable)
        _apply(content, self.pending if unsynced is Unsynced.KEPT else _tear(self.pending, rng))
        return bytes(content)


def _apply(content: bytearray, changes: Iterable[_Change]) -> None:
    for _, offset, data in changes:
        if len(content) < offset:
            content.extend(bytes(offset - len(content)))
        if data is None:
            del content[offset:]
        else:
            content[offset : offset + len(data)] = data


def _tear(changes: list[_Change], rng: random.Random) -> Iterator[_Change]:
    """Yield the parts that reached the disk: of each sector all changes up to one of them, of new sizes some."""
    chance = rng.random()
    ends: dict[int, int] = {}
    for at, (number, offset, data) in enumerate(changes):
        if data is None:
            if rng.random() < chance:
                yield _Change(number, offset, None)
            continue
        for start, part in _split(offset, data):
            sector = start // SECTOR
            if sector not in ends:
                ends[sector] = len(changes) if rng.random() < chance else rng.randrange(len(changes))
            if at < ends[sector]:
                yield _Change(number, start, part)


def _split(offset: int, data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the parts of `data` in each sector."""
    end = offset + len(data)
    while offset < end:
        stop = min(end, (offset // SECTOR + 1) * SECTOR)
        yield offset, data[len(data) - (end - offset) : len(data) - (end - stop)]
        offset = stop


class _Names(NamedTuple):
    """Names of a folder that change together; None: the name is gone."""

    number: int
    names: tuple[tuple[str, "_File | _Folder | None"], ...]


class _Folder:
    """The durable names of a folder, the later changes, and the present names."""

    def __init__(self) -> None:
        self.durable: dict[str, _File | _Folder] = {}
        self.pending: list[_Names] = []
        self.present: dict[str, _File | _Folder] = {}

    def change(self, number: int, *names: tuple[str, "_File | _Folder | None"]) -> None:
        self.pending.append(_Names(number, names))
        _rename(self.present, names)

    def sync(self, covers: int) -> None:
        """Make all changes durable whose number is below `covers`."""
        done = [change for change in self.pending if change.number < covers]
        for change in done:
            _rename(self.durable, change.names)
        self.pending = self.pending[len(done) :]

    def survive(self, unsynced: Unsynced, rng: random.Random) -> "dict[str, _File | _Folder]":
        kept = {Unsynced.KEPT: len(self.pending), Unsynced.LOST: 0}.get(unsynced)
        if kept is None:
            kept = len(self.pending) if rng.random() < _ALL else rng.randint(0, len(self.pending))
        names = dict(self.durable)
        for change in self.pending[:kept]:
            _rename(names, change.names)
        return names


def _rename(names: "dict[str, _File | _Folder]", changes: Iterable[tuple[str, "_File | _Folder | None"]]) -> None:
    for name, found in changes:
        if found is None:
            names.pop(name, None)
        else:
            names[name] = found


class Disk:
    """The folder `root`, empty and durable at first. Apply every event in order; `cut` writes what is left then."""

    def __init__(self, root: Path) -> None:
        self._root = PurePosixPath(root)
        self._top = _Folder()
        self._number = 0

    def apply(self, event: Event) -> None:  # noqa: C901 (one case an event)
        """Change the files as the event says."""
        number = self._number
        self._number += 1
        match event:
            case Sent():
                pass
            case Written(path, offset, data):
                self._file(path).write(number, offset, data)
            case Truncated(path, size):
                self._file(path).truncate(number, size)
            case Synced(path, covers):
                self._find(path).sync(covers)
            case Opened(path, is_emptied):
                self._open(number, path, is_emptied=is_emptied)
            case FolderMade(path):
                folder, name = self._place(path)
                folder.change(number, (name, _Folder()))
            case Renamed(path, new):
                folder, name = self._place(path)
                to, new_name = self._place(new)
                if folder is not to:
                    raise ValueError(f"{path} is moved to another folder, which is not understood")
                folder.change(number, (name, None), (new_name, folder.present[name]))
            case Linked(path, new):
                folder, name = self._place(new)
                folder.change(number, (name, self._find(path)))
            case Removed(path):
                folder, name = self._place(path)
                folder.change(number, (name, None))

    def cut(self, into: Path, unsynced: Unsynced, rng: random.Random) -> None:
        """Write the files that a power cut leaves now into the folder `into`, without `-shm` files."""
        _write(self._top, into, unsynced, rng)

    def _open(self, number: int, path: str, *, is_emptied: bool) -> None:
        folder, name = self._place(path)
        if name not in folder.present:
            folder.change(number, (name, _File()))
        elif is_emptied:
            self._file(path).truncate(number, 0)

    def _place(self, path: str) -> tuple[_Folder, str]:
        *folders, name = PurePosixPath(path).relative_to(self._root).parts
        folder = self._top
        for one in folders:
            found = folder.present[one]
            if not isinstance(found, _Folder):
                raise TypeError(f"{path} is not below a folder")
            folder = found
        return folder, name

    def _find(self, path: str) -> _File | _Folder:
        if PurePosixPath(path) == self._root:
            return self._top
        folder, name = self._place(path)
        return folder.present[name]

    def _file(self, path: str) -> _File:
        found = self._find(path)
        if not isinstance(found, _File):
            raise TypeError(f"{path} is a folder")
        return found


def _write(folder: _Folder, into: Path, unsynced: Unsynced, rng: random.Random) -> None:
    into.mkdir(exist_ok=True)
    for name, found in folder.survive(unsynced, rng).items():
        if isinstance(found, _Folder):
            _write(found, into / name, unsynced, rng)
        elif not name.endswith("-shm"):
            (into / name).write_bytes(found.survive(unsynced, rng))
