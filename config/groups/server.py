"""Settings of the server: address, request limits, tokens, log level; metrics, dashboard and log files.

Not here: loading and checking (config/settings.py). Threads: frozen, any.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, SecretStr
from pydantic.aliases import AliasChoices

from config.upstreams import UpstreamAddress
from config.values import DAY_MS, OnOff, Seconds, Secret, is_loopback, lower_word, parse_list, parse_size


def _default_host(values: dict[str, Any]) -> str:
    return "0.0.0.0" if values.get("app_env") == "production" else "127.0.0.1"  # noqa: S104 (production serves others)


class ServerSettings(BaseModel):
    """The server: address, request limits, log level, and tokens."""

    app_env: Annotated[Literal["development", "production"], BeforeValidator(lower_word)] = Field(
        "development",
        validation_alias=AliasChoices("APP_ENV", "NODE_ENV"),
        description="development or production. Production listens on all addresses and requires its secrets.",
    )
    host: str = Field(
        default_factory=_default_host,
        validation_alias="HOST",
        description="Address to listen on. Default: 127.0.0.1 in development, 0.0.0.0 in production.",
    )
    port: int = Field(
        3000, validation_alias="PORT", ge=0, le=65535, description="TCP port to listen on; 0: any free port."
    )
    processes: int = Field(
        1,
        validation_alias="PROCESSES",
        ge=1,
        le=64,
        description=(
            "Processes that serve the address together, each a node of its own (NODE_NAME-1, NODE_NAME-2, …): one a "
            "core. More than one needs PostgreSQL and Redis. `omi-actors serve --processes` sets it."
        ),
    )
    legacy_shapes: OnOff = Field(
        default=False,
        validation_alias="LEGACY_SHAPES",
        description=(
            "Answers with the shapes of the original's first version where they differ from its second's: health, 404, "
            "error bodies, replies about sign-in. `omi-actors serve --legacy` sets it."
        ),
    )
    max_request_size: Annotated[int, BeforeValidator(parse_size)] = Field(
        10 * 1024 * 1024,
        validation_alias="MAX_REQUEST_SIZE",
        ge=1024,
        le=1024**3,
        description="Largest request body: bytes, or a number with kb, mb, gb (powers of 1024). Default: 10mb.",
    )
    idle_connection_timeout_ms: int = Field(
        30_000,
        validation_alias="IDLE_CONNECTION_TIMEOUT_MS",
        ge=100,
        le=DAY_MS,
        description="Milliseconds that a connection may wait for the headers of its next request.",
    )
    body_timeout_ms: int = Field(
        15_000,
        validation_alias="BODY_TIMEOUT_MS",
        ge=100,
        le=DAY_MS,
        description="Milliseconds that one request's body may take to arrive.",
    )
    enable_uvloop: OnOff = Field(
        default=True,
        validation_alias="ENABLE_UVLOOP",
        description="Uses uvloop's event loop where it is installed: a webhook takes less time. Off: asyncio's own.",
    )
    slow_request_threshold_ms: int = Field(
        1_000,
        validation_alias="SLOW_REQUEST_THRESHOLD",
        ge=1,
        le=DAY_MS,
        description="Milliseconds after which a request is logged as slow.",
    )
    slow_job_threshold_ms: int = Field(
        10_000,
        validation_alias="SLOW_JOB_THRESHOLD",
        ge=1,
        le=DAY_MS,
        description="Milliseconds after which an attempt at a job is logged as slow; a model's answer takes seconds.",
    )
    slow_statement_threshold_ms: int = Field(
        500,
        validation_alias="SLOW_STATEMENT_THRESHOLD",
        ge=1,
        le=DAY_MS,
        description="Milliseconds after which a read of the store or a commit is logged as slow.",
    )
    db_enable_logging: OnOff = Field(
        default=False,
        validation_alias="DB_ENABLE_LOGGING",
        description=(
            "Logs each statement of the store with its time and rows, without values. A line costs as much as its "
            "statement: not for every day."
        ),
    )
    shutdown_grace_ms: int = Field(
        10_000,
        validation_alias="SHUTDOWN_GRACE_MS",
        ge=0,
        le=DAY_MS,
        description="Milliseconds in which running requests may finish after a signal to stop.",
    )
    log_level: Annotated[Literal["debug", "info", "warn", "error", "fatal"], BeforeValidator(lower_word)] = Field(
        "info",
        validation_alias="LOG_LEVEL",
        description=(
            "Lowest level that is logged: debug, info, warn, error, fatal. With debug the console tables are printed "
            "every minute."
        ),
    )
    admin_token: Secret = Field(
        None,
        validation_alias="ADMIN_TOKEN",
        description="The operator's Bearer token. A development server makes one in DATA_DIR on first start.",
    )
    webhook_token: Secret = Field(
        None,
        validation_alias="WEBHOOK_TOKEN",
        description="Token in the webhook's URL (?token=). A development server makes one in DATA_DIR on first start.",
    )
    session_secret: Secret = Field(
        None,
        validation_alias="SESSION_SECRET",
        description=(
            "Key of the operator's sessions in browsers, and of the secrets of anonymous chats. A changed one signs "
            "every browser out and begins these chats anew. Default: none; the sessions are random, only their digests "
            "are kept, and ADMIN_TOKEN seals the chats' secrets."
        ),
    )
    omi_signing_secrets: Annotated[tuple[SecretStr, ...], BeforeValidator(parse_list)] = Field(
        (),
        validation_alias="OMI_SIGNING_SECRETS",
        description="Omi's signing secrets (whsec_…), separated by commas. When set, every webhook must be signed.",
    )

    @property
    def is_production(self) -> bool:
        """Return True if APP_ENV is production."""
        return self.app_env == "production"

    @property
    def is_loopback(self) -> bool:
        """Return True if only programs on this machine can reach the server."""
        return is_loopback(self.host)

    idle_connection_timeout_s = Seconds("idle_connection_timeout_ms")
    body_timeout_s = Seconds("body_timeout_ms")
    slow_request_threshold_s = Seconds("slow_request_threshold_ms")
    slow_job_threshold_s = Seconds("slow_job_threshold_ms")
    slow_statement_threshold_s = Seconds("slow_statement_threshold_ms")
    shutdown_grace_s = Seconds("shutdown_grace_ms")


class ObservingSettings(BaseModel):
    """Metrics, dashboard and log files."""

    enable_metrics: OnOff = Field(
        default=True,
        validation_alias="ENABLE_METRICS",
        description=(
            "Serves /metrics and /metrics-dashboard, and prints the console tables at the end. When off, both are 404 "
            "and SIGUSR1 alone prints tables; /health stays."
        ),
    )
    dashboard_streams: int = Field(
        200,
        validation_alias="DASHBOARD_STREAMS",
        ge=0,
        le=10_000,
        description=(
            "Browsers that may follow the dashboard's event stream at once. Further ones load its figures every few "
            "seconds."
        ),
    )
    metrics_token: Secret = Field(
        None,
        validation_alias="METRICS_TOKEN",
        description=(
            "Bearer token for GET /metrics only, so that a scraper does not need ADMIN_TOKEN, which also gives access. "
            "Default: none."
        ),
    )
    otel_endpoint: UpstreamAddress | None = Field(
        None,
        validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT",
        description=(
            "Address of an OpenTelemetry collector (OTLP over HTTP), such as http://localhost:4318. It gets the stages "
            "of requests as traces, without text; needs the extra `otel`. Default: none are sent."
        ),
    )
    request_log_size: int = Field(
        1_000,
        validation_alias="REQUEST_LOG_SIZE",
        ge=0,
        le=100_000,
        description=(
            "Finished requests to keep in memory with stages and log lines, and as many more that asked something or "
            "failed by our fault: about 0.5 kB each, 3 kB with lines. 0 keeps none."
        ),
    )
    webhook_inspector_size: int = Field(
        200,
        validation_alias="WEBHOOK_INSPECTOR_SIZE",
        ge=0,
        le=10_000,
        description=(
            "Latest webhooks to keep in memory for the dashboard's inspector, with headers and bodies. Bodies hold "
            "what people said: they go after an hour, and with each deletion. 0: none."
        ),
    )
    webhook_inspector_bytes: Annotated[int, BeforeValidator(parse_size)] = Field(
        4 * 1024 * 1024,
        validation_alias="WEBHOOK_INSPECTOR_BYTES",
        ge=0,
        le=1024**3,
        description="Bytes of all bodies that the inspector keeps: bytes, or a number with kb, mb, gb. Default: 4mb.",
    )
    enable_file_logging: OnOff = Field(
        default=False,
        validation_alias="ENABLE_FILE_LOGGING",
        description="Also writes log lines as JSON to files in LOG_DIR.",
    )
    log_dir: Path = Field(
        Path("logs"), validation_alias="LOG_DIR", description="Folder of the log files. It is made if it is missing."
    )
    log_max_file_size: Annotated[int, BeforeValidator(parse_size)] = Field(
        10 * 1024 * 1024,
        validation_alias="LOG_MAX_FILE_SIZE",
        ge=4096,
        le=1024**3,
        description="Size at which a new log file begins: bytes, or a number with kb, mb, gb. Default: 10mb.",
    )
    log_max_files: int = Field(
        5,
        validation_alias="LOG_MAX_FILES",
        ge=2,
        le=1_000,
        description="Number of log files to keep, the current one included; older ones are deleted.",
    )
