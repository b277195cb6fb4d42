"""The command `omi-actors serve`: loads the settings and serves, or explains why it cannot.

Not here: the server (server.py), restarts on changes (reload.py). Threads: the main one.
"""

import signal
import sys
from dataclasses import replace
from pathlib import Path

import click

from config.groups.store import name_process
from config.secrets_file import add_made_secrets
from config.settings import InvalidSettingError, LoadedSettings, Origin, load_with_origins
from omi_actors.cli.program import (
    EXIT_SOFTWARE,
    EXIT_UNAVAILABLE,
    env_file_option,
    env_file_to_load,
    fail,
    in_sentences,
    own_arguments,
    own_command,
)
from omi_actors.instruments.logs import configure_logging
from omi_actors.kit.errors import ActorError, ExpectedError

# Marks a reloader's server, which will be replaced.
_CHILD = "--will-be-replaced"
# Marks one of several processes, with its place among them.
_MEMBER = "--place"
# Options without a value, by their settings.
_FLAGS = {"LEGACY_SHAPES": "--legacy"}
# ms for its running requests, so that an edit does not wait for a stream to end.
_GRACE_MS = 1_000


@click.command(short_help="Serve until a signal stops the server.")
@click.option("--host", help="Address to listen on (HOST).")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on (PORT); 0 takes any free one.")
@click.option(
    "--processes", type=click.IntRange(1, 64), help="Processes that serve the address together (PROCESSES); PostgreSQL."
)
@env_file_option
@click.option(
    "--reload", "is_reloading", is_flag=True, help="Development: restart when a program file or .env changes."
)
@click.option(
    "--legacy", "is_legacy", is_flag=True, help="Answer in the shapes of the original's first version (LEGACY_SHAPES)."
)
@click.option(_CHILD, "will_be_replaced", is_flag=True, hidden=True)
@click.option(_MEMBER, "place", hidden=True)
@in_sentences(InvalidSettingError)
def serve(  # noqa: PLR0913 (an argument for each option)
    *,
    host: str | None,
    port: int | None,
    processes: int | None,
    env_file: Path | None,
    is_reloading: bool,
    is_legacy: bool,
    will_be_replaced: bool,
    place: str | None,
) -> None:
    """Serve until SIGINT (Ctrl-C) or SIGTERM."""
    for number in (signal.SIGUSR1, signal.SIGUSR2):
        if signal.getsignal(number) is signal.SIG_DFL:  # who has called us may listen to it
            signal.signal(number, signal.SIG_IGN)  # they ask for something, and must not end a server that still starts
    file = env_file_to_load(env_file)
    options: dict[str, str | int | None] = {
        "HOST": host,
        "PORT": port,
        "PROCESSES": processes,
        "LEGACY_SHAPES": "true" if is_legacy else None,
    }
    if is_reloading:
        _serve_with_restarts(file, {**options, "PROCESSES": 1})
    loaded = add_made_secrets(load_with_origins(file, options))
    if will_be_replaced:
        loaded = with_short_grace(loaded)
    if place is not None:
        loaded = _as_node(loaded, int(place.partition(",")[0]))
    configure_logging(loaded.settings.log_level, node="" if place is None else loaded.settings.node_name)
    if loaded.settings.processes > 1 and place is None:
        sys.exit(_run_together(loaded, _own_command_line(file, options)))
    sys.exit(_run(loaded, place, has_last_tables=not will_be_replaced))


def _as_node(loaded: LoadedSettings, number: int) -> LoadedSettings:
    """Return the settings of one of several processes: each is a node of its own."""
    name = name_process(loaded.settings.node_name, number)
    return replace(loaded, settings=loaded.settings.model_copy(update={"node_name": name}))


def _run_together(loaded: LoadedSettings, command: list[str]) -> int:
    from omi_actors.cli.processes import run_together  # noqa: PLC0415 (explaining settings needs no processes)

    try:
        return run_together(loaded, lambda place: [*command, f"{_MEMBER}={place}"])
    except ExpectedError as exc:
        fail(str(exc))


def with_short_grace(loaded: LoadedSettings) -> LoadedSettings:
    """Return settings with a short stop, for a server that will be replaced. A given SHUTDOWN_GRACE_MS stays."""
    if loaded.origins["SHUTDOWN_GRACE_MS"] is not Origin.DEFAULT:
        return loaded
    return replace(loaded, settings=loaded.settings.model_copy(update={"shutdown_grace_ms": _GRACE_MS}))


def _run(loaded: LoadedSettings, place: str | None = None, *, has_last_tables: bool = True) -> int:
    from omi_actors.cli.server import run  # noqa: PLC0415 (explaining settings needs no server)

    try:
        return run(loaded, place, has_last_tables=has_last_tables)
    except ExpectedError as exc:
        if exc.retryable:
            fail(f"{str(exc).rstrip('.')}. `{own_command()} doctor` looks closer.", EXIT_UNAVAILABLE)
        if isinstance(exc, ActorError):
            fail(f"{exc}; the lines `actor crashed` above say where.", EXIT_SOFTWARE)
        fail(str(exc))


def _serve_with_restarts(env_file: Path, options: dict[str, str | int | None]) -> None:
    """Serve in a child process, and replace it after every change. Each child loads the settings again."""
    from omi_actors.cli.reload import Reloader, watched_files  # noqa: PLC0415 (development only)

    try:
        is_production = load_with_origins(env_file, options).settings.is_production
    except InvalidSettingError:
        is_production = False  # the child explains the mistake, and the next change may mend it
    if is_production:
        fail("--reload is for development. Leave it out, or unset APP_ENV.")
    command = [*_own_command_line(env_file, options), _CHILD]
    sys.exit(Reloader(command, lambda: watched_files(env_file)).run())


def _own_command_line(env_file: Path, options: dict[str, str | int | None]) -> list[str]:
    """Return the command line of a child that loads the same settings."""
    given = [_FLAGS.get(name, f"--{name.lower()}={value}") for name, value in options.items() if value is not None]
    return [*own_arguments(), "serve", *([f"--env-file={env_file}"] if env_file.exists() else []), *given]
