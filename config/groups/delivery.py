"""Settings of delivery: webhook replies and their deadline, notifications by Omi's API, chat.

Not here: loading and checking (config/settings.py). Threads: frozen, any.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field
from pydantic.aliases import AliasChoices

from config.upstreams import UpstreamAddress, UpstreamKey
from config.values import OnOff, Seconds, lower_word, trimmed


class DeliverySettings(BaseModel):
    """Delivery: webhook replies, their deadline, and notifications by Omi's API."""

    omi_app_id: Annotated[str | None, BeforeValidator(trimmed)] = Field(
        None,
        validation_alias="OMI_APP_ID",
        pattern=r"^[A-Za-z0-9_-]{1,128}$",
        description="The app's id at Omi. With OMI_APP_SECRET, an answer that was in no reply becomes a notification.",
    )
    omi_app_secret: UpstreamKey = Field(
        None,
        validation_alias=AliasChoices("OMI_APP_SECRET", "OMI_API_KEY"),
        description="The app's API key at Omi. Without it, late answers wait for the wearer's next webhook.",
    )
    omi_api_url: UpstreamAddress = Field(
        "https://api.omi.me",
        validation_alias="OMI_API_URL",
        description="Address of Omi's API.",
    )
    omi_notify_version: Annotated[Literal["v1", "v2"], BeforeValidator(lower_word)] = Field(
        "v1",
        validation_alias="OMI_NOTIFY_VERSION",
        description=("v1 shows the text in the app's chat and never puts it in URLs; v2 is for apps that v1 refuses."),
    )
    omi_notify_timeout_ms: int = Field(
        10_000,
        validation_alias="OMI_NOTIFY_TIMEOUT_MS",
        ge=100,
        le=120_000,
        description="Milliseconds for one notification. After this time, its delivery counts as unknown.",
    )
    omi_breaker_failures: int = Field(
        5,
        validation_alias="OMI_BREAKER_FAILURES",
        ge=1,
        le=1_000,
        description=(
            "Failures of Omi's API in a row (not reachable, too slow, 5xx) that open the circuit breaker: during a "
            "pause no notification is sent. A notification without a clear result may reach the wearer twice."
        ),
    )
    omi_breaker_window_ms: int = Field(
        600_000,
        validation_alias="OMI_BREAKER_WINDOW_MS",
        ge=100,
        le=3_600_000,
        description="Milliseconds within which these failures must happen. It is long, since notifications are rare.",
    )
    omi_breaker_pause_ms: int = Field(
        5_000,
        validation_alias="OMI_BREAKER_PAUSE_MS",
        ge=10,
        le=3_600_000,
        description="Milliseconds of the breaker's first pause; then one notification tests the API.",
    )
    omi_breaker_pause_cap_ms: int = Field(
        60_000,
        validation_alias="OMI_BREAKER_PAUSE_CAP_MS",
        ge=10,
        le=3_600_000,
        description=(
            "Milliseconds of the breaker's longest pause; each failed test doubles the pause. By default, answers wait "
            "at most a minute for it."
        ),
    )
    webhook_reply_deadline_ms: int = Field(
        12_000,
        validation_alias=AliasChoices("WEBHOOK_REPLY_DEADLINE_MS", "OMI_WEBHOOK_TIMEOUT"),
        ge=100,
        le=29_000,
        description=(
            "Milliseconds after which a webhook gets its reply without the answer. Omi stops waiting at 30,000."
        ),
    )
    next_webhook_grace_ms: int = Field(
        5_000,
        validation_alias="NEXT_WEBHOOK_GRACE_MS",
        ge=0,
        le=60_000,
        description=(
            "Milliseconds that a late answer waits for the wearer's next webhook before it becomes a notification; Omi "
            "allows ten of them an hour. During speech a webhook comes every 1 to 3 s. With several nodes at least "
            "4000: without Redis, a node learns only after that time of another node's answers. While much of the "
            "hour's notifications is left, NOTIFY_AFTER_SILENCE_MS ends the wait."
        ),
    )
    notify_after_silence_ms: int = Field(
        800,
        validation_alias="NOTIFY_AFTER_SILENCE_MS",
        ge=0,
        le=60_000,
        description=(
            "Milliseconds of silence after which an answer that waits for a webhook becomes a notification, while more "
            "than a third of the wearer's notifications of this hour is left. By default it is over when the shortest "
            "pause ends a question. At NEXT_WEBHOOK_GRACE_MS or more it has no effect."
        ),
    )
    answer_expires_s: int = Field(
        600,
        validation_alias="ANSWER_EXPIRES_S",
        ge=30,
        le=604_800,
        description=(
            "Seconds after its question. An older answer is only shown in the transcript and no longer delivered."
        ),
    )

    omi_notify_timeout_s = Seconds("omi_notify_timeout_ms")
    omi_breaker_window_s = Seconds("omi_breaker_window_ms")
    omi_breaker_pause_s = Seconds("omi_breaker_pause_ms")
    omi_breaker_pause_cap_s = Seconds("omi_breaker_pause_cap_ms")
    next_webhook_grace_s = Seconds("next_webhook_grace_ms")
    notify_after_silence_s = Seconds("notify_after_silence_ms")
    webhook_reply_deadline_s = Seconds("webhook_reply_deadline_ms")


class ChatSettings(BaseModel):
    """Chat: access, size of a message, and deadline of a reply."""

    chat_reply_deadline_ms: int = Field(
        60_000,
        validation_alias="CHAT_REPLY_DEADLINE_MS",
        ge=100,
        le=600_000,
        description=(
            "Milliseconds after which a chat's reply says that the answer is late. Proxies cut a silent request at "
            "60,000. The model's own limit (OPENAI_TIMEOUT) ends earlier, so only a question that waits for other "
            "questions is late."
        ),
    )
    chat_max_message_chars: int = Field(
        8_000,
        validation_alias="CHAT_MAX_MESSAGE_CHARS",
        ge=1,
        le=100_000,
        description=(
            "Maximum of characters in a chat's message, and in the context sent with it. The default is about 2,000 "
            "tokens each."
        ),
    )
    allow_anonymous_chat: OnOff = Field(
        default=False,
        validation_alias="ALLOW_ANONYMOUS_CHAT",
        description="true lets anyone chat without a token. A development server on loopback always does.",
    )

    chat_reply_deadline_s = Seconds("chat_reply_deadline_ms")
