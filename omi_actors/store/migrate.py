"""The schema's versions: numbered SQL files, applied in order at start, each in a transaction of its own.

Programs of two versions may run on one database: each step names the version that a program must know to go on.
Not here: the files and their rules (migrations/), copies of the database (sqlite.py).
Threads: the writer's, at its start.
"""

import re
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from typing import Any

from omi_actors.errors import StoreError
from omi_actors.store.dialect import Dialect

_FILE_NAME = re.compile(r"(\d{4})_(\w+)\.sql")
# In a file's first line: the version that a program must know to run on the schema after this step.
_NEEDS = re.compile(r"-- needs: (\d+)\n")
# The version from which `needs` is stored, and each node's row has the version that its program knows.
SIDE_BY_SIDE = 24
# A step that changes a table waits for the transactions there, and meanwhile everybody else waits for the step. So it
# gives up soon (postgres.py), and waits again, behind the others.
_TRIES = 20
_VERSION_TABLE = (
    "CREATE TABLE schema_migration (version INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL,"
    " applied_at DOUBLE PRECISION NOT NULL)"
)


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema. `version` counts from 1 without gaps.

    `needs` is the version that a program must know to go on after it; 0 if every program can.
    """

    version: int
    name: str
    script: str
    needs: int = 0


def load_migrations(folder: Traversable) -> list[Migration]:
    """Read a database's migrations, ordered by version."""
    found = []
    for file in folder.iterdir():
        match = _FILE_NAME.fullmatch(file.name)
        if match is not None:
            script = file.read_text(encoding="utf-8")
            needs = _NEEDS.match(script)
            found.append(Migration(int(match[1]), match[2], script, int(needs[1]) if needs else 0))
    return sorted(found, key=lambda migration: migration.version)


def migrate(con: Any, dialect: Dialect, migrations: list[Migration], now_s: float) -> int:
    """Bring the database to the newest known version and return that version. An older database is copied before.

    A newer database is left as it is, if its steps say that this program can go on with it.

    Raises: StoreError when it cannot, or when a step would break a program that runs now.
    """
    newest = migrations[-1].version
    current, needs = read_versions(con, dialect)
    if current > newest and needs > newest:
        raise StoreError(
            f"The schema of {dialect.place} has version {current}; this program knows versions up to {newest}. "
            "Start the newer program again, or restore the copy that was made before the upgrade: omi-actors restore."
        )
    dialect.delete_old_backups(now_s)
    if 0 < current < newest:
        dialect.back_up(con, f"{newest:04d}", now_s)
    for migration in migrations[current:]:
        _apply_patiently(con, dialect, migration, now_s)
    return newest


def read_versions(con: Any, dialect: Dialect) -> tuple[int, int]:
    """Return the version of the schema, and the one that a program must know to go on with it; 0 if it is empty."""
    dialect.begin(con)
    try:
        cursor = con.cursor()
        current = _select_version(cursor, dialect)
        if current < SIDE_BY_SIDE:
            return current, current
        cursor.execute("SELECT max(needs) FROM schema_migration")
        return current, int(cursor.fetchone()[0])
    finally:
        dialect.rollback(con)


def _select_version(cursor: Any, dialect: Dialect) -> int:
    if not dialect.has_table(cursor, "schema_migration"):
        return 0
    cursor.execute("SELECT coalesce(max(version), 0) FROM schema_migration")
    return int(cursor.fetchone()[0])


def _refuse_breaking(cursor: Any, dialect: Dialect, migration: Migration) -> None:
    """Refuse a step that a program which runs now could not go on with.

    Raises: StoreError.
    """
    now_s = dialect.fetch_now_s(cursor)
    if not migration.needs or now_s is None:  # a database with one process
        return
    select = "SELECT name FROM node WHERE lease_until > ? AND coalesce(schema_version, 0) < ? ORDER BY name"
    cursor.execute(dialect.sql(select), (now_s, migration.needs))
    if names := [name for (name,) in cursor.fetchall()]:
        raise StoreError(
            f"the schema's version {migration.version} would break the programs that run now as {', '.join(names)}. "
            f"Upgrade them to a release that knows version {migration.needs} first, or stop them."
        )


def _apply_patiently(con: Any, dialect: Dialect, migration: Migration, now_s: float) -> None:
    """Apply one migration. If other nodes' statements are in its way, try again."""
    for left in reversed(range(_TRIES)):
        try:
            _apply(con, dialect, migration, now_s)
        except dialect.driver_errors as exc:
            if not left or not dialect.is_in_the_way(exc):
                raise
        else:
            return


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
        _refuse_breaking(cursor, dialect, migration)
        dialect.run_script(cursor, migration.script)
        columns = "version, name, applied_at" + (", needs" if migration.needs else "")
        values = (migration.version, migration.name, now_s, *([migration.needs] if migration.needs else []))
        marks = ", ".join("?" * len(values))
        cursor.execute(dialect.sql(f"INSERT INTO schema_migration ({columns}) VALUES ({marks})"), values)  # noqa: S608
        con.commit()
    finally:
        dialect.rollback(con)
