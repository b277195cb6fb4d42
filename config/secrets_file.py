"""The file DATA_DIR/secrets.env (mode 0600): tokens that a development server makes for itself on first start.

Not here: secrets in production, which the operator must set (settings.py). Values are never logged.
Threads: none; called once at start. Another process may start at the same moment.
"""

import dataclasses
import os
import secrets
from pathlib import Path

from pydantic import SecretStr

from config.settings import InvalidSettingError, LoadedSettings, Origin

FILE_NAME = "secrets.env"
_NAMES = ("ADMIN_TOKEN", "WEBHOOK_TOKEN")


def add_made_secrets(loaded: LoadedSettings) -> LoadedSettings:
    """Return `loaded`, with the missing tokens loaded from the file. Write the file if it does not exist.

    In production the file is neither loaded nor written.

    Raises:
        InvalidSettingError: the folder cannot be written, or the file lacks a token.
    """
    settings = loaded.settings
    missing = [name for name in _NAMES if getattr(settings, name.lower()) is None]
    if settings.is_production or not missing:
        return loaded
    made = _load_or_make(settings.data_dir / FILE_NAME)
    update = {name.lower(): SecretStr(made[name]) for name in missing}
    origins = {**loaded.origins, **dict.fromkeys(missing, Origin.MADE)}
    return dataclasses.replace(loaded, settings=settings.model_copy(update=update), origins=origins)


def _load_or_make(path: Path) -> dict[str, str]:
    try:
        if not path.exists():
            _make(path)
        path.chmod(0o600)  # a copy or a restored backup may have another mode
        lines = [line.partition("=") for line in path.read_text(encoding="utf-8").splitlines()]
    except OSError as exc:
        raise InvalidSettingError(
            f"DATA_DIR: {path} cannot be read or made ({exc.strerror}). Make the folder writable, or set another."
        ) from exc
    made = {name.strip(): value.strip() for name, _, value in lines}
    lacking = [name for name in _NAMES if not made.get(name)]
    if lacking:
        raise InvalidSettingError(f"{path} holds no {' and no '.join(lacking)}. Delete it: a new one is made.")
    return made


def _make(path: Path) -> None:
    """Write the whole file under a temporary name, then link it to `path`. So no process loads half a file."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.writelines(f"{name}={secrets.token_urlsafe(32)}\n" for name in _NAMES)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return  # another process was first; its file is whole
    finally:
        draft.unlink()
