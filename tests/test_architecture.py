"""The house rules that a machine can keep."""

import ast
import configparser
import re
import shutil
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("omi_actors", "web", "config", "scripts")
MODULES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
LIMIT_LINES = 400
# Of the same maker and release as a declared one, or an extra of it (openai[aiohttp]).
PARTS_OF_OTHERS = {"aiohttp", "pydantic_core"}


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(  # noqa: S603 (our own tool)
        [program, "--no-cache"], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize(
    ("module", "line", "verdict"),
    [
        (
            "domain/answers/failures.py",
            "from omi_actors.store.facade import Store",
            "omi_actors.domain is not allowed to import",
        ),
        ("kit/restarts.py", "from omi_actors.errors import OmiError", "omi_actors.kit is not allowed to import"),
        ("kit/restarts.py", "from config.settings import Settings", "omi_actors.kit is not allowed to import"),
        (
            "domain/hearing/wake.py",
            "from omi_actors.domain.answers.limits import Allowance",
            "No cycles are allowed in omi_actors.domain",
        ),
    ],
)
def test_planted_forbidden_import_is_seen(module, line, verdict, tmp_path):
    for room in ROOMS:
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "setup.cfg", tmp_path)
    planted = tmp_path / "omi_actors" / module
    planted.write_text(f"{planted.read_text()}\n{line}  # planted\n")

    checked = lint_imports(tmp_path)

    assert checked.returncode != 0
    assert verdict in checked.stdout
    assert "BROKEN" in checked.stdout


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_module_says_in_its_first_line_what_lives_there(path):
    doc = ast.get_docstring(ast.parse(path.read_text()))

    assert doc
    assert doc.splitlines()[0].endswith((".", ":"))
    if path.name not in ("__init__.py", "__main__.py"):
        assert "Not here" in " ".join(doc.split())
        assert "Threads" in doc


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_module_is_short_enough_to_hold_in_the_head(path):
    assert len(path.read_text().splitlines()) <= LIMIT_LINES


def test_every_package_that_is_imported_is_declared():
    options = configparser.ConfigParser()
    options.read(ROOT / "setup.cfg")
    declared = options["options"]["install_requires"] + options["options.extras_require"]["postgres"]
    names = {as_module(re.split(r"[<>=[]", line)[0]) for line in declared.split()}
    shipped_by = packages_distributions()

    imported = {name for path in MODULES for name in imports_of(path)}
    foreign = imported - set(sys.stdlib_module_names) - {*ROOMS, "tests", "psycopg2"}

    undeclared = {name for name in foreign if not names & {as_module(shipper) for shipper in shipped_by[name]}}
    assert undeclared == PARTS_OF_OTHERS


def as_module(distribution: str) -> str:
    return distribution.lower().replace("-", "_")


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def test_every_room_is_on_the_map():
    pages = (ROOT / "docs" / "map.md").read_text() + (ROOT / "docs" / "architecture.md").read_text()
    rooms = [path.name for path in (ROOT / "omi_actors").iterdir() if (path / "__init__.py").exists()]

    assert [room for room in [*rooms, "web", "config"] if f"{room}/" not in pages] == []


def test_readme_and_architecture_are_short_enough_to_be_read():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150
    assert len((ROOT / "docs" / "architecture.md").read_text().splitlines()) <= 250
