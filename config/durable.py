"""Files that a power cut leaves whole: written, replaced and kept with their names on the disk.

A name is on the disk when its folder is synced. Not here: the database's files (omi_actors/store/). Threads: any; it
blocks until the disk has it.
"""

import errno
import os
from pathlib import Path

# Answers of file systems that cannot sync a folder, and of a folder that we may not open.
_CANNOT = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EACCES, errno.EISDIR})


def make_folder(folder: Path) -> None:
    """Make a folder that is private to its owner, and its parents, unless they exist."""
    new = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for one in new:
        sync_folder(one.parent)


def write_new(file: Path, content: bytes) -> None:
    """Write a file that is private to its owner. Its name is not on the disk yet. Raises: FileExistsError."""
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())


def replace_file(file: Path, content: bytes) -> None:
    """Give a file this content at once: whoever reads it, also after a power cut, finds the earlier one or this."""
    draft = file.with_name(f"{file.name}.new")
    draft.unlink(missing_ok=True)
    write_new(draft, content)
    draft.replace(file)
    sync_folder(file.parent)


def sync_folder(folder: Path) -> None:
    """Put the names in a folder on the disk, where the file system can do that."""
    try:
        sync_file(folder)
    except OSError as exc:
        if exc.errno not in _CANNOT:
            raise


def sync_file(file: Path) -> None:
    """Put the content of a file on the disk."""
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
