"""The file DATA_DIR/secrets.env (mode 0600): tokens that a development server makes for itself on first start.

Not here: secrets in production, which the operator must set (settings.py). Values are never logged.
Threads: none; called once at start. Another process may start at the same moment.
"""

import contextlib
import dataclasses
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

from config.durable import make_folder, sync_folder, write_new
from config.env_file import load_env_file
from config.settings import InvalidSettingError, LoadedSettings, Origin, Settings

FILE_NAME = "secrets.env"
_NAMES = ("ADMIN_TOKEN", "WEBHOOK_TOKEN")


def add_made_secrets(loaded: LoadedSettings) -> LoadedSettings:
    """Return `loaded`, with the missing tokens loaded from the file. Write the file if it does not exist.

    In production the file is neither loaded nor written.

    Raises:
        InvalidSettingError: the folder cannot be written, or the file lacks a token.
    """
    settings = loaded.settings
    missing = _missing(settings)
    if not missing:
        return loaded
    made = _load_or_make(settings.data_dir / FILE_NAME)
    update = {name.lower(): SecretStr(made[name]) for name in missing}
    origins = {**loaded.origins, **dict.fromkeys(missing, Origin.MADE)}
    return dataclasses.replace(loaded, settings=settings.model_copy(update=update), origins=origins)


def check_secrets_file(settings: Settings) -> None:
    """Check that the file is sound, if it exists and a start needs it.

    Raises:
        InvalidSettingError: the file cannot be read, or lacks a token.
    """
    path = settings.data_dir / FILE_NAME
    if _missing(settings) and os.path.lexists(path):
        _load(path)


def _missing(settings: Settings) -> list[str]:
    """Return the names of tokens that the file must supply; in production none."""
    return [name for name in _NAMES if getattr(settings, name.lower()) is None and not settings.is_production]


def _load_or_make(path: Path) -> Mapping[str, str]:
    try:
        if not os.path.lexists(path):
            _make(path)
        if path.is_file():
            path.chmod(0o600)  # a copy or a restored backup may have another mode
    except OSError as exc:
        raise InvalidSettingError(
            f"DATA_DIR: {path} cannot be made or kept private ({exc.strerror}). Make the folder writable, or set "
            "another."
        ) from exc
    return _load(path)


def _load(path: Path) -> Mapping[str, str]:
    made = load_env_file(path).values
    lacking = [name for name in _NAMES if not made.get(name)]
    if lacking:
        raise InvalidSettingError(f"{path} holds no {' and no '.join(lacking)}. Delete it: a new one is made.")
    return made


def _make(path: Path) -> None:
    """Write the whole file under a temporary name, then link it to `path`. So no process loads half a file."""
    make_folder(path.parent)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    content = "".join(f"{name}={secrets.token_urlsafe(32)}\n" for name in _NAMES)
    try:
        write_new(draft, content.encode())
        with contextlib.suppress(FileExistsError):  # another process was first; its file is whole
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)
