"""Settings of the store: its address, its time limits, and how long it keeps data.

Not here: loading and checking (config/settings.py). Threads: frozen, any.
"""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field, SecretStr

from config.database_url import read_database_url
from config.values import OnOff, Seconds, Secret

# Characters of a node's name.
MAX_NODE_NAME = 64
# A century: a mistyped number of days beyond it is surely a mistake.
_MAX_DAYS = 36_500


def name_process(node_name: str, number: int) -> str:
    """Return the node name of one of several processes; `number` counts from 1."""
    return f"{node_name}-{number}"


def name_siblings(node_name: str, processes: int) -> list[str]:
    """Return the node names of all processes at the address of one, whose own is `node_name`."""
    if processes == 1:
        return [node_name]
    return [name_process(node_name.rpartition("-")[0], number) for number in range(1, processes + 1)]


def _as_the_store_reads_it(url: SecretStr | None) -> SecretStr | None:
    read = read_database_url(url.get_secret_value()) if url is not None else ""
    return SecretStr(read) if read else None


class StoreSettings(BaseModel):
    """The store: its address and its time limits."""

    data_dir: Path = Field(
        Path("data"),
        validation_alias="DATA_DIR",
        description="Folder of the SQLite database and of the secrets made on first start.",
    )
    database_url: Annotated[Secret, AfterValidator(_as_the_store_reads_it)] = Field(
        None,
        validation_alias="DATABASE_URL",
        description="postgres://user:password@host/name, or sqlite:///file. Empty: SQLite in DATA_DIR.",
    )
    allow_unsynced_commits: OnOff = Field(
        default=False,
        validation_alias="ALLOW_UNSYNCED_COMMITS",
        description=(
            "Start although the database does not sync its commits (fsync, full_page_writes, synchronous_commit), so "
            "that a crash of its machine loses what was acknowledged. For tests, or on file systems that never tear a "
            "page. Default: refused, as a loss is noticed too late."
        ),
    )
    node_name: str = Field(
        "local",
        validation_alias="NODE_NAME",
        pattern=rf"^[A-Za-z0-9._-]{{1,{MAX_NODE_NAME}}}$",
        description="This node's name in a shared database. Keep it over restarts; give every node another name.",
    )
    node_address: str = Field(
        "",
        validation_alias="NODE_ADDRESS",
        pattern=r"^[!-~]{0,255}$",
        description=(
            "This node's address as the load balancer's file has it, such as 10.0.0.1:3000. A balancer that hashes by "
            "uid then sends each wearer to the owner of the session. Empty: NODE_NAME."
        ),
    )
    node_lease_ms: int = Field(
        5_000,
        validation_alias="NODE_LEASE_MS",
        ge=1_000,
        le=60_000,
        description=(
            "Milliseconds of silence after which other nodes take over a node's sessions and jobs. It renews the lease "
            "three times in that time, so shorter ones cost more, and a pause of the machine looks like a death."
        ),
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
    store_reader_processes: OnOff = Field(
        default=True,
        validation_alias="STORE_READER_PROCESSES",
        description=(
            "Reads persons' lists, searches, recall and statistics in two processes of their own, which start with the "
            "first such request and take about 60 MiB each. When off, threads of the server read them."
        ),
    )

    @property
    def is_postgres(self) -> bool:
        """True if the database is PostgreSQL, not an SQLite file."""
        return self.database_url is not None and not self.database_url.get_secret_value().startswith("sqlite:")

    node_lease_s = Seconds("node_lease_ms")
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
