"""The command line: `omi-actors serve`, `simulate`, `backup`, `restore` and `version`.

Not here: what serving is (server.py), what simulating is (simulate/). Threads: the main one.
"""

import sys
from pathlib import Path
from typing import NoReturn

import click

from config.secrets_file import with_made_secrets
from config.settings import InvalidSettingError, Settings, load_settings
from omi_actors import __version__
from omi_actors.cli_backup import backup, restore
from omi_actors.errors import OmiError
from omi_actors.instruments.logs import configure_logging

# A usage or configuration error.
_EXIT_CONFIG = 2


class _Commands(click.Group):
    """The commands; the simulation is read only when it is wanted, so that the server starts without it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all names."""
        return sorted([*super().list_commands(ctx), "simulate"])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command by its name."""
        if cmd_name != "simulate":
            return super().get_command(ctx, cmd_name)
        from omi_actors.simulate.command import simulate  # noqa: PLC0415 (see the class)

        return simulate


@click.group(cls=_Commands)
def main() -> None:
    """Omi Actors: the backend of an Omi wearable."""


@main.command()
@click.option("--host", help="Address to listen on (HOST).")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on (PORT); 0 takes any free one.")
@click.option("--env-file", type=click.Path(path_type=Path), help="File with settings; default: .env, if there is one.")
def serve(host: str | None, port: int | None, env_file: Path | None) -> None:
    """Serve until interrupted (SIGINT) or told to stop (SIGTERM)."""
    settings = _load(env_file, {"HOST": host, "PORT": port})
    configure_logging(settings.log_level)
    from omi_actors.server import run  # noqa: PLC0415 (`version` and errors need no server)

    try:
        code = run(settings)
    except OmiError as exc:
        _fail(str(exc))
    except OSError as exc:
        _fail(f"cannot listen on {settings.host}:{settings.port} ({exc.strerror}); choose another with --port")
    sys.exit(code)


@main.command()
def version() -> None:
    """Print the version."""
    click.echo(__version__)


main.add_command(backup)
main.add_command(restore)


def _load(env_file: Path | None, overrides: dict[str, str | int | None]) -> Settings:
    """Read settings and make what a development server makes for itself, or say what is wrong and end."""
    if env_file is not None and not env_file.is_file():
        _fail(f"--env-file: there is no file {env_file}")
    try:
        return with_made_secrets(load_settings(env_file or Path(".env"), overrides))
    except InvalidSettingError as exc:
        _fail(str(exc))


def _fail(sentence: str) -> NoReturn:
    click.echo(f"omi-actors: {sentence}", err=True)
    sys.exit(_EXIT_CONFIG)
