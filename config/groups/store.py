"""Settings of the store: its address, its time limits, and how long it keeps data.

Not here: loading and checking (config/settings.py). Threads: frozen, any.
"""

import re
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field

from config.values import Seconds, Secret, checked_secret, find_odd_spelling

_POSTGRES = ("postgres://", "postgresql://")
_SQLITE = "sqlite:///"
_ENCODED = "write special characters of a password as %XX: @ as %40, / as %2F, : as %3A"
# As libpq reads it: a user ends at the first @ before any slash. Other readings would show a password as a host.
_SERVER = re.compile(r"(?:[^@/]*@)?(?P<hosts>[^/?]*)(?:/(?P<name>[^?]*))?(?:\?(?P<options>.*))?")
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.%]+\]|[^:\[\]]*)(?::(?P<port>[0-9]*))?")
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})|%00")
_MAX_PORT = 65_535
# A century: a mistyped number of days beyond it is surely a mistake.
_MAX_DAYS = 36_500


def _find_problem(url: str) -> str:
    """Return why the URL names no store; "" if it names one. The URL is never quoted: it may hold a password."""
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
    """The store: its address and its time limits."""

    data_dir: Path = Field(
        Path("data"),
        validation_alias="DATA_DIR",
        description="Folder of the SQLite database and of the secrets made on first start.",
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
        description="This node's name in a shared database. Keep it over restarts; give every node another name.",
    )
    store_write_timeout_ms: int = Field(
        5_000,
        validation_alias="STORE_WRITE_TIMEOUT_MS",
        ge=10,
        le=600_000,
        description="Milliseconds after which a write to the store fails.",
    )
    store_read_timeout_ms: int = Field(
        5_000,
        validation_alias="STORE_READ_TIMEOUT_MS",
        ge=10,
        le=600_000,
        description="Milliseconds after which a read from the store fails.",
    )

    store_write_timeout_s = Seconds("store_write_timeout_ms")
    store_read_timeout_s = Seconds("store_read_timeout_ms")


class RetentionSettings(BaseModel):
    """Retention: how long transcripts, failed jobs, finished jobs and audit events are kept."""

    transcript_retention_days: int = Field(
        90,
        validation_alias="TRANSCRIPT_RETENTION_DAYS",
        ge=0,
        le=_MAX_DAYS,
        description=(
            "Days to keep transcripts, questions with answers, notifications and Omi's other payloads. 0: one hour, "
            "since work still needs them, or ANSWER_EXPIRES_S if that is longer."
        ),
    )
    dead_letter_retention_days: int = Field(
        30,
        validation_alias="DEAD_LETTER_RETENTION_DAYS",
        ge=0,
        le=_MAX_DAYS,
        description=(
            "Days to keep dead jobs for the operator. Never longer than transcripts, since dead jobs hold the words of "
            "questions."
        ),
    )
    job_retention_days: int = Field(
        7,
        validation_alias="JOB_RETENTION_DAYS",
        ge=1,
        le=_MAX_DAYS,
        description=(
            "Days to keep finished jobs. With them, the server recognises a repeated question; senders repeat within "
            "hours. They hold no text."
        ),
    )
    operator_event_retention_days: int = Field(
        365,
        validation_alias="OPERATOR_EVENT_RETENTION_DAYS",
        ge=1,
        le=_MAX_DAYS,
        description=(
            "Days to keep the audit log of the operator's actions. The default is a year, since people need it long "
            "after the job. It holds ids, counts and times, no text."
        ),
    )
    retention_max_percent: int = Field(
        10,
        validation_alias="RETENTION_MAX_PERCENT",
        ge=1,
        le=100,
        description=(
            "Percent of a table that one round may delete without `omi-actors retention resume`, but at least 1,000 "
            "rows. A normal round deletes far less: more means a wrong clock or a wrong number of days. Without effect "
            "if TRANSCRIPT_RETENTION_DAYS=0."
        ),
    )
    janitor_interval_s: int = Field(
        3_600,
        validation_alias="JANITOR_INTERVAL_S",
        ge=1,
        le=86_400,
        description="Seconds between two deletions of old data.",
    )
