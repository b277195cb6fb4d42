"""Every setting: its variable, default, unit, meaning and range.

Not here: how they are read, checked and explained (settings.py), first-start secrets (secrets_file.py).
Threads: frozen, any. Variables keep the units of the document (ms); the program asks for seconds (`…_s`).
"""

import ipaddress
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SecretStr
from pydantic.aliases import AliasChoices
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from config.values import lower_word, parse_list, parse_size, trimmed

_DAY_MS = 86_400_000

_Secret = Annotated[SecretStr | None, BeforeValidator(trimmed)]


def _default_host(values: dict[str, Any]) -> str:
    return "0.0.0.0" if values.get("app_env") == "production" else "127.0.0.1"  # noqa: S104 (production serves)


class Settings(BaseSettings):
    """All settings of one process. Made by `config.settings.load_settings`, which explains what is wrong."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_ignore_empty=True, env_file_encoding="utf-8", hide_input_in_errors=True
    )

    # --- Server
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
        le=_DAY_MS,
        description="ms that a connection may wait for its (next) request's headers.",
    )
    body_timeout_ms: int = Field(
        15_000,
        validation_alias="BODY_TIMEOUT_MS",
        ge=100,
        le=_DAY_MS,
        description="ms that one request's body may take to arrive.",
    )
    slow_request_threshold_ms: int = Field(
        1_000,
        validation_alias="SLOW_REQUEST_THRESHOLD",
        ge=1,
        le=_DAY_MS,
        description="ms from which on a request is logged as slow.",
    )
    shutdown_grace_ms: int = Field(
        10_000,
        validation_alias="SHUTDOWN_GRACE_MS",
        ge=0,
        le=_DAY_MS,
        description="ms that requests in flight get to finish when the program is told to stop.",
    )
    log_level: Annotated[Literal["debug", "info", "warn", "error", "fatal"], BeforeValidator(lower_word)] = Field(
        "info", validation_alias="LOG_LEVEL", description="Least level that is logged: debug, info, warn, error, fatal."
    )

    # --- Secrets
    admin_token: _Secret = Field(
        None,
        validation_alias="ADMIN_TOKEN",
        description="The operator's Bearer token. Development makes one in DATA_DIR on first start.",
    )
    webhook_token: _Secret = Field(
        None,
        validation_alias="WEBHOOK_TOKEN",
        description="Secret in the webhook's URL (?token=). Development makes one in DATA_DIR on first start.",
    )
    omi_signing_secrets: Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(parse_list)] = Field(
        (),
        validation_alias="OMI_SIGNING_SECRETS",
        description="Omi's signing secrets (whsec_…), separated by commas. If set, every webhook must be signed.",
    )

    # --- Store
    data_dir: Path = Field(
        Path("data"), validation_alias="DATA_DIR", description="Folder of the embedded database and made secrets."
    )
    database_url: _Secret = Field(
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

    # --- Model
    openai_api_key: _Secret = Field(
        None,
        validation_alias=AliasChoices("OPENAI_API_KEY", "OPENAI_KEY"),
        description="Key of the model server. Empty: the built-in demo model answers, labelled as such.",
    )
    openai_base_url: str | None = Field(
        None,
        validation_alias="OPENAI_BASE_URL",
        pattern=r"^https?://",
        description="Any OpenAI-compatible server, e.g. http://localhost:11434/v1. Empty: OpenAI.",
    )
    openai_model: str = Field(
        "gpt-5-mini-2025-08-07", validation_alias="OPENAI_MODEL", min_length=1, description="Name of the model."
    )
    openai_timeout_ms: int = Field(
        20_000,
        validation_alias="OPENAI_TIMEOUT",
        ge=100,
        le=600_000,
        description="ms, wall clock, for one whole answer of the model.",
    )
    openai_max_tokens: int = Field(
        500, validation_alias="OPENAI_MAX_TOKENS", ge=1, le=100_000, description="Tokens that an answer may have."
    )
    openai_max_concurrency: int = Field(
        64, validation_alias="OPENAI_MAX_CONCURRENCY", ge=1, le=10_000, description="Answers asked for at a time."
    )

    # --- Omi's API
    omi_app_id: Annotated[str | None, BeforeValidator(trimmed)] = Field(
        None,
        validation_alias="OMI_APP_ID",
        pattern=r"^[A-Za-z0-9_-]{1,128}$",
        description="The app's id at Omi. With OMI_APP_SECRET, an answer that no reply carried is notified.",
    )
    omi_app_secret: _Secret = Field(
        None,
        validation_alias=AliasChoices("OMI_APP_SECRET", "OMI_API_KEY"),
        description="The app's API key at Omi. Without it late answers wait for the wearer's next contact.",
    )
    omi_api_url: str = Field(
        "https://api.omi.me",
        validation_alias="OMI_API_URL",
        pattern=r"^https?://",
        description="Where Omi's API is.",
    )
    omi_notify_version: Annotated[Literal["v1", "v2"], BeforeValidator(lower_word)] = Field(
        "v1",
        validation_alias="OMI_NOTIFY_VERSION",
        description="v1 keeps the text in the app's chat and out of URLs; v2 only pushes, for apps that v1 refuses.",
    )
    omi_notify_timeout_ms: int = Field(
        10_000,
        validation_alias="OMI_NOTIFY_TIMEOUT_MS",
        ge=100,
        le=120_000,
        description="ms for one notification, after which nobody knows whether it was sent.",
    )

    # --- Sessions and queue
    webhook_reply_deadline_ms: int = Field(
        12_000,
        validation_alias="WEBHOOK_REPLY_DEADLINE_MS",
        ge=100,
        le=29_000,
        description="ms after which a webhook is replied to without the answer. Omi gives up at 30,000.",
    )
    chat_reply_deadline_ms: int = Field(
        60_000,
        validation_alias="CHAT_REPLY_DEADLINE_MS",
        ge=100,
        le=600_000,
        description=(
            "ms after which a chat is told that its answer is late. Proxies cut a silent request at 60,000; three "
            "attempts at a 20 s model fit in."
        ),
    )
    chat_max_message_chars: int = Field(
        8_000,
        validation_alias="CHAT_MAX_MESSAGE_CHARS",
        ge=1,
        le=100_000,
        description=(
            "Characters of a chat's message, and of the context that comes with it: about 2,000 tokens each, "
            "which is what a question may cost."
        ),
    )
    allow_anonymous_chat: bool = Field(
        default=False,
        validation_alias="ALLOW_ANONYMOUS_CHAT",
        description="true lets everybody chat without a token. A development server on loopback does so anyway.",
    )
    next_webhook_grace_ms: int = Field(
        5_000,
        validation_alias="NEXT_WEBHOOK_GRACE_MS",
        ge=0,
        le=60_000,
        description=(
            "ms that a late answer waits for the wearer's next webhook before it becomes a notification, of which Omi "
            "grants ten an hour. While anybody speaks, a webhook comes every 1 to 3 s."
        ),
    )
    answer_expires_s: int = Field(
        600,
        validation_alias="ANSWER_EXPIRES_S",
        ge=30,
        le=604_800,
        description="s after its question from which on an answer is shown, not spoken: nobody waits for it any more.",
    )
    session_idle_s: int = Field(
        900, validation_alias="SESSION_IDLE_S", ge=1, le=604_800, description="s after which an idle session is let go."
    )
    max_live_sessions: int = Field(
        100_000,
        validation_alias="MAX_LIVE_SESSIONS",
        ge=1,
        le=10_000_000,
        description="Sessions kept in memory; above it the longest idle are let go.",
    )
    session_mailbox_capacity: int = Field(
        100,
        validation_alias="SESSION_MAILBOX_CAPACITY",
        ge=1,
        le=1_000_000,
        description="Messages that may wait for one session; more are refused.",
    )
    queue_max_concurrent_jobs: int = Field(
        10,
        validation_alias="QUEUE_MAX_CONCURRENT_JOBS",
        ge=1,
        le=10_000,
        description="Background jobs (other than answers) run at a time.",
    )
    queue_max_retries: int = Field(
        3, validation_alias="QUEUE_MAX_RETRIES", ge=0, le=100, description="Retries of a failed job before it is dead."
    )

    @property
    def is_production(self) -> bool:
        """Whether this process serves in earnest."""
        return self.app_env == "production"

    @property
    def is_loopback(self) -> bool:
        """Whether only programs on this machine can reach the server."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

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

    @property
    def store_write_timeout_s(self) -> float:
        """Seconds after which a write counts as failed."""
        return self.store_write_timeout_ms / 1000

    @property
    def store_read_timeout_s(self) -> float:
        """Seconds after which a read counts as failed."""
        return self.store_read_timeout_ms / 1000

    @property
    def openai_timeout_s(self) -> float:
        """Seconds, wall clock, for one whole answer of the model."""
        return self.openai_timeout_ms / 1000

    @property
    def omi_notify_timeout_s(self) -> float:
        """Seconds for one notification."""
        return self.omi_notify_timeout_ms / 1000

    @property
    def chat_reply_deadline_s(self) -> float:
        """Seconds after which a chat is told that its answer is late."""
        return self.chat_reply_deadline_ms / 1000

    @property
    def next_webhook_grace_s(self) -> float:
        """Seconds that a late answer waits for the next webhook."""
        return self.next_webhook_grace_ms / 1000

    @property
    def webhook_reply_deadline_s(self) -> float:
        """Seconds after which a webhook is replied to without the answer."""
        return self.webhook_reply_deadline_ms / 1000
