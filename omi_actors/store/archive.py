"""Backup and restore of the SQLite store. A copy can be made while a server runs; to restore, no server may run.

Not here: the copies before a schema upgrade (sqlite.py), the commands (cli/backup.py), PostgreSQL, which has tools of
its own. Threads: the caller's; a copy takes about as long as reading the file.
"""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from config.durable import make_folder, sync_file, sync_folder
from omi_actors.errors import StoreError
from omi_actors.store.lock import acquire_process_lock, release_process_lock
from omi_actors.store.migrate import load_migrations
from omi_actors.store.sqlite_file import check_file, check_owner, find_way_back

# What SQLite keeps beside an open database.
_COMPANIONS = ("-wal", "-shm")
# Seconds for which a server may hold the file's lock while it copies its log back.
_BUSY_S = 10.0
_ANOTHER = "Name another copy."


@dataclass(frozen=True, slots=True)
class Copy:
    """A complete, checked copy of a store. `version` is the version of its schema."""

    file: Path
    version: int
    size_bytes: int


def save_copy(source: Path, target: Path) -> Copy:
    """Write a consistent copy of the database `source` to `target`, private to its owner. A server may run meanwhile.

    `target` appears only when it is complete. An existing file is not overwritten.

    Raises:
        StoreError: there is no store, `target` exists or cannot be written, or the copy is damaged.
    """
    if not check_file(source):
        raise StoreError(
            f"There is no database {source} to back up. DATA_DIR names its folder, or DATABASE_URL the file."
        )
    if target.exists():
        raise StoreError(f"{target} is there already. Name a new file, or remove that one.")
    draft = target.with_name(f"{target.name}.part")
    failed = f"{source} cannot be copied to {target}"
    with _sentences(failed, find_way_back(source)), _removed_at_failure(draft):
        _make_private(draft)
        with closing(_open(source, "ro")) as con, closing(sqlite3.connect(draft)) as copy:
            check_owner(con, source)
            con.backup(copy)  # in one step: a read transaction, beside which a server may write
            copy.execute("PRAGMA journal_mode=DELETE")  # one file, without companions
        checked = _check(draft, source, find_way_back(source))
        sync_file(draft)
        os.link(draft, target)
        draft.unlink()
        sync_folder(target.parent)
    return Copy(target, checked.version, checked.size_bytes)


def check_copy(file: Path) -> Copy:
    """Read the whole copy, check it and return its description.

    Raises:
        StoreError: it is no database of this program, is damaged, or is from a newer version.
    """
    if not file.is_file():
        raise StoreError(f"There is no file {file}. {_ANOTHER}")
    return _check(file, file, _ANOTHER)


def _check(file: Path, named: Path, way_out: str) -> Copy:
    """Check a copy. Messages name the file `named`, and end with the way out."""
    with _sentences(f"{named} is not a sound database", way_out), closing(_open(file, "ro")) as con:
        (verdict,) = con.execute("PRAGMA integrity_check(1)").fetchone()
        if verdict != "ok":
            raise StoreError(f"{named} is damaged: {' '.join(verdict.split())}. {way_out}")
        version = _schema_version(con)
    newest = load_migrations(files("omi_actors.store.migrations") / "sqlite")[-1].version
    if not 0 < version <= newest:
        what = f"has schema version {version}" if version else "has no schema of this program"
        raise StoreError(f"{named} {what}; this program knows versions 1 to {newest}. {way_out}")
    return Copy(file, version, file.stat().st_size)


def restore_copy(source: Path, place: Path, now_s: float) -> Path | None:
    """Replace the database `place` by a copy. Return where the earlier one is kept now; None if there was none.

    At every moment a complete database is in the store's place: the earlier one or the restored one.

    Raises:
        StoreError: the copy is damaged, or a server uses the store. Nothing was changed.
    """
    check_copy(source)
    lock = place.with_name(place.name + ".lock")
    if place.is_dir():
        raise StoreError(f"{place} is a folder, so nothing can be restored there. Move it away.")
    with _sentences(f"{source} cannot be restored to {place}", "Make room there, and let this account write there."):
        make_folder(place.parent)
        acquire_process_lock(lock)
        try:
            return _replace(place, source, f"replaced.{int(now_s)}")
        finally:
            release_process_lock(lock)


def _replace(place: Path, source: Path, label: str) -> Path | None:
    draft = place.with_name(f"{place.name}.restoring")
    with _removed_at_failure(draft):
        _make_private(draft)
        shutil.copyfile(source, draft)
        sync_file(draft)
        earlier = _set_aside(place, label) if place.exists() else None
        draft.replace(place)
        sync_folder(place.parent)
    return earlier


def _set_aside(place: Path, label: str) -> Path:
    """Give the earlier database a second name. First copy its log into it, if the database can be opened."""
    if place.stat().st_size:  # SQLite deletes the log of an empty file
        with suppress(sqlite3.Error), closing(_open(place, "rw")) as con:
            con.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    earlier = place.with_name(f"{place.name}.{label}.bak")
    for companion in _COMPANIONS:
        left = place.with_name(place.name + companion)
        if left.exists():  # it would be read as the restored database's own
            left.replace(earlier.with_name(earlier.name + companion))
    os.link(place, earlier)
    return earlier


def _open(file: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.resolve().as_uri()}?mode={mode}", uri=True, timeout=_BUSY_S)


def _schema_version(con: sqlite3.Connection) -> int:
    if con.execute("SELECT 1 FROM sqlite_master WHERE name = 'schema_migration'").fetchone() is None:
        return 0
    return int(con.execute("SELECT coalesce(max(version), 0) FROM schema_migration").fetchone()[0])


def _make_private(file: Path) -> None:
    os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))


@contextmanager
def _removed_at_failure(draft: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


@contextmanager
def _sentences(what: str, way_out: str) -> Iterator[None]:
    """Turn errors of SQLite and of files into StoreErrors. SQLite's messages name tables and columns, never values."""
    try:
        yield
    except (sqlite3.Error, OSError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
        raise StoreError(f"{what}: {reason}. {way_out}") from exc
