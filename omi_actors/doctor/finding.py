"""What a check says, and what it may know of the machine.

Not here: the checks. Threads: any.
"""

import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from omi_actors.clock import Clock, SystemClock


class State(StrEnum):
    """`note`: it works, but perhaps not as wished."""

    OK = "ok"
    NOTE = "note"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. `fix` is what to do; empty when all is well."""

    check: str
    state: State
    said: str
    fix: str = ""


def ok(check: str, said: str) -> Finding:
    """Return that all is well."""
    return Finding(check, State.OK, said)


def note(check: str, said: str, fix: str) -> Finding:
    """Return something to know."""
    return Finding(check, State.NOTE, said, fix)


def problem(check: str, said: str, fix: str) -> Finding:
    """Return something to mend."""
    return Finding(check, State.PROBLEM, said, fix)


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


@dataclass(frozen=True, slots=True)
class Machine:
    """What the checks know of the machine; `environment` None is the process's own."""

    python: tuple[int, int] = sys.version_info[:2]
    clock: Clock = field(default_factory=SystemClock)
    free_bytes: Callable[[Path], int] = _free_bytes
    environment: Mapping[str, str] | None = None
