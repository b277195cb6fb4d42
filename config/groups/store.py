"""The store: where it is, how long it may take.

Not here: how settings are read and checked (config/settings.py). Threads: frozen, any.
"""

import re
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field

from config.values import Secret, checked_secret, find_odd_spelling

_POSTGRES = ("postgres://", "postgresql://")
_SQLITE = "sqlite:///"
_ENCODED = "write special characters of a password as %XX: @ as %40, / as %2F, : as %3A"
# As libpq reads it: a user ends at the first @ before any slash. Other readings would show a password as a host.
_SERVER = re.compile(r"(?:[^@/]*@)?(?P<hosts>[^/?]*)(?:/(?P<name>[^?]*))?(?:\?(?P<options>.*))?")
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.%]+\]|[^:\[\]]*)(?::(?P<port>[0-9]*))?")
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})|%00")
_MAX_PORT = 65_535


def _find_problem(url: str) -> str:
    """Return why the URL names no store, "" if it does. The sentence never quotes it: it may hold a password."""
    if url.startswith(_SQLITE):
        return _find_file_problem(url.removeprefix(_SQLITE))
    if odd := find_odd_spelling(url):
        return odd
    scheme = next((scheme for scheme in _POSTGRES if url.startswith(scheme)), None)
    if scheme is None:
        return f"must begin with postgres:// or {_SQLITE}"
    if _BAD_PERCENT.search(url):
        return "has a % without two digits after it, or %00; write % itself as %25"
    return _find_server_problem(url.removeprefix(scheme))


def _find_server_problem(rest: str) -> str:
    parts = _SERVER.fullmatch(rest)
    if parts is None or "@" in f"{parts['hosts']}{parts['name']}":
        return f"has an @ or / too many; {_ENCODED}"
    if not (parts["hosts"] or parts["name"] or parts["options"]):
        return "must name a server and a database"
    if not all(map(_is_host, parts["hosts"].split(","))):
        return f"has a host or port that cannot be read; {_ENCODED}"
    return "must end in the database's name alone" if "/" in (parts["name"] or "") else ""


def _is_host(text: str) -> bool:
    match = _HOST.fullmatch(text)
    return match is not None and (not match["port"] or 0 < int(match["port"]) <= _MAX_PORT)


def _find_file_problem(file: str) -> str:
    if not file or file.endswith("/"):
        return f"must name a file after {_SQLITE}"
    if file.startswith(":memory:"):
        return "must name a file: a store in memory would forget"
    return "must not have options after the file's name" if "?" in file else ""


class StoreSettings(BaseModel):
    """See the module."""

    data_dir: Path = Field(
        Path("data"), validation_alias="DATA_DIR", description="Folder of the embedded database and made secrets."
    )
    database_url: Annotated[Secret, checked_secret(_find_problem)] = Field(
        None,
        validation_alias="DATABASE_URL",
        description="postgres://user:password@host/name, or sqlite:///file. Empty: SQLite in DATA_DIR.",
    )
    node_name: str = Field(
        "local",
        validation_alias="NODE_NAME",
        pattern=r"^[A-Za-z0-9._-]{1,64}$",
        description="This node's name in a shared database: the same at every start, different on every node.",
    )
    store_write_timeout_ms: int = Field(
        5_000,
        validation_alias="STORE_WRITE_TIMEOUT_MS",
        ge=10,
        le=600_000,
        description="ms after which a write counts as failed.",
    )
    store_read_timeout_ms: int = Field(
        5_000,
        validation_alias="STORE_READ_TIMEOUT_MS",
        ge=10,
        le=600_000,
        description="ms after which a read counts as failed.",
    )

    @property
    def store_write_timeout_s(self) -> float:
        """Seconds after which a write counts as failed."""
        return self.store_write_timeout_ms / 1000

    @property
    def store_read_timeout_s(self) -> float:
        """Seconds after which a read counts as failed."""
        return self.store_read_timeout_ms / 1000
