"""The result of a check, and the facts about the machine that checks use.

Not here: the checks. Threads: any.
"""

import re
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from omi_actors.clock import Clock, SystemClock

_SENTENCES = re.compile(r"(?<=[.?]) (?=[A-Z])")


class State(StrEnum):
    """State of the checked part. `note`: the part works, but perhaps not as the operator expects."""

    OK = "ok"
    NOTE = "note"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report: the subject, its state and a text. `fix` says what to do; "" if there is no problem."""

    check: str
    state: State
    said: str  # a key of `doctor --json`
    fix: str = ""


def ok(check: str, text: str) -> Finding:
    """Return a finding without a problem."""
    return Finding(check, State.OK, text)


def note(check: str, text: str, fix: str) -> Finding:
    """Return a finding of state `note`."""
    return Finding(check, State.NOTE, text, fix)


def problem(check: str, text: str, fix: str) -> Finding:
    """Return a finding of state `problem`, with its fix."""
    return Finding(check, State.PROBLEM, text, fix)


def split_fix(sentences: str) -> tuple[str, str]:
    """Return the text and the fix of an error message: the last sentence is the fix."""
    *text, fix = _SENTENCES.split(sentences)
    return " ".join(text) or sentences, fix


def as_sentence(clause: str) -> str:
    """Return a text such as `start the server` with a capital letter and a full stop."""
    return f"{clause[0].upper()}{clause[1:]}."


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


@dataclass(frozen=True, slots=True)
class Machine:
    """Facts about the machine that tests replace. If `environment` is None, the process's own is used."""

    python: tuple[int, int] = sys.version_info[:2]
    clock: Clock = field(default_factory=SystemClock)
    free_bytes: Callable[[Path], int] = _free_bytes
    environment: Mapping[str, str] | None = None
