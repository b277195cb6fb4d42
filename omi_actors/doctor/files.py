"""Checks of the data folder: may we write there, and is there room.

Not here: the database in it (store.py). Threads: the main one.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from config.settings import Settings
from omi_actors.doctor.finding import Finding, Machine, note, ok, problem

_MIB = 1 << 20
# Below the first the store soon fails; below the second an upgrade may not find room for its copy.
_TOO_LITTLE = 100 * _MIB
_LITTLE = 1024 * _MIB


def check_data_dir(settings: Settings) -> Iterator[Finding]:
    """Look whether DATA_DIR can be written, or be made."""
    folder = settings.data_dir
    nearest = _nearest_existing(folder)
    if not nearest.is_dir():
        yield problem(
            "data", f"DATA_DIR={folder}: {nearest} is no folder", f"Move {nearest} away, or set another DATA_DIR."
        )
    elif not os.access(nearest, os.W_OK | os.X_OK):
        fix = f"Make it writable (chown, chmod u+rwx {nearest}), or set another DATA_DIR."
        yield problem("data", f"DATA_DIR={folder}: {nearest} is not writable for this account", fix)
    else:
        yield ok("data", f"{folder} is writable")


def check_room(settings: Settings, machine: Machine) -> Iterator[Finding]:
    """Look whether the disk has room."""
    folder = _nearest_existing(settings.data_dir)
    free = machine.free_bytes(folder)
    said = f"{free // _MIB:,} MiB free at {folder.resolve()}"
    fix = "Make room on this disk, or set DATA_DIR to another."
    if free < _TOO_LITTLE:
        yield problem("disk", f"{said}: the store will soon take nothing more", fix)
    elif free < _LITTLE:
        yield note("disk", f"{said}: an upgrade's copy of the database may not fit", fix)
    else:
        yield ok("disk", said)


def _nearest_existing(path: Path) -> Path:
    return next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.exists())
