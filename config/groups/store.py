"""The store: where it is, how long it may take.

Not here: how settings are read and checked (config/settings.py). Threads: frozen, any.
"""

from pathlib import Path

from pydantic import BaseModel, Field

from config.values import Secret


class StoreSettings(BaseModel):
    """See the module."""

    data_dir: Path = Field(
        Path("data"), validation_alias="DATA_DIR", description="Folder of the embedded database and made secrets."
    )
    database_url: Secret = Field(
        None,
        validation_alias="DATABASE_URL",
        description="postgres://user:password@host/name. Empty: SQLite in DATA_DIR.",
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
