"""What a figure was measured on and with: the machine, the versions, the commit.

Not here: the figures. Threads: any; asks git once.
"""

import os
import platform
import subprocess
from pathlib import Path

_ROOT = Path(__file__).parents[3]


def read_machine() -> dict[str, object]:
    """Return the processor, its cores that we may use, and the system."""
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "cpu": models[0].partition(":")[2].strip() if models else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
    }


def read_commit() -> str:
    """Return the checked-out commit, with "+" when files differ from it; "unknown" without git or a commit."""
    try:
        commit = _git("rev-parse", "HEAD")
        is_clean = not _git("status", "--porcelain")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return commit if is_clean else f"{commit}+"


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(_ROOT), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603 (fixed words)
