"""The shell scripts, run in a copy of the checkout with stand-ins for Python and the tools."""

import os
import pty
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Notes its arguments; `-m venv X` makes X/bin/python another of its kind.
STUB_PYTHON = """#!/bin/sh
[ "$1" = -c ] && exit 0
echo "$*" >> "$CALLS"
if [ "$2" = venv ]; then mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; fi
"""
SHELL_TOOLS = (
    "bash",
    "sh",
    "env",
    "dirname",
    "cat",
    "cksum",
    "rm",
    "cp",
    "mkdir",
    "nice",
    "awk",
    "df",
    "mktemp",
    "true",
)


@pytest.fixture
def checkout(tmp_path):
    for name in ("scripts", ".ci"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ("setup.cfg", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "tools").mkdir()
    for name in SHELL_TOOLS:
        (tmp_path / "tools" / name).symlink_to(shutil.which(name))
    return tmp_path


@pytest.fixture
def run(checkout):
    def run(*command, stderr=subprocess.PIPE, **env):
        return subprocess.run(  # noqa: S603 (our own scripts)
            command,
            cwd=checkout,
            env={"PATH": str(checkout / "tools"), "CALLS": str(checkout / "calls"), **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            timeout=30,
            check=False,
        )

    return run


def _put_tool(checkout, name, script, *, folder="tools"):
    file = checkout / folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(script)
    file.chmod(0o755)


def _calls(checkout):
    file = checkout / "calls"
    return file.read_text().splitlines() if file.exists() else []


def test_setup_names_the_missing_python(run):
    done = run("scripts/setup")

    assert done.returncode == 1
    assert "no Python 3.11, 3.12 or 3.13 found" in done.stderr


def test_setup_says_that_the_named_python_does_not_fit(run):
    done = run("scripts/setup", PYTHON="/nowhere/python3")

    assert done.returncode == 1
    assert "PYTHON=/nowhere/python3 is not a working Python" in done.stderr


def test_setup_passes_over_a_python_that_does_not_run(run, checkout):
    _put_tool(checkout, "python3", "#!/bin/sh\nexit 127\n")
    _put_tool(checkout, "python3.12", STUB_PYTHON)

    assert run("scripts/setup").returncode == 0
    assert _calls(checkout)[0] == "-m venv .venv"


@pytest.mark.parametrize(("extra", "package"), [((), "."), (("test",), ".[test]")])
def test_setup_installs_once(run, checkout, extra, package):
    _put_tool(checkout, "python3", STUB_PYTHON)

    for _ in range(2):
        assert run("scripts/setup", *extra).returncode == 0

    installs = [call for call in _calls(checkout) if " install " in call]
    assert [call.rpartition(" ")[2] for call in installs] == [package]


def test_setup_installs_again_when_the_requirements_have_changed(run, checkout):
    _put_tool(checkout, "python3", STUB_PYTHON)
    run("scripts/setup")

    (checkout / "setup.cfg").write_text("[metadata]\n")
    run("scripts/setup")

    assert sum(" install " in call for call in _calls(checkout)) == 2


def test_setup_needs_nothing_more_for_the_server_after_the_tests(run, checkout):
    _put_tool(checkout, "python3", STUB_PYTHON)
    run("scripts/setup", "test")
    run("scripts/setup")

    assert sum(" install " in call for call in _calls(checkout)) == 1


def test_setup_fails_and_tries_again_when_the_installation_failed(run, checkout):
    _put_tool(checkout, "python3", STUB_PYTHON + '[ "$3" != install ] || [ -e "$CALLS.pass" ]\n')

    assert run("scripts/setup").returncode == 1

    (checkout / "calls.pass").touch()
    assert run("scripts/setup").returncode == 0


# Says what pip says while it installs.
PIP_SAYS = """
[ "$3" != install ] || printf 'Collecting tornado>=6.5 (from x)\\n  Using cached\\nInstalling collected packages: t\\n'
"""
SAID = "scripts/setup: all packages are here; installing them"


def test_setup_says_when_all_packages_are_fetched(run, checkout):
    _put_tool(checkout, "python3", STUB_PYTHON + PIP_SAYS)

    done = run("scripts/setup")

    assert (done.stdout, done.stderr.splitlines()[1:]) == ("", [SAID])


def test_setup_names_each_package_on_a_terminal(run, checkout):
    _put_tool(checkout, "python3", STUB_PYTHON + PIP_SAYS)
    ours, its = pty.openpty()

    done = run("scripts/setup", stderr=its)
    os.close(its)
    seen = os.read(ours, 4096).decode()
    os.close(ours)

    assert done.returncode == 0
    assert "\r\x1b[Kscripts/setup: fetching tornado>=6.5\r\x1b[K" + SAID in seen


def test_setup_compiles_the_models_client_beside_the_first_start(run, checkout):
    reports = STUB_PYTHON.replace(
        "exit 0", '{ [ "$2" = "import aiohttp, openai" ] && echo compiled >"$TOLD"; exit 0; }'
    )
    _put_tool(checkout, "python3", reports)
    os.mkfifo(checkout / "told")

    assert run("scripts/setup", TOLD=str(checkout / "told")).returncode == 0  # although nothing reads yet

    assert (checkout / "told").read_text() == "compiled\n"


def test_start_passes_its_arguments_on_to_serve(run, checkout):
    _put_tool(checkout, "python3", STUB_PYTHON)
    run("scripts/setup")
    _put_tool(checkout, "omi-actors", '#!/bin/sh\necho "served with $*"\n', folder=".venv/bin")

    assert run("scripts/start", "--port", "3001").stdout == "served with serve --port 3001\n"


@pytest.mark.parametrize(
    ("tool", "step"), [("ruff", "format lint"), ("mypy", "types"), ("lint-imports", "layers"), ("python", "tests")]
)
def test_check_names_the_step_that_failed_and_runs_the_others(run, checkout, tool, step):
    for name in ("ruff", "mypy", "lint-imports", "python"):
        code = int(name == tool)
        _put_tool(checkout, name, f'#!/bin/sh\necho {name} >> "$CALLS"\nexit {code}\n', folder=".venv/bin")

    done = run("scripts/check")

    assert done.returncode == 1
    assert done.stderr == f"FAILED: {step}\n"
    assert _calls(checkout) == ["ruff", "ruff", "mypy", "lint-imports", "python"]


def test_check_passes_when_every_step_passes(run, checkout):
    for name in ("ruff", "mypy", "lint-imports", "python"):
        _put_tool(checkout, name, "#!/bin/sh\n", folder=".venv/bin")

    done = run("scripts/check", "lint", "layers")

    assert done.returncode == 0
    assert done.stdout.endswith("all well: lint layers\n")


def test_check_refuses_a_step_that_it_does_not_know(run):
    assert run("scripts/check", "tpyes").returncode == 1


def test_build_server_runs_the_same_script_as_a_person(run, checkout):
    _put_tool(checkout, "python3", STUB_PYTHON)
    run("scripts/setup", "test")
    for name in ("ruff", "mypy", "lint-imports"):
        _put_tool(checkout, name, "#!/bin/sh\n", folder=".venv/bin")

    done = run("bash", ".ci/run", CI="true")

    assert done.returncode == 0
    assert "all well: format lint types layers tests" in done.stdout
