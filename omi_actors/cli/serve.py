"""`omi-actors serve`.

Not here: what serving is (server.py), starting anew on changes (reload.py). Threads: the main one.
"""

import sys
from dataclasses import replace
from pathlib import Path

import click

from config.secrets_file import with_made_origins
from config.settings import InvalidSettingError, Origin, Reading, read_settings
from omi_actors.cli.failing import EXIT_SOFTWARE, EXIT_UNAVAILABLE, env_file_to_read, fail
from omi_actors.instruments.logs import configure_logging
from omi_actors.kit.errors import ActorError, ExpectedError
from omi_actors.program import own_arguments, own_command

# Tells a reloader's server that it will be replaced.
_CHILD = "--will-be-replaced"
# ms for its requests in flight: whoever edits a file does not wait for a stream to end.
_GRACE_MS = 1_000


@click.command(short_help="Serve until told to stop.")
@click.option("--host", help="Address to listen on (HOST).")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on (PORT); 0 takes any free one.")
@click.option("--env-file", type=click.Path(path_type=Path), help="File with settings; default: .env, if there is one.")
@click.option(
    "--reload", "is_reloading", is_flag=True, help="Development: start anew when a program file or .env changes."
)
@click.option(_CHILD, "will_be_replaced", is_flag=True, hidden=True)
def serve(
    *, host: str | None, port: int | None, env_file: Path | None, is_reloading: bool, will_be_replaced: bool
) -> None:
    """Serve until interrupted (SIGINT) or told to stop (SIGTERM)."""
    file = env_file_to_read(env_file)
    options = {"HOST": host, "PORT": port}
    if is_reloading:
        _serve_again_and_again(file, options)
    reading = _read(file, options)
    if will_be_replaced:
        reading = with_short_grace(reading)
    configure_logging(reading.settings.log_level)
    sys.exit(_run(reading))


def with_short_grace(reading: Reading) -> Reading:
    """Return the settings of a server that will be replaced: it stops quickly, unless somebody has said how."""
    if reading.origins["SHUTDOWN_GRACE_MS"] is not Origin.DEFAULT:
        return reading
    return replace(reading, settings=reading.settings.model_copy(update={"shutdown_grace_ms": _GRACE_MS}))


def _read(env_file: Path, options: dict[str, str | int | None]) -> Reading:
    """Read settings and make what a development server makes for itself, or say what is wrong and end."""
    try:
        return with_made_origins(read_settings(env_file, options))
    except InvalidSettingError as exc:
        fail(str(exc))


def _run(reading: Reading) -> int:
    from omi_actors.cli.server import run  # noqa: PLC0415 (errors in settings need no server)

    try:
        return run(reading)
    except ExpectedError as exc:
        if exc.retryable:
            fail(f"{exc}. `{own_command()} doctor` looks closer.", EXIT_UNAVAILABLE)
        if isinstance(exc, ActorError):
            fail(f"{exc}; the lines `actor crashed` above say where.", EXIT_SOFTWARE)
        fail(str(exc))


def _serve_again_and_again(env_file: Path, options: dict[str, str | int | None]) -> None:
    """Serve in a child that is replaced on every change; settings are read anew by each."""
    from omi_actors.cli.reload import Reloader, watched_files  # noqa: PLC0415 (development only)

    try:
        is_production = read_settings(env_file, options).settings.is_production
    except InvalidSettingError:
        is_production = False  # the child says what is wrong, and the next change may mend it
    if is_production:
        fail("--reload is for development. Leave it out, or unset APP_ENV.")
    given = [f"--{name.lower()}={value}" for name, value in options.items() if value is not None]
    command = [*own_arguments(), "serve", _CHILD, f"--env-file={env_file}", *given]
    if not env_file.exists():
        command.remove(f"--env-file={env_file}")
    sys.exit(Reloader(command, lambda: watched_files(env_file)).run())
