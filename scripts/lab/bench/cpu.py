"""CPU time of processes and the cores that they run on, from the kernel.

Not here: what is measured with it. Threads: any. Linux only, as /proc is.
"""

import os
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
# Fields of /proc/PID/stat after the name, which ends at the last ")": utime is field 14, stime 15, counted from 1.
_UTIME, _STIME = 14 - 3, 15 - 3


def read_cpu_s(pid: int) -> float:
    """Return the seconds of CPU that a process's threads have used so far, in user and kernel mode."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[_UTIME]) + int(fields[_STIME])) / _TICKS_PER_S


def read_resident_bytes(pid: int) -> int:
    """Return how much memory a process holds in RAM."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def pin(pid: int, core: int) -> bool:
    """Keep a process, all its threads, on one core; tell whether the machine has that core and another one."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:  # noqa: PLR2004 (one for each side)
        return False
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), {cores[core % len(cores)]})
    return True
