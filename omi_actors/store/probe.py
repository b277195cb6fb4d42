"""Check of a database without changes to it: can it be reached, its schema's version, its clock.

Not here: opening it for work (engine.py). Threads: the caller's, which is blocked for up to some seconds.
"""

import sqlite3
from dataclasses import dataclass
from importlib.resources import files

from omi_actors.errors import StoreUnavailableError
from omi_actors.store.durability import Durability, read_durability
from omi_actors.store.engine import Engine, StoreConfig, build_dialect
from omi_actors.store.lock import find_lock_owner
from omi_actors.store.migrate import load_migrations
from omi_actors.store.sqlite import SQLite
from omi_actors.store.sqlite_file import check_file
from omi_actors.store.transaction import NodeIdentity, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreState:
    """State of a database; `place` names it for people.

    `version` is its schema's, 0 if it does not exist yet; `newest` is the program's version, and `needs` the one that a
    program must know. `room` is the number of connections that the server takes; None for a file. `owner` is the id of
    another process that has the SQLite database open. `now_s` is the time (UTC) of the database's clock; None if it
    uses this machine's. `durability` is None for SQLite, whose connections set it.
    """

    database: str
    place: str
    version: int
    newest: int
    needs: int = 0
    room: int | None = None
    owner: str | None = None
    now_s: float | None = None
    durability: Durability | None = None


def find_sqlite_version() -> tuple[int, int, int]:
    """Return the version of SQLite in this Python."""
    return sqlite3.sqlite_version_info


def _has_file(dialect: SQLite) -> bool:
    try:
        return check_file(dialect.file)
    except OSError as exc:
        raise StoreUnavailableError(dialect.describe(exc)) from exc


def _count_room(tx: Transaction) -> int:
    (row,) = tx.fetch("SELECT current_setting('max_connections')::int")
    return int(row[0])


def probe_store(config: StoreConfig) -> StoreState:
    """Return the state of the store.

    Raises:
        StoreUnavailableError, StoreError: it cannot be reached or read; the message says why.
    """
    dialect = build_dialect(config, readonly=True)
    newest = load_migrations(files("omi_actors.store.migrations") / dialect.name)[-1].version
    owner = find_lock_owner(dialect.lock_file) if isinstance(dialect, SQLite) else None
    if isinstance(dialect, SQLite) and not _has_file(dialect):
        return StoreState(database=dialect.name, place=dialect.place, version=0, newest=newest, owner=owner)
    engine = Engine(config, NodeIdentity("probe"), readonly=True)
    engine.open()
    try:
        version, needs = engine.read_versions()
        is_server = dialect.name != SQLite.name
        now_s = engine.read(lambda tx: tx.now_s()) if is_server else None
        room = engine.read(_count_room) if is_server else None
        durability = engine.read(read_durability) if is_server else None
    finally:
        engine.close()
    return StoreState(
        database=dialect.name,
        place=dialect.place,
        version=version,
        newest=newest,
        needs=needs,
        room=room,
        owner=owner,
        now_s=now_s,
        durability=durability,
    )
