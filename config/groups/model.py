"""The language model: which, with which key, how long, how much, and when it is set aside for failing.

Not here: how settings are read and checked (config/settings.py). Threads: frozen, any.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field
from pydantic.aliases import AliasChoices

from config.values import OnOff, Secret, lower_word, parse_list


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
    openai_fallback_models: Annotated[tuple[str, ...], BeforeValidator(parse_list)] = Field(
        (),
        validation_alias="OPENAI_FALLBACK_MODELS",
        max_length=4,
        description=(
            "Names of models at the same server, separated by commas: asked in this order, within the question's one "
            "deadline, when those before are broken, overloaded, unknown or set aside. Empty: a failure is said."
        ),
    )
    openai_timeout_ms: int = Field(
        20_000,
        validation_alias="OPENAI_TIMEOUT",
        ge=100,
        le=600_000,
        description="ms, wall clock, for one whole answer of the model, all attempts together.",
    )
    openai_webhook_timeout_ms: int | None = Field(
        None,
        validation_alias="OPENAI_WEBHOOK_TIMEOUT",
        ge=100,
        le=600_000,
        description=(
            "The same for what is asked aloud. Empty: as OPENAI_TIMEOUT, since an answer that is too late for its own "
            "webhook still reaches the wearer by another way."
        ),
    )
    openai_max_tokens: int = Field(
        500,
        validation_alias="OPENAI_MAX_TOKENS",
        ge=1,
        le=100_000,
        description=(
            "Tokens that an answer may have, those of a reasoning model's thinking included. One that goes on all the "
            "same is cut at twice as many, as estimated by its characters: 8 of English a token, 2 of Chinese."
        ),
    )
    openai_webhook_max_tokens: int = Field(
        500,
        validation_alias="OPENAI_WEBHOOK_MAX_TOKENS",
        ge=1,
        le=100_000,
        description="The same for what is asked aloud: one listens to 500 tokens for more than two minutes.",
    )
    openai_temperature: float = Field(
        0.7,
        validation_alias="OPENAI_TEMPERATURE",
        ge=0,
        le=2,
        description="How freely the model chooses its words. Not sent to reasoning models, which refuse it.",
    )
    openai_reasoning_effort: Annotated[
        Literal["none", "minimal", "low", "medium", "high"], BeforeValidator(lower_word)
    ] = Field(
        "minimal",
        validation_alias="OPENAI_REASONING_EFFORT",
        description=(
            "none, minimal, low, medium or high: how long a reasoning model thinks before it answers, while a person "
            "waits. Sent to reasoning models only; a model that does not know the word gets low."
        ),
    )
    openai_max_context_tokens: int = Field(
        2_000,
        validation_alias="OPENAI_MAX_CONTEXT_TOKENS",
        ge=100,
        le=1_000_000,
        description="Tokens (estimated) of transcript and earlier turns that a question takes along.",
    )
    openai_include_history: OnOff = Field(
        default=True,
        validation_alias="OPENAI_INCLUDE_HISTORY",
        description="Whether a question takes earlier questions and answers along. Without them all room is speech.",
    )
    openai_history_messages: int = Field(
        10,
        validation_alias="OPENAI_HISTORY_MESSAGES",
        ge=0,
        le=200,
        description="How many messages of earlier turns a question takes along at most.",
    )
    openai_store_responses: OnOff = Field(
        default=False,
        validation_alias="OPENAI_STORE_RESPONSES",
        description="Whether the model's server shall keep questions and answers. They are people's: by default not.",
    )
    openai_max_concurrency: int = Field(
        64, validation_alias="OPENAI_MAX_CONCURRENCY", ge=1, le=10_000, description="Answers asked for at a time."
    )
    model_breaker_failures: int = Field(
        5,
        validation_alias="MODEL_BREAKER_FAILURES",
        ge=1,
        le=1_000,
        description=(
            "Failures in a row (not reachable, broken or too slow) after which the model is not asked for a while: "
            "one or two happen to a healthy server."
        ),
    )
    model_breaker_window_ms: int = Field(
        60_000,
        validation_alias="MODEL_BREAKER_WINDOW_MS",
        ge=100,
        le=3_600_000,
        description="ms within which these failures must come; older ones say nothing about now.",
    )
    model_breaker_pause_ms: int = Field(
        5_000,
        validation_alias="MODEL_BREAKER_PAUSE_MS",
        ge=10,
        le=3_600_000,
        description="ms of the first pause, then one question tries. So short that who asked can still be answered.",
    )
    model_breaker_pause_cap_ms: int = Field(
        60_000,
        validation_alias="MODEL_BREAKER_PAUSE_CAP_MS",
        ge=10,
        le=3_600_000,
        description="ms of the longest pause; each try that fails doubles it. A model that is back is found within it.",
    )

    @property
    def openai_timeout_s(self) -> float:
        """Seconds, wall clock, for one whole answer of the model."""
        return self.openai_timeout_ms / 1000

    @property
    def openai_webhook_timeout_s(self) -> float:
        """The same for what is asked aloud."""
        return (self.openai_webhook_timeout_ms or self.openai_timeout_ms) / 1000

    @property
    def model_breaker_window_s(self) -> float:
        """Seconds within which failures in a row count together."""
        return self.model_breaker_window_ms / 1000

    @property
    def model_breaker_pause_s(self) -> float:
        """Seconds of the breaker's first pause."""
        return self.model_breaker_pause_ms / 1000

    @property
    def model_breaker_pause_cap_s(self) -> float:
        """Seconds of the breaker's longest pause."""
        return self.model_breaker_pause_cap_ms / 1000
