"""Checks of Python and its packages.

Not here: installing them (scripts/setup). Threads: the main one.
"""

import re
from collections.abc import Iterator
from importlib import metadata

from omi_actors.doctor.finding import Finding, Machine, ok, problem

_OLDEST, _NEWEST = (3, 11), (3, 14)
_INSTALL = "Run scripts/setup, or pip install omi-actors."


def check_python(machine: Machine) -> Iterator[Finding]:
    """Look at the version of Python."""
    found = ".".join(map(str, machine.python))
    if _OLDEST <= machine.python <= _NEWEST:
        yield ok("python", f"Python {found}")
        return
    yield problem(
        "python",
        f"Python {found} is not one of 3.11 to 3.14",
        "Install one of them, remove .venv, and start with PYTHON=/path/to/python3 scripts/start.",
    )


def check_packages(distribution: str = "omi-actors") -> Iterator[Finding]:
    """Look for every package that the program needs."""
    try:
        needed = metadata.requires(distribution) or []
    except metadata.PackageNotFoundError:
        yield problem("packages", "the program itself is not installed in this Python", _INSTALL)
        return
    names = [match[0] for line in needed if "extra ==" not in line and (match := re.match(r"[\w.-]+", line))]
    missing = [name for name in names if not _is_installed(name)]
    if missing:
        yield problem("packages", f"not installed: {', '.join(missing)}", _INSTALL)
    else:
        yield ok("packages", f"{len(names)} packages installed")


def _is_installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True
