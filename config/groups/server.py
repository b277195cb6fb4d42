"""The server: address, limits of requests, log level, and who may enter.

Not here: how settings are read and checked (config/settings.py). Threads: frozen, any.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, SecretStr
from pydantic.aliases import AliasChoices

from config.values import DAY_MS, Secret, is_loopback, lower_word, parse_list, parse_size


def _default_host(values: dict[str, Any]) -> str:
    return "0.0.0.0" if values.get("app_env") == "production" else "127.0.0.1"  # noqa: S104 (production serves)


class ServerSettings(BaseModel):
    """See the module."""

    app_env: Annotated[Literal["development", "production"], BeforeValidator(lower_word)] = Field(
        "development",
        validation_alias=AliasChoices("APP_ENV", "NODE_ENV"),
        description="development or production. Production listens on all addresses and demands its secrets.",
    )
    host: str = Field(
        default_factory=_default_host,
        validation_alias="HOST",
        description="Address to listen on. Default: 127.0.0.1 in development, 0.0.0.0 in production.",
    )
    port: int = Field(
        3000, validation_alias="PORT", ge=0, le=65535, description="TCP port to listen on; 0 takes any free one."
    )
    max_request_size: Annotated[int, BeforeValidator(parse_size)] = Field(
        10 * 1024 * 1024,
        validation_alias="MAX_REQUEST_SIZE",
        ge=1024,
        le=1024**3,
        description="Largest request body: bytes, or with kb, mb, gb (powers of 1024). Default: 10mb.",
    )
    idle_connection_timeout_ms: int = Field(
        30_000,
        validation_alias="IDLE_CONNECTION_TIMEOUT_MS",
        ge=100,
        le=DAY_MS,
        description="ms that a connection may wait for its (next) request's headers.",
    )
    body_timeout_ms: int = Field(
        15_000,
        validation_alias="BODY_TIMEOUT_MS",
        ge=100,
        le=DAY_MS,
        description="ms that one request's body may take to arrive.",
    )
    slow_request_threshold_ms: int = Field(
        1_000,
        validation_alias="SLOW_REQUEST_THRESHOLD",
        ge=1,
        le=DAY_MS,
        description="ms from which on a request is logged as slow.",
    )
    shutdown_grace_ms: int = Field(
        10_000,
        validation_alias="SHUTDOWN_GRACE_MS",
        ge=0,
        le=DAY_MS,
        description="ms that requests in flight get to finish when the program is told to stop.",
    )
    log_level: Annotated[Literal["debug", "info", "warn", "error", "fatal"], BeforeValidator(lower_word)] = Field(
        "info", validation_alias="LOG_LEVEL", description="Least level that is logged: debug, info, warn, error, fatal."
    )
    admin_token: Secret = Field(
        None,
        validation_alias="ADMIN_TOKEN",
        description="The operator's Bearer token. Development makes one in DATA_DIR on first start.",
    )
    webhook_token: Secret = Field(
        None,
        validation_alias="WEBHOOK_TOKEN",
        description="Secret in the webhook's URL (?token=). Development makes one in DATA_DIR on first start.",
    )
    omi_signing_secrets: Annotated[tuple[SecretStr, ...], BeforeValidator(parse_list)] = Field(
        (),
        validation_alias="OMI_SIGNING_SECRETS",
        description="Omi's signing secrets (whsec_…), separated by commas. If set, every webhook must be signed.",
    )

    @property
    def is_production(self) -> bool:
        """Whether this process serves in earnest."""
        return self.app_env == "production"

    @property
    def is_loopback(self) -> bool:
        """Whether only programs on this machine can reach the server."""
        return is_loopback(self.host)

    @property
    def idle_connection_timeout_s(self) -> float:
        """Seconds that a connection may wait for its next request's headers."""
        return self.idle_connection_timeout_ms / 1000

    @property
    def body_timeout_s(self) -> float:
        """Seconds that one request's body may take to arrive."""
        return self.body_timeout_ms / 1000

    @property
    def slow_request_threshold_s(self) -> float:
        """Seconds from which on a request is logged as slow."""
        return self.slow_request_threshold_ms / 1000

    @property
    def shutdown_grace_s(self) -> float:
        """Seconds that requests in flight get to finish."""
        return self.shutdown_grace_ms / 1000
