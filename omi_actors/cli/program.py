"""Parts that all commands share: the program's name, its env file, its exit codes, and its end with an error message.

Not here: the commands. This module imports nothing from `config` or `web`: another package may have that name.
Threads: the main one.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Callable
from functools import wraps
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn, ParamSpec

import click

from omi_actors import __version__

P = ParamSpec("P")

# Exit codes, listed in docs/operating.md. A usage or configuration error: a restart would not help.
EXIT_CONFIG = 2
# sysexits.h: a needed server is not there now; a restart may help.
EXIT_UNAVAILABLE = 69
# sysexits.h: a mistake of the program.
EXIT_SOFTWARE = 70

_NAME = "omi-actors"
_ROOT = Path(__file__).parents[2]
# A word of the first lines of `web` and `config`, by which they are recognised as ours.
_MARK = "Omi Actors"

env_file_option = click.option(
    "--env-file", type=click.Path(path_type=Path), help="File with settings; default: .env, if there is one."
)


def env_file_to_load(option: Path | None) -> Path:
    """Return the named env file, which must exist. Without a name, return `.env`, which may be missing."""
    if option is None:
        return Path(".env")
    try:
        option.stat()
    except OSError as exc:
        fail(f"--env-file: there is no file {option} ({exc.strerror}). Correct the name, or make the file.")
    return option


def fail(sentence: str, code: int = EXIT_CONFIG) -> NoReturn:
    """Print the error message, one sentence a line, and end the program."""
    for line in sentence.splitlines():
        click.echo(f"{_NAME}: {line}", err=True)
    sys.exit(code)


def in_sentences(*expected: type[Exception]) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Return a decorator of commands: an expected error ends the program with the error's message."""

    def decorate(command: Callable[P, None]) -> Callable[P, None]:
        @wraps(command)
        def run(*args: P.args, **kwargs: P.kwargs) -> None:
            try:
                command(*args, **kwargs)
            except expected as exc:
                fail(str(exc))

        return run

    return decorate


def find_foreign() -> str:
    """Return a message if Python would import another `web` or `config` than ours; else "".

    Other packages and other projects' folders also have these names.
    """
    for name in ("config", "web"):
        own, spec = _ROOT / name / "__init__.py", find_spec(name)
        found = Path(spec.origin) if spec is not None and spec.origin is not None else own
        if found.resolve() != own.resolve():
            return (
                f"another `{name}` stands in the way: {found}. Install {_NAME} in an environment of its own (pipx, "
                f"uv tool, or a venv), and start it where no folder `{name}` comes first."
            )
        if not own.exists() or _MARK not in own.read_text(encoding="utf-8"):
            return (
                f"another package has replaced or removed {own}. Install {_NAME} again, in an environment of its own "
                "(pipx, uv tool, or a venv)."
            )
    return ""


def own_arguments(called: str | None = None) -> list[str]:
    """Return the arguments that start this program again in another process, in the same way."""
    path = Path(sys.argv[0] if called is None else called)
    return [sys.executable, *([str(path)] if path.name == _NAME else ["-m", "omi_actors"])]


def own_command(called: str | None = None) -> str:
    """Return the text that starts `omi-actors` in this shell: its name if it is on the PATH, else its path."""
    path = Path(sys.argv[0] if called is None else called)
    if path.name != _NAME:
        return "python -m omi_actors"
    found = shutil.which(_NAME)
    if found is not None and Path(found).resolve() == path.resolve():
        return _NAME
    shown = os.path.relpath(path)
    return str(path) if shown.startswith("..") else shown


def listen_to_signals(interrupt: Callable[[], None], hang_up: Callable[[], None]) -> None:
    """Call `interrupt` at SIGTERM and SIGINT, and `hang_up` at SIGHUP unless it is ignored, as `nohup` wants it."""
    loop = asyncio.get_running_loop()
    with contextlib.suppress(NotImplementedError):
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, interrupt)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            loop.add_signal_handler(signal.SIGHUP, hang_up)


def listen_to_signal(number: signal.Signals, act: Callable[[], None]) -> None:
    """Call `act` at this signal."""
    with contextlib.suppress(NotImplementedError):
        asyncio.get_running_loop().add_signal_handler(number, act)


@click.command()
def version() -> None:
    """Print the version."""
    click.echo(__version__)
