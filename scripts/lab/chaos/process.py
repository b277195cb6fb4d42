"""What the system tells of a process, and what it can be made to suffer by anybody who owns it.

Not here: starting and signals (replay/server_process.py). Threads: any. Source: proc(5), prlimit(2).
"""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a process holds: resident bytes, open files and connections, threads."""

    resident_bytes: int
    files: int
    threads: int


def read_footprint(pid: int) -> Footprint:
    """Look at a process."""
    folder = Path(f"/proc/{pid}")
    resident_pages = int((folder / "statm").read_text().split()[1])
    return Footprint(
        resident_bytes=resident_pages * _PAGE_BYTES,
        files=len(list((folder / "fd").iterdir())),
        threads=len(list((folder / "task").iterdir())),
    )


@contextmanager
def limited_files(pid: int, limit_bytes: int) -> Iterator[None]:
    """Let no file of the process be written beyond `limit_bytes` while the block runs: such writes fail (EFBIG)."""
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit_bytes, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
