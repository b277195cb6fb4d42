"""The language model: which, with which key, how long.

Not here: how settings are read and checked (config/settings.py). Threads: frozen, any.
"""

from pydantic import BaseModel, Field
from pydantic.aliases import AliasChoices

from config.values import Secret


class ModelSettings(BaseModel):
    """See the module."""

    openai_api_key: Secret = Field(
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

    @property
    def openai_timeout_s(self) -> float:
        """Seconds, wall clock, for one whole answer of the model."""
        return self.openai_timeout_ms / 1000
