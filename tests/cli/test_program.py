"""The program's own name, as a person can type it here; the check of its own packages; its event loop and signals."""

import signal
import sys

import pytest
from click.testing import CliRunner

from config.settings import load_settings
from omi_actors.cli.program import find_foreign, own_arguments, own_command
from omi_actors.cli.serve import serve
from omi_actors.cli.server import find_loop_factory


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    program = tmp_path / ".venv" / "bin" / "omi-actors"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "/nowhere")
    return program


def test_program_in_a_checkout_is_called_by_its_path(checkout):
    assert own_command(str(checkout)) == ".venv/bin/omi-actors"


def test_program_on_the_path_is_called_by_its_name(checkout, monkeypatch):
    monkeypatch.setenv("PATH", str(checkout.parent))

    assert own_command(str(checkout)) == "omi-actors"


def test_program_elsewhere_is_called_by_its_whole_path(checkout, monkeypatch):
    (checkout.parents[2] / "other").mkdir()
    monkeypatch.chdir(checkout.parents[2] / "other")

    assert own_command(str(checkout)) == str(checkout)


def test_module_is_called_as_one(checkout):
    assert own_command("/somewhere/omi_actors/__main__.py") == "python -m omi_actors"


def test_another_process_of_it_is_called_as_this_one_was(checkout):
    assert own_arguments(str(checkout)) == [sys.executable, str(checkout)]
    assert own_arguments("/somewhere/omi_actors/__main__.py") == [sys.executable, "-m", "omi_actors"]


def test_our_web_and_config_are_recognised():
    assert find_foreign() == "", "the first line of web/__init__.py and config/__init__.py must name Omi Actors"


def test_event_loop_is_asyncios_where_uvloop_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "uvloop", None)

    assert find_loop_factory(load_settings(overrides={})) is None


@pytest.fixture
def set_signals():
    before = [(number, signal.getsignal(number)) for number in (signal.SIGUSR1, signal.SIGUSR2)]

    def set_both(first, second):
        signal.signal(signal.SIGUSR1, first)
        signal.signal(signal.SIGUSR2, second)

    yield set_both
    for number, handler in before:
        signal.signal(number, handler)


def test_start_ignores_the_signals_that_would_end_it_and_keeps_a_callers_own_handler(set_signals, tmp_path):
    def act(*_):
        """Stand for what a caller does."""

    set_signals(signal.SIG_DFL, act)

    CliRunner().invoke(serve, ["--env-file", str(tmp_path / "none")])  # ends after the signals: there is no such file

    assert signal.getsignal(signal.SIGUSR1) is signal.SIG_IGN
    assert signal.getsignal(signal.SIGUSR2) is act
