"""The wheel, built from a copy of the checkout and installed into an empty environment without the checkout."""

import configparser
import json
import re
import shutil
import subprocess
import sys
import sysconfig
import urllib.request
import venv
import zipfile
from email.parser import Parser

import pytest

from tests.e2e.conftest import ROOT, TIMEOUT_S, ready_line

pytestmark = pytest.mark.e2e

ROOMS = ("omi_actors", "web", "config")
# For other programs, beside the checkout or a container: not part of the product.
FOR_OTHERS = ("config/prometheus/", "config/grafana/", "config/systemd/", "config/nginx/")


def run(*command, cwd):
    return subprocess.run(  # noqa: S603 (our own program)
        command, cwd=cwd, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    unwanted = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist", "data", "logs")
    shutil.copytree(ROOT, folder / "checkout", ignore=unwanted)
    build = ("pip", "wheel", "--no-build-isolation", "--no-deps", "--no-index", "--wheel-dir", folder, ".")
    built = run(sys.executable, "-m", *build, cwd=folder / "checkout")
    assert built.returncode == 0, built.stderr
    shutil.rmtree(folder / "checkout")
    (file,) = folder.glob("*.whl")
    return file


def install(wheel, folder):
    """Return the program of a new environment, which borrows only the tests' foreign packages."""
    venv.create(folder, symlinks=True)
    target = ("--python", folder / "bin" / "python", "install", "--no-deps", "--no-index", "--no-compile", wheel)
    installed = run(sys.executable, "-m", "pip", *target, cwd=folder)
    assert installed.returncode == 0, installed.stderr
    (packages,) = folder.glob("lib/python*/site-packages")
    # A path in a .pth file is searched last, and the .pth files in it are not read: not the checkout's either.
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib"))
    return folder / "bin" / "omi-actors", packages


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    return install(wheel, tmp_path_factory.mktemp("installed"))


def test_wheel_holds_the_product_whole_and_nothing_else(wheel):
    product = {str(path.relative_to(ROOT)) for room in ROOMS for path in (ROOT / room).rglob("*") if path.is_file()}

    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}

    assert held == {name for name in product if "__pycache__" not in name and not name.startswith(FOR_OTHERS)}
    assert held >= {*(f"{room}/py.typed" for room in ROOMS), "config/example.env", "web/pages/style.css"}


@pytest.fixture(scope="module")
def metadata(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        return Parser().parsestr(archive.read(name).decode())


def test_description_has_no_link_into_the_repository(metadata):
    links = re.findall(r"\]\(([^)]+)\)", metadata.get_payload())

    assert links
    assert [link for link in links if not link.startswith("https://")] == []


def test_installed_program_answers_a_chat_without_the_checkout(installed, tmp_path):
    program, packages = installed
    places = run(
        packages.parents[2] / "bin" / "python",
        "-c",
        "import omi_actors, web, config; print(omi_actors.__file__, web.__file__, config.__file__)",
        cwd=tmp_path,
    ).stdout.split()
    assert places == [f"{packages}/{room}/__init__.py" for room in ROOMS]

    process = subprocess.Popen(  # noqa: S603 (our own program)
        [program, "serve", "--port", "0"],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        url = f"http://127.0.0.1:{ready_line(process)['port']}"
        body = json.dumps({"message": "How far is the moon?"}).encode()
        with urllib.request.urlopen(f"{url}/chat", body, timeout=TIMEOUT_S) as reply:  # noqa: S310 (http, ours)
            answer = json.load(reply)["response"]
        with urllib.request.urlopen(f"{url}/style.css", timeout=TIMEOUT_S) as reply:  # noqa: S310 (http, ours)
            assert reply.status == 200
    finally:
        process.terminate()
        process.communicate(timeout=TIMEOUT_S)

    assert answer.startswith("[demo] You asked: How far is the moon?")
    assert process.returncode == 0


@pytest.mark.parametrize("command", ["serve", "doctor"])
@pytest.mark.parametrize("name", ["web", "config"])
def test_folder_that_comes_first_is_one_sentence(installed, command, name, tmp_path):
    (tmp_path / name).mkdir()
    foreign = tmp_path / name / "__init__.py"
    foreign.write_text("raise AssertionError('imported')")

    done = run(installed[0].with_name("python"), "-m", "omi_actors", command, cwd=tmp_path)

    assert done.returncode == 2
    assert done.stderr.startswith(f"omi-actors: another `{name}` stands in the way: {foreign}. ")
    assert len(done.stderr.splitlines()) == 1


def test_package_that_shared_our_files_is_one_sentence(wheel, tmp_path):
    program, packages = install(wheel, tmp_path)
    ours = packages / "web" / "__init__.py"

    ours.write_text('"""web.py"""')
    replaced = [run(program, command, cwd=tmp_path) for command in ("serve", "doctor")]
    ours.unlink()
    removed = [run(program, command, cwd=tmp_path) for command in ("serve", "doctor")]

    for done in (*replaced, *removed):
        assert done.returncode == 2
        assert done.stderr.startswith(f"omi-actors: another package has replaced or removed {ours}. Install omi-actors")
        assert len(done.stderr.splitlines()) == 1


def test_versions_of_python_agree_everywhere(metadata):
    options = configparser.ConfigParser()
    options.read(ROOT / "setup.cfg")
    classifiers = re.findall(r":: (3\.\d+)$", options["metadata"]["classifiers"], re.MULTILINE)
    first, last = classifiers[0], classifiers[-1]
    beyond = f"3.{int(last.removeprefix('3.')) + 1}"

    assert metadata["Requires-Python"] == f"<{beyond},>={first}"
    said = f"Python {', '.join(classifiers[:-1])} or {last}"
    for file in ("README.md", "CONTRIBUTING.md", "docs/install.md", "scripts/setup"):
        assert said in (ROOT / file).read_text(), file
    assert f"{first} to {last}" in (ROOT / "omi_actors" / "doctor" / "installation.py").read_text()
