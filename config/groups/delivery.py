"""Delivery: replies, their deadline, and notifications by Omi's API.

Not here: how settings are read and checked (config/settings.py). Threads: frozen, any.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field
from pydantic.aliases import AliasChoices

from config.values import Secret, lower_word, trimmed


class DeliverySettings(BaseModel):
    """See the module."""

    omi_app_id: Annotated[str | None, BeforeValidator(trimmed)] = Field(
        None,
        validation_alias="OMI_APP_ID",
        pattern=r"^[A-Za-z0-9_-]{1,128}$",
        description="The app's id at Omi. With OMI_APP_SECRET, an answer that no reply carried is notified.",
    )
    omi_app_secret: Secret = Field(
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
    omi_breaker_failures: int = Field(
        5,
        validation_alias="OMI_BREAKER_FAILURES",
        ge=1,
        le=1_000,
        description=(
            "Notifications in a row that Omi's API fails (not reachable, too slow, 5xx) after which none is tried for "
            "a while: each that ends without a clear result costs its answer a second hearing."
        ),
    )
    omi_breaker_window_ms: int = Field(
        600_000,
        validation_alias="OMI_BREAKER_WINDOW_MS",
        ge=100,
        le=3_600_000,
        description="ms within which these failures must come. Long, since notifications are few.",
    )
    omi_breaker_pause_ms: int = Field(
        5_000,
        validation_alias="OMI_BREAKER_PAUSE_MS",
        ge=10,
        le=3_600_000,
        description="ms of the first pause, then one notification tries.",
    )
    omi_breaker_pause_cap_ms: int = Field(
        60_000,
        validation_alias="OMI_BREAKER_PAUSE_CAP_MS",
        ge=10,
        le=3_600_000,
        description="ms of the longest pause; each try that fails doubles it. Answers wait a minute at most.",
    )
    webhook_reply_deadline_ms: int = Field(
        12_000,
        validation_alias=AliasChoices("WEBHOOK_REPLY_DEADLINE_MS", "OMI_WEBHOOK_TIMEOUT"),
        ge=100,
        le=29_000,
        description="ms after which a webhook is replied to without the answer. Omi gives up at 30,000.",
    )
    next_webhook_grace_ms: int = Field(
        5_000,
        validation_alias="NEXT_WEBHOOK_GRACE_MS",
        ge=0,
        le=60_000,
        description=(
            "ms that a late answer waits for the wearer's next webhook before it becomes a notification, of which Omi "
            "grants ten an hour. While anybody speaks, a webhook comes every 1 to 3 s. With several nodes not below "
            "4000: without Redis a node hears so late of what another one has answered."
        ),
    )
    answer_expires_s: int = Field(
        600,
        validation_alias="ANSWER_EXPIRES_S",
        ge=30,
        le=604_800,
        description="s after its question from which on an answer is shown, not spoken: nobody waits for it any more.",
    )

    @property
    def omi_notify_timeout_s(self) -> float:
        """Seconds for one notification."""
        return self.omi_notify_timeout_ms / 1000

    @property
    def omi_breaker_window_s(self) -> float:
        """Seconds within which failures of Omi's API in a row count together."""
        return self.omi_breaker_window_ms / 1000

    @property
    def omi_breaker_pause_s(self) -> float:
        """Seconds of the first pause."""
        return self.omi_breaker_pause_ms / 1000

    @property
    def omi_breaker_pause_cap_s(self) -> float:
        """Seconds of the longest pause."""
        return self.omi_breaker_pause_cap_ms / 1000

    @property
    def next_webhook_grace_s(self) -> float:
        """Seconds that a late answer waits for the next webhook."""
        return self.next_webhook_grace_ms / 1000

    @property
    def webhook_reply_deadline_s(self) -> float:
        """Seconds after which a webhook is replied to without the answer."""
        return self.webhook_reply_deadline_ms / 1000
