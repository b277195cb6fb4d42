"""The commands `omi-actors backup FILE` and `omi-actors restore FILE`.

Not here: copying (store/archive.py). Threads: the main one.
"""

import os
import shutil
from pathlib import Path

import click

from config.secrets_file import FILE_NAME as SECRETS_FILE
from config.settings import InvalidSettingError, Settings, load_settings
from omi_actors.cli.program import env_file_option, env_file_to_load, in_sentences
from omi_actors.clock import SystemClock
from omi_actors.errors import OmiError, StoreError
from omi_actors.store.archive import restore_copy, save_copy
from omi_actors.store.engine import StoreConfig, find_sqlite_file

_MEBI = 1024 * 1024
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_TRUNC

_FILE = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))


@click.command(short_help="Copy the database while the server serves.")
@_FILE
@click.option("--with-secrets", is_flag=True, help=f"Also copy DATA_DIR/{SECRETS_FILE} to FILE.{SECRETS_FILE}.")
@env_file_option
@in_sentences(OmiError, InvalidSettingError)
def backup(file: Path, env_file: Path | None, *, with_secrets: bool) -> None:
    """Copy the database to FILE, consistently, while the server serves."""
    settings = load_settings(env_file_to_load(env_file))
    if settings.is_postgres:
        raise StoreError(
            "The database is PostgreSQL, and its own tool makes the backup. Nothing was done. Run: "
            f'pg_dump --format=custom --file={file} "$DATABASE_URL"'
        )
    secrets = _secrets_of(settings, must_exist=with_secrets)
    copy = save_copy(_database_of(settings), file)
    click.echo(f"{file}: {copy.size_bytes / _MEBI:.1f} MiB, schema version {copy.version}, checked.")
    if with_secrets:
        _copy_private(secrets, _beside(file))
        click.echo(f"{_beside(file)}: the secrets made on first start. Keep the file as secret as a password.")


@click.command()
@_FILE
@click.option("--with-secrets", is_flag=True, help=f"Also put FILE.{SECRETS_FILE} back.")
@env_file_option
@in_sentences(OmiError, InvalidSettingError)
def restore(file: Path, env_file: Path | None, *, with_secrets: bool) -> None:
    """Replace the database by the copy in FILE. Stop the server first. The present database is kept aside."""
    settings = load_settings(env_file_to_load(env_file))
    if settings.is_postgres:
        raise StoreError(
            "The database is PostgreSQL, and its own tool restores it. Nothing was done. Stop every server and run: "
            f'pg_restore --clean --if-exists --single-transaction --dbname="$DATABASE_URL" {file}'
        )
    if with_secrets and not _beside(file).is_file():
        raise StoreError(f"There is no {_beside(file)}: this backup was made without secrets. Nothing was done.")
    now_s, place = SystemClock().now_s(), _database_of(settings)
    earlier = restore_copy(file, place, now_s)
    if with_secrets:
        _put_secrets_back(_beside(file), _secrets_of(settings, must_exist=False), now_s)
    click.echo(f"{file} is in place in {place.parent}.")
    if earlier is not None:
        click.echo(
            f"The database before is now {earlier}. It holds people's words: delete it when you no longer need it."
        )


def _database_of(settings: Settings) -> Path:
    url = settings.database_url.get_secret_value() if settings.database_url else ""
    return find_sqlite_file(StoreConfig(url=url, data_dir=settings.data_dir))


def _secrets_of(settings: Settings, *, must_exist: bool) -> Path:
    file = settings.data_dir / SECRETS_FILE
    if must_exist and not file.is_file():
        raise StoreError(f"There is no {file}: this server's secrets are in its settings. Nothing was done.")
    return file


def _beside(file: Path) -> Path:
    return file.with_name(f"{file.name}.{SECRETS_FILE}")


def _put_secrets_back(source: Path, place: Path, now_s: float) -> None:
    if place.exists():
        place.replace(place.with_name(f"{place.name}.replaced.{int(now_s)}.bak"))
    _copy_private(source, place)


def _copy_private(source: Path, target: Path) -> None:
    try:
        with source.open("rb") as secrets, os.fdopen(os.open(target, _FLAGS, 0o600), "wb") as out:
            shutil.copyfileobj(secrets, out)
    except OSError as exc:
        raise StoreError(f"{source} cannot be copied to {target} ({exc.strerror}). The database is in place.") from exc
