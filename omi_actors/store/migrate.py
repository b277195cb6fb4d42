"""The schema's versions: numbered SQL files, applied in order at start, each in a transaction of its own.

Not here: the files (migrations/), copies of the database (sqlite.py). Threads: the writer's, at its start.
"""

import re
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from typing import Any

from omi_actors.errors import StoreError
from omi_actors.store.dialect import Dialect

_FILE_NAME = re.compile(r"(\d{4})_(\w+)\.sql")
_VERSION_TABLE = (
    "CREATE TABLE schema_migration (version INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL,"
    " applied_at DOUBLE PRECISION NOT NULL)"
)


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema. `version` counts from 1 without gaps."""

    version: int
    name: str
    script: str


def load_migrations(folder: Traversable) -> list[Migration]:
    """Read a database's migrations, ordered by version."""
    found = []
    for file in folder.iterdir():
        match = _FILE_NAME.fullmatch(file.name)
        if match is not None:
            found.append(Migration(int(match[1]), match[2], file.read_text(encoding="utf-8")))
    return sorted(found, key=lambda migration: migration.version)


def migrate(con: Any, dialect: Dialect, migrations: list[Migration], now_s: float) -> int:
    """Bring the database to the newest known version and return that version. An older database is copied before.

    Raises: StoreError when the database is newer than this program.
    """
    newest = migrations[-1].version
    current = read_version(con, dialect)
    if current > newest:
        raise StoreError(
            f"The schema of {dialect.place} has version {current}; this program knows versions up to {newest}. "
            "Start the newer program again, or restore the copy that was made before the upgrade: omi-actors restore."
        )
    dialect.delete_old_backups(now_s)
    if 0 < current < newest:
        dialect.back_up(con, f"{newest:04d}", now_s)
    for migration in migrations[current:]:
        _apply(con, dialect, migration, now_s)
    return newest


def read_version(con: Any, dialect: Dialect) -> int:
    """Return the version of the database's schema; 0 if the database is empty."""
    dialect.begin(con)
    try:
        return _select_version(con.cursor(), dialect)
    finally:
        dialect.rollback(con)


def _select_version(cursor: Any, dialect: Dialect) -> int:
    if not dialect.has_table(cursor, "schema_migration"):
        return 0
    cursor.execute("SELECT coalesce(max(version), 0) FROM schema_migration")
    return int(cursor.fetchone()[0])


def _apply(con: Any, dialect: Dialect, migration: Migration, now_s: float) -> None:
    """Apply one migration, unless another process has done so while we waited for the schema's lock."""
    dialect.begin(con)
    cursor = con.cursor()
    try:
        dialect.lock_schema(cursor)
        current = _select_version(cursor, dialect)
        if current >= migration.version:
            return
        if current == 0:
            cursor.execute(_VERSION_TABLE)
        dialect.run_script(cursor, migration.script)
        insert = dialect.sql("INSERT INTO schema_migration (version, name, applied_at) VALUES (?, ?, ?)")
        cursor.execute(insert, (migration.version, migration.name, now_s))
        con.commit()
    finally:
        dialect.rollback(con)
