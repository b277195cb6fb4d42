"""Checks of folders: may we write there, is there room, and who else may read.

Not here: the database in it (store.py). Threads: the main one.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from config.secrets_file import FILE_NAME as SECRETS_FILE
from config.settings import Settings
from omi_actors.doctor.finding import Finding, Machine, note, ok, problem

_MIB = 1 << 20
# What a file's mode lets everybody else do.
_OTHERS = 0o077
# Below the first the store soon fails; below the second an upgrade may not find room for its copy.
_TOO_LITTLE = 100 * _MIB
_LITTLE = 1024 * _MIB


def check_data_dir(settings: Settings) -> Iterator[Finding]:
    """Look whether DATA_DIR can be written, or be made."""
    yield _judge_folder("data", "DATA_DIR", settings.data_dir)


def check_log_dir(settings: Settings) -> Iterator[Finding]:
    """Look whether LOG_DIR can be written, or be made, if log files are wanted."""
    if settings.enable_file_logging:
        yield _judge_folder("logs", "LOG_DIR", settings.log_dir)


def check_secrets_file(settings: Settings) -> Iterator[Finding]:
    """Look whether other accounts of the machine can read the tokens."""
    file = settings.data_dir / SECRETS_FILE
    if file.exists() and file.stat().st_mode & _OTHERS:
        yield note("safety", f"{file} can be read by other accounts of this machine", f"chmod 600 {file}")


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


def _judge_folder(check: str, name: str, folder: Path) -> Finding:
    nearest = _nearest_existing(folder)
    if not nearest.is_dir():
        fix = f"Move {nearest} away, or set another {name}."
        return problem(check, f"{name}={folder}: {nearest} is no folder", fix)
    if not os.access(nearest, os.W_OK | os.X_OK):
        fix = f"Make it writable (chown, chmod u+rwx {nearest}), or set another {name}."
        return problem(check, f"{name}={folder}: {nearest} is not writable for this account", fix)
    return ok(check, f"{folder} is writable")


def _nearest_existing(path: Path) -> Path:
    return next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.exists())
