"""Process lock of an SQLite store: a locked file beside the database, so that only one process uses the store.

Not here: locks between a database's own connections (sqlite.py). Threads: any. Within one process the lock is counted,
so a new writer can open the store while a fenced one still holds the lock. SQLite orders their writes.
"""

import os
import sys
import threading
from pathlib import Path
from typing import IO

from omi_actors.errors import StoreError

# Characters of a process id.
_PID_CHARS = 20
_guard = threading.Lock()
_held: dict[Path, tuple[IO[str], int]] = {}


def acquire_process_lock(path: Path) -> None:
    """Take the lock of `path` for this process. If the process has the lock already, count one more hold.

    Raises: StoreError when another process has the lock.
    """
    path = path.resolve()
    with _guard:
        if path in _held:
            file, count = _held[path]
            _held[path] = (file, count + 1)
            return
        file = _open(path, "a+")
        try:
            _lock_file(file)
        except OSError:
            file.seek(0)
            owner = file.read(_PID_CHARS).strip() or "unknown"
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
    """Release one hold of the lock. After the last hold other processes can take the lock."""
    path = path.resolve()
    with _guard:
        file, count = _held[path]
        if count > 1:
            _held[path] = (file, count - 1)
            return
        del _held[path]
        file.close()


def _open(path: Path, mode: str) -> IO[str]:
    try:
        return path.open(mode, encoding="ascii", errors="replace")
    except OSError as exc:
        if not path.parent.is_dir() or isinstance(exc, PermissionError):
            raise
        raise StoreError(
            f"{path} cannot be opened ({exc.strerror or exc}). Remove it: it only marks the store as in use."
        ) from exc


def find_lock_owner(path: Path) -> str | None:
    """Return the id of the other process that holds the lock of `path`, or None. This takes no lock."""
    if not os.access(path, os.F_OK):
        return None
    with _open(path, "r+") as file:
        try:
            _lock_file(file)
        except OSError:
            file.seek(0)
            return file.read(_PID_CHARS).strip() or "unknown"
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
