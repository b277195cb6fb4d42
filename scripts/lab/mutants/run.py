"""Try mutants: plant each in a copy of the checkout, and run the fast tests of its folder (room).

A mutant is found if a test fails or the tests do not end in time. Not here: the changes (mutations.py). Threads:
`workers` threads; each tries one mutant at a time and waits for a process.
"""

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from scripts.lab.mutants.mutations import Mutation

ROOT = Path(__file__).parents[3]
_COPIED = ("omi_actors", "web", "config", "scripts", "tests", "docs", "README.md", "CHANGELOG.md")
_COPIED_FILES = ("pyproject.toml", "setup.cfg")
# By the room of the mutant, the tests that are to find it, the quickest first.
ROOM_TESTS = {
    "omi_actors/domain": ("tests/domain", "tests/hearing", "tests/actors", "tests/jobs", "tests/clients"),
    "omi_actors/kit": ("tests/kit", "tests/actors"),
    "omi_actors/actors": ("tests/actors", "tests/system"),
}
# Seconds after which a run of the tests is ended: a mutant that loops for ever is found by that.
_TIMEOUT_S = 300.0
# What pytest exits with when a test failed, and when the tests could not be collected.
_FAILED = (1, 2)


@dataclass(frozen=True, slots=True)
class Mutant:
    """A change of one module; `path` is relative to the checkout."""

    path: str
    mutation: Mutation

    def describe(self) -> str:
        """Return one line that names the place and the change."""
        old, new = self.mutation.old.strip(), self.mutation.new.strip()
        return f"{self.path}:{self.mutation.line}: {old} -> {new or '(nothing)'}"


@dataclass(frozen=True, slots=True)
class Tried:
    """A mutant and whether a test found it."""

    mutant: Mutant
    is_found: bool


def try_mutants(mutants: Sequence[Mutant], folder: Path, *, workers: int, say: Callable[[str], None]) -> list[Tried]:
    """Try all mutants, `workers` at a time, each in a copy of the checkout below `folder`."""
    copies: SimpleQueue[Path] = SimpleQueue()
    for number in range(workers):
        copies.put(copy_checkout(folder / f"copy-{number}"))

    def try_one(mutant: Mutant) -> Tried:
        copy = copies.get()
        try:
            tried = Tried(mutant, is_found_in(copy, mutant))
        finally:
            copies.put(copy)
        say(f"{'found   ' if tried.is_found else 'SURVIVED'} {mutant.describe()}")
        return tried

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(try_one, mutants))


def copy_checkout(folder: Path) -> Path:
    """Copy all files that the tests need into `folder`, and return the folder."""
    folder.mkdir(parents=True)
    for name in _COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder)
    for name in _COPIED_FILES:
        shutil.copy(ROOT / name, folder)
    return folder


def is_found_in(copy: Path, mutant: Mutant) -> bool:
    """Plant the mutant in a copy, run its folder's tests, and restore the module. Return True if a test failed."""
    module = copy / mutant.path
    text = module.read_text(encoding="utf-8")
    module.write_text(mutant.mutation.apply(text), encoding="utf-8")
    try:
        return _is_failing(copy, mutant.path)
    finally:
        module.write_text(text, encoding="utf-8")


def _is_failing(copy: Path, path: str) -> bool:
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(  # noqa: S603 (our own tests)
            [*command, *order_tests(copy, path)],
            cwd=copy,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return True
    if done.returncode not in (0, *_FAILED):
        raise RuntimeError(f"pytest ended with {done.returncode} for a mutant of {path}")
    return done.returncode in _FAILED


def order_tests(copy: Path, path: str) -> list[str]:
    """Return the test files of a module's folder. Files that import the module come first: they find most mutants."""
    room = next(room for room in ROOM_TESTS if path.startswith(room + "/"))
    module = path.removesuffix(".py").replace("/", ".")
    folders = (copy / folder for folder in ROOM_TESTS[room])
    files = [file for folder in folders for file in sorted(folder.rglob("test_*.py"))]
    near = [file for file in files if module in set(_imports_of(file))]
    return [str(file.relative_to(copy)) for file in [*near, *(file for file in files if file not in near)]]


def _imports_of(file: Path) -> Iterable[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
