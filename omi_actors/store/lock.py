"""One process per SQLite store: a lock on a file beside the database, held until the process ends or lets go.

Not here: locks between a database's own connections (sqlite.py). Threads: any. Within one process the lock is counted,
so that a replaced writer may open while a stuck one still holds it: SQLite itself orders those two.
"""

import os
import sys
import threading
from pathlib import Path
from typing import IO

from omi_actors.errors import StoreError

_guard = threading.Lock()
_held: dict[Path, tuple[IO[str], int]] = {}


def acquire_process_lock(path: Path) -> None:
    """Take the lock of `path` for this process, or once more if it has it.

    Raises: StoreError when another process has it.
    """
    path = path.resolve()
    with _guard:
        if path in _held:
            file, count = _held[path]
            _held[path] = (file, count + 1)
            return
        file = path.open("a+", encoding="ascii")
        try:
            _lock_file(file)
        except OSError:
            file.seek(0)
            owner = file.read().strip() or "unknown"
            file.close()
            raise StoreError(
                f"The data directory {path.parent} is in use by another omi-actors process (process id {owner}). "
                "Stop that one, or start this one with a data directory of its own."
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        _held[path] = (file, 1)


def release_process_lock(path: Path) -> None:
    """Give back one hold of the lock; the last one frees it for other processes."""
    path = path.resolve()
    with _guard:
        file, count = _held[path]
        if count > 1:
            _held[path] = (file, count - 1)
            return
        del _held[path]
        file.close()


def find_lock_owner(path: Path) -> str | None:
    """Return the id of the other process that holds the lock of `path`, None if there is none. Takes no lock."""
    if not path.exists():
        return None
    with path.open("r+", encoding="ascii") as file:
        try:
            _lock_file(file)
        except OSError:
            file.seek(0)
            return file.read().strip() or "unknown"
    return None


if sys.platform == "win32":
    import msvcrt

    def _lock_file(file: IO[str]) -> None:
        file.seek(1 << 20)  # beyond the process id, which others may read
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        file.seek(0)
else:
    import fcntl

    def _lock_file(file: IO[str]) -> None:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
