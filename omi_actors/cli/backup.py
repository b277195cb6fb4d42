"""The commands `omi-actors backup FILE` and `omi-actors restore FILE`.

Not here: copying (store/archive.py). Threads: the main one.
"""

import os
import shutil
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import ParamSpec

import click

from config.secrets_file import FILE_NAME as SECRETS_FILE
from config.settings import InvalidSettingError, Settings, load_settings
from omi_actors.clock import SystemClock
from omi_actors.errors import OmiError, StoreError
from omi_actors.store.archive import restore_copy, save_copy

P = ParamSpec("P")

# A usage or configuration error: nothing was done.
_EXIT_REFUSED = 2
_MEBI = 1024 * 1024

_ENV_FILE = click.option(
    "--env-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="File with settings; default: .env, if there is one.",
)
_FILE = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))


class _RefusedError(click.ClickException):
    """A sentence for the person at the command line; nothing was done."""

    exit_code = _EXIT_REFUSED


def _in_sentences(command: Callable[P, None]) -> Callable[P, None]:
    """Say what went wrong in its sentence, without a traceback."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except (OmiError, InvalidSettingError) as exc:
            raise _RefusedError(str(exc)) from exc

    return run


@click.command(short_help="Copy the database while the server serves.")
@_FILE
@click.option("--with-secrets", is_flag=True, help=f"Copy DATA_DIR/{SECRETS_FILE}, too, to FILE.{SECRETS_FILE}.")
@_ENV_FILE
@_in_sentences
def backup(file: Path, env_file: Path | None, *, with_secrets: bool) -> None:
    """Copy the database to FILE, consistently, while the server serves."""
    settings = load_settings(env_file or Path(".env"))
    if settings.database_url is not None:
        raise StoreError(
            "The database is PostgreSQL, and its own tool makes the backup. Nothing was done. Run: "
            f'pg_dump --format=custom --file={file} "$DATABASE_URL"'
        )
    secrets = _secrets_of(settings, must_exist=with_secrets)
    copy = save_copy(settings.data_dir, file)
    click.echo(f"{file}: {copy.size_bytes / _MEBI:.1f} MiB, schema version {copy.version}, checked.")
    if with_secrets:
        _copy_private(secrets, _beside(file))
        click.echo(f"{_beside(file)}: the made secrets. Keep it as you would keep a password.")


@click.command()
@_FILE
@click.option("--with-secrets", is_flag=True, help=f"Put FILE.{SECRETS_FILE} back, too.")
@_ENV_FILE
@_in_sentences
def restore(file: Path, env_file: Path | None, *, with_secrets: bool) -> None:
    """Put the database of FILE in place. The server must be stopped; what was there is kept aside."""
    settings = load_settings(env_file or Path(".env"))
    if settings.database_url is not None:
        raise StoreError(
            "The database is PostgreSQL, and its own tool restores it. Nothing was done. Stop every server and run: "
            f'pg_restore --clean --if-exists --single-transaction --dbname="$DATABASE_URL" {file}'
        )
    if with_secrets and not _beside(file).is_file():
        raise StoreError(f"There is no {_beside(file)}: this backup was made without secrets. Nothing was done.")
    now_s = SystemClock().now_s()
    earlier = restore_copy(file, settings.data_dir, now_s)
    if with_secrets:
        _put_secrets_back(_beside(file), _secrets_of(settings, must_exist=False), now_s)
    click.echo(f"{file} is in place in {settings.data_dir}.")
    if earlier is not None:
        click.echo(f"What was there before is {earlier}; it holds people's words: delete it when it is not needed.")


def _secrets_of(settings: Settings, *, must_exist: bool) -> Path:
    file = settings.data_dir / SECRETS_FILE
    if must_exist and not file.is_file():
        raise StoreError(f"There is no {file}: this server was given its secrets. Nothing was done.")
    return file


def _beside(file: Path) -> Path:
    return file.with_name(f"{file.name}.{SECRETS_FILE}")


def _put_secrets_back(source: Path, place: Path, now_s: float) -> None:
    if place.exists():
        place.replace(place.with_name(f"{place.name}.replaced.{int(now_s)}.bak"))
    _copy_private(source, place)


def _copy_private(source: Path, target: Path) -> None:
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as out, source.open("rb") as secrets:
        shutil.copyfileobj(secrets, out)
