"""The secrets that a development server makes for itself on first start: DATA_DIR/secrets.env, mode 0600.

Not here: production, which is given its secrets and refuses to start without (settings.py).
Threads: none; once at start, safe against another process starting at the same moment. Values are never logged.
"""

import dataclasses
import os
import secrets
from pathlib import Path

from pydantic import SecretStr

from config.errors import InvalidSettingError
from config.settings import Origin, Reading
from config.variables import Settings

FILE_NAME = "secrets.env"
_NAMES = ("ADMIN_TOKEN", "WEBHOOK_TOKEN")


def with_made_secrets(settings: Settings) -> Settings:
    """Return `settings` with ADMIN_TOKEN and WEBHOOK_TOKEN: as given, else from the file, which is made if missing.

    In production nothing is read or made.

    Raises:
        InvalidSettingError: the folder cannot be written, or the file lacks a token.
    """
    if settings.is_production or (settings.admin_token and settings.webhook_token):
        return settings
    path = settings.data_dir / FILE_NAME
    try:
        made = _read_or_make(path)
    except OSError as exc:
        raise InvalidSettingError(
            f"DATA_DIR: {path} cannot be read or made ({exc.strerror}). Make the folder writable, or set another."
        ) from exc
    missing = [name for name in _NAMES if not made.get(name)]
    if missing:
        raise InvalidSettingError(f"{path} holds no {' and no '.join(missing)}. Delete it: a new one is made.")
    update = {}
    if settings.admin_token is None:
        update["admin_token"] = SecretStr(made["ADMIN_TOKEN"])
    if settings.webhook_token is None:
        update["webhook_token"] = SecretStr(made["WEBHOOK_TOKEN"])
    return settings.model_copy(update=update)


def with_made_origins(reading: Reading) -> Reading:
    """Return `reading` with the made tokens, and that they were made; see `with_made_secrets`."""
    settings = with_made_secrets(reading.settings)
    made = {
        name: Origin.MADE
        for name in _NAMES
        if getattr(settings, name.lower()) is not None and getattr(reading.settings, name.lower()) is None
    }
    return dataclasses.replace(reading, settings=settings, origins={**reading.origins, **made})


def _read_or_make(path: Path) -> dict[str, str]:
    if not path.exists():
        _make(path)
    path.chmod(0o600)  # a copy or a restored backup may have lost it
    lines = (line.partition("=") for line in path.read_text(encoding="utf-8").splitlines())
    return {name.strip(): value.strip() for name, _, value in lines}


def _make(path: Path) -> None:
    """Write the file under a name of our own, then give it its name only if nobody else has: never seen half done."""
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
