"""Copies of the SQLite file, made before its schema changes and deleted after a week.

Not here: when they are made (migrate.py). Threads: the writer's. A copy holds people's text: it is private to the
file's owner and named in the privacy page.
"""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

KEEP_S = 7 * 86_400.0


def back_up_sqlite(con: sqlite3.Connection, file: Path, label: str, now_s: float) -> Path:
    """Copy the open database to `<file>.before-<label>.<UTC second>.bak` and return that path."""
    copy = file.with_name(f"{file.name}.before-{label}.{int(now_s)}.bak")
    os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    with closing(sqlite3.connect(copy)) as target:
        con.backup(target)
    return copy


def delete_old_copies(file: Path, now_s: float) -> list[Path]:
    """Delete the copies of `file` that are older than a week and return them."""
    old = [copy for copy in sorted(file.parent.glob(f"{file.name}.before-*.bak")) if _made_at(copy) < now_s - KEEP_S]
    for copy in old:
        copy.unlink(missing_ok=True)
    return old


def _made_at(copy: Path) -> float:
    """Return the UTC second in the copy's name; now and for ever recent if somebody renamed it."""
    second = copy.name.rsplit(".", 2)[-2]
    return float(second) if second.isdigit() else float("inf")
