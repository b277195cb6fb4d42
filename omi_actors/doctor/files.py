"""Checks of folders: permission to write, and free space on the disk.

Not here: the database in it (store.py), the mode of the secrets file (safety.py). Threads: the main one.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from config.settings import Settings
from omi_actors.doctor.finding import Finding, Machine, note, ok, problem

_MIB = 1 << 20
# Bytes. Below the first the store soon fails; below the second an upgrade may lack room for its copy.
_TOO_LITTLE = 100 * _MIB
_LITTLE = 1024 * _MIB


def check_data_dir(settings: Settings) -> Iterator[Finding]:
    """Check whether DATA_DIR is, or can become, a writable folder."""
    yield _judge_folder("data", "DATA_DIR", settings.data_dir)


def check_log_dir(settings: Settings) -> Iterator[Finding]:
    """Check whether LOG_DIR is, or can become, a writable folder, if it is set."""
    if settings.enable_file_logging:
        yield _judge_folder("logs", "LOG_DIR", settings.log_dir)


def check_room(settings: Settings, machine: Machine) -> Iterator[Finding]:
    """Check whether the disk has enough free space."""
    folder = _nearest_existing(settings.data_dir)
    free = machine.free_bytes(folder)
    text = f"{free // _MIB:,} MiB free at {folder.resolve()}"
    fix = "Make room on this disk, or set DATA_DIR to another."
    if free < _TOO_LITTLE:
        yield problem("disk", f"{text}: the store will soon be full", fix)
    elif free < _LITTLE:
        yield note("disk", f"{text}: an upgrade's copy of the database may not fit", fix)
    else:
        yield ok("disk", text)


def _judge_folder(check: str, name: str, folder: Path) -> Finding:
    try:
        with suppress(FileNotFoundError, NotADirectoryError):  # it can be made; or a file is in its way, see below
            folder.stat()
    except OSError as exc:
        return problem(check, f"{name}={folder} cannot be used ({exc.strerror})", f"Set another {name}.")
    nearest = _nearest_existing(folder)
    if not nearest.is_dir():
        fix = f"Move {nearest} away, or set another {name}."
        return problem(check, f"{name}={folder}: {nearest} is no folder", fix)
    if not os.access(nearest, os.W_OK | os.X_OK):
        fix = f"Make it writable (chown, chmod u+rwx {nearest}), or set another {name}."
        return problem(check, f"{name}={folder}: {nearest} is not writable for this account", fix)
    return ok(check, f"{folder} is writable")


def _nearest_existing(path: Path) -> Path:
    return next(folder for folder in (path.absolute(), *path.absolute().parents) if os.access(folder, os.F_OK))
