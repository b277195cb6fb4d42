"""The file of an SQLite store: checks before it is opened, and sentences about a file that cannot be used.

Each sentence names the file and the way out. Not here: the connection (sqlite.py), backup and restore (archive.py).
Threads: any.
"""

import errno
import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

from omi_actors.errors import StoreError

_ELSEWHERE = "Move it away, or name another place for the store."
_PERMIT = "Let this account write it and its folder, and make room on the disk."

_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_NOT_WRITABLE = frozenset({sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL})


def check_file(file: Path) -> bool:
    """Return True if `file` can be opened as a database, False if it does not exist and can be made.

    SQLite itself would take an empty file for a new database, and delete the log beside it.

    Raises:
        StoreError: the file is no database, or a store was here and is gone. OSError: it cannot be read.
    """
    try:
        mode, size = file.stat().st_mode, file.stat().st_size
    except FileNotFoundError:
        log = _log_of(file)
        if log.exists() and log.stat().st_size:
            raise StoreError(f"{file} is missing, but its log is still there. {find_way_back(file)}") from None
        return False
    if not stat.S_ISREG(mode):
        raise StoreError(f"{file} is not a file, so it cannot be the database. {_ELSEWHERE}")
    if not size:
        raise StoreError(f"{file} is empty, so it is not a database any more. {find_way_back(file)}")
    if not os.access(file, os.R_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(file))
    if not _is_database(file):
        raise StoreError(f"{file} is not a database of SQLite, or it is damaged. {find_way_back(file)}")
    return True


def _is_database(file: Path) -> bool:
    """Return False if the file's head is not a database's. Neither the file nor its log changes.

    SQLite itself reads it: closing a file of ours would end the locks of this process's connections to it (sqlite.org,
    "How to corrupt", 2.2). Then another program that closes the database deletes the log under them.
    """
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as con:
            con.execute("PRAGMA schema_version").fetchone()
    except sqlite3.DatabaseError as exc:
        return find_code(exc) != sqlite3.SQLITE_NOTADB
    return True


def make_file(file: Path) -> None:
    """Make an empty database, private to its owner. It gets its name when it is complete, so a crash leaves no part."""
    draft = file.with_name(f"{file.name}.new")
    draft.unlink(missing_ok=True)
    draft.touch(0o600)
    with closing(sqlite3.connect(draft)) as con:
        con.execute("PRAGMA journal_mode=WAL")  # which writes the first page
    draft.replace(file)


def check_owner(con: sqlite3.Connection, file: Path) -> None:
    """Check that an open database is ours or new, before anything is changed in it.

    Raises:
        StoreError: it has the tables or the mark of another program.
    """
    (mark,) = con.execute("PRAGMA application_id").fetchone()
    tables = {name for (name,) in con.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if mark or (tables and "schema_migration" not in tables):
        raise StoreError(f"{file} is the database of another program. {_ELSEWHERE}")


def describe_failure(file: Path, exc: BaseException) -> str:
    """Return an error's message. If the file is the cause, name it and the way out.

    SQLite names tables and columns in its messages, never values.
    """
    code = find_code(exc)
    if code in _DAMAGED:
        return f"{file} is damaged ({exc}). {find_way_back(file)}"
    if code in _NOT_WRITABLE:
        return f"{file} cannot be opened or written ({exc}). {_PERMIT}"
    if isinstance(exc, OSError):
        return f"{exc.filename or file} cannot be used ({exc.strerror or exc}). {_PERMIT}"
    return str(exc)


def find_code(exc: BaseException) -> int:
    """Return the primary result code of a driver error; -1 if it has none."""
    extended = getattr(exc, "sqlite_errorcode", None)
    return -1 if extended is None else extended & 0xFF


def find_way_back(file: Path) -> str:
    """Return the sentence that leads from an unusable database to a usable one."""
    copies = sorted(file.parent.glob(f"{file.name}.*.bak"), key=lambda copy: copy.stat().st_mtime)
    newest = f" (the newest one beside it is {copies[-1].name})" if copies else ""
    return (
        f"Restore a copy{newest} with `omi-actors restore FILE`, or move {file.name} and {_log_of(file).name} away to "
        "begin anew."
    )


def _log_of(file: Path) -> Path:
    return file.with_name(f"{file.name}-wal")
