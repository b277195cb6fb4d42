"""Chat: who may, how much at a time, and how long it waits.

Not here: how settings are read and checked (config/settings.py). Threads: frozen, any.
"""

from pydantic import BaseModel, Field

from config.values import OnOff


class ChatSettings(BaseModel):
    """See the module."""

    chat_reply_deadline_ms: int = Field(
        60_000,
        validation_alias="CHAT_REPLY_DEADLINE_MS",
        ge=100,
        le=600_000,
        description=(
            "ms after which a chat is told that its answer is late. Proxies cut a silent request at 60,000; the "
            "model's own time (OPENAI_TIMEOUT) ends before, so that only a question that waits for others is late."
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
    allow_anonymous_chat: OnOff = Field(
        default=False,
        validation_alias="ALLOW_ANONYMOUS_CHAT",
        description="true lets everybody chat without a token. A development server on loopback does so anyway.",
    )

    @property
    def chat_reply_deadline_s(self) -> float:
        """Seconds after which a chat is told that its answer is late."""
        return self.chat_reply_deadline_ms / 1000
