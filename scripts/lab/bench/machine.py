"""Machine: hardware and commit of a measurement; CPU time, memory, files and cores of processes; runs of modules.

Not here: the measurements; servers and signals (replay/server_process.py). Threads: any; it calls git once. Linux
only. Source: proc(5), prlimit(2).
"""

import asyncio
import os
import platform
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path(__file__).parents[3]


class RowFailedError(RuntimeError):
    """The process of a row, or of its load, ended without a result."""


async def run_module(module: str, *arguments: str, within_s: float, core: int | None = None) -> bytes:
    """Run a module in a process of its own, on one core if it is named, and return what it printed.

    Raises: RowFailedError, TimeoutError
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *arguments, stdout=asyncio.subprocess.PIPE, stdin=asyncio.subprocess.DEVNULL
    )
    try:
        if core is not None:
            pin(process.pid, core)
        async with asyncio.timeout(within_s):
            printed, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode != 0:
        raise RowFailedError(f"{module} ended with {process.returncode}")
    return printed


def read_machine() -> dict[str, object]:
    """Return the processor, the number of usable cores, the memory, and the system."""
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "cpu": models[0].partition(":")[2].strip() if models else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
    }


def read_commit() -> str:
    """Return the checked-out commit, with "+" if files differ from it; "unknown" without git or a commit."""
    try:
        commit = _git("rev-parse", "HEAD")
        is_clean = not _git("status", "--porcelain")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return commit if is_clean else f"{commit}+"


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(_ROOT), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603 (fixed words)


_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
# Fields of /proc/PID/stat after the name, which ends at the last ")": utime is field 14, stime 15, from 1.
_UTIME, _STIME = 14 - 3, 15 - 3


def read_cpu_s(pid: int) -> float:
    """Return the CPU seconds of a process's threads so far, in user and kernel mode."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[_UTIME]) + int(fields[_STIME])) / _TICKS_PER_S


def read_resident_bytes(pid: int) -> int:
    """Return the resident memory of a process in bytes."""
    return read_footprint(pid).resident_bytes


def pin(pid: int, core: int) -> bool:
    """Bind all threads of a process to one core; return False on a machine with fewer than two cores."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:  # noqa: PLR2004 (one for each side)
        return False
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), {cores[core % len(cores)]})
    return True


_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Footprint:
    """Resources of a process: resident bytes, open files and connections, threads."""

    resident_bytes: int
    files: int
    threads: int


def read_footprint(pid: int) -> Footprint:
    """Return the resources that a process uses now."""
    folder = Path(f"/proc/{pid}")
    resident_pages = int((folder / "statm").read_text().split()[1])
    return Footprint(
        resident_bytes=resident_pages * _PAGE_BYTES,
        files=len(list((folder / "fd").iterdir())),
        threads=len(list((folder / "task").iterdir())),
    )


@contextmanager
def limited_files(pid: int, limit_bytes: int) -> Iterator[None]:
    """Make the process's writes beyond `limit_bytes` of a file fail (EFBIG) until the `with` block ends."""
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit_bytes, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
