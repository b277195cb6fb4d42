"""Settings of the language model: server, key, limits, circuit breaker, and budgets.

Not here: loading and checking (config/settings.py). Threads: frozen, any.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field
from pydantic.aliases import AliasChoices

from config.upstreams import UpstreamAddress, UpstreamKey
from config.values import OnOff, Seconds, lower_word, parse_list

# Tokens and questions: more than any budget, and within the store's integers.
_MAX_BUDGET = 1_000_000_000_000


class ModelSettings(BaseModel):
    """The language model: server, key, limits, and circuit breaker."""

    openai_api_key: UpstreamKey = Field(
        None,
        validation_alias=AliasChoices("OPENAI_API_KEY", "OPENAI_KEY"),
        description="Key of the model's server. Empty: the built-in demo model, which says so in every answer.",
    )
    openai_base_url: UpstreamAddress | None = Field(
        None,
        validation_alias="OPENAI_BASE_URL",
        description=(
            "Address of any OpenAI-compatible server, such as http://localhost:11434/v1, at which it has "
            "/chat/completions; a query, such as Azure's ?api-version=, is sent with each request. Empty: OpenAI."
        ),
    )
    openai_model: str = Field(
        "gpt-5-mini-2025-08-07", validation_alias="OPENAI_MODEL", min_length=1, description="Name of the model."
    )
    openai_fallback_models: Annotated[tuple[str, ...], BeforeValidator(parse_list)] = Field(
        (),
        validation_alias="OPENAI_FALLBACK_MODELS",
        max_length=4,
        description=(
            "Further models of the same server, separated by commas. They are asked in this order, within the "
            "question's deadline: each if the model before it fails, is overloaded or unknown, or has an open circuit "
            "breaker. Empty: without another model, the answer says that the model failed."
        ),
    )
    openai_timeout_ms: int = Field(
        20_000,
        validation_alias="OPENAI_TIMEOUT",
        ge=100,
        le=600_000,
        description="Milliseconds for one whole answer of the model, all attempts together.",
    )
    openai_webhook_timeout_ms: int | None = Field(
        None,
        validation_alias="OPENAI_WEBHOOK_TIMEOUT",
        ge=100,
        le=600_000,
        description=(
            "Milliseconds for one whole answer to a spoken question. Empty: as OPENAI_TIMEOUT, since an answer that is "
            "too late for its own webhook still reaches the wearer by another channel."
        ),
    )
    openai_max_tokens: int = Field(
        500,
        validation_alias="OPENAI_MAX_TOKENS",
        ge=1,
        le=100_000,
        description=(
            "Tokens that an answer may have, a reasoning model's thinking included. A longer answer is cut at twice "
            "this number, estimated by its characters: an English token has 8, a Chinese token 2."
        ),
    )
    openai_webhook_max_tokens: int = Field(
        500,
        validation_alias="OPENAI_WEBHOOK_MAX_TOKENS",
        ge=1,
        le=100_000,
        description="Tokens that a spoken answer may have. Listening to 500 tokens takes more than two minutes.",
    )
    openai_temperature: float = Field(
        0.7,
        validation_alias="OPENAI_TEMPERATURE",
        ge=0,
        le=2,
        description="Freedom of the model in choosing words. Not sent to reasoning models, which refuse it.",
    )
    openai_reasoning_effort: Annotated[
        Literal["none", "minimal", "low", "medium", "high"], BeforeValidator(lower_word)
    ] = Field(
        "minimal",
        validation_alias="OPENAI_REASONING_EFFORT",
        description=(
            "Thinking of a reasoning model before it answers, while a person waits: none, minimal, low, medium or "
            "high. Sent to reasoning models only; a model that does not know the word gets low."
        ),
    )
    openai_max_context_tokens: int = Field(
        2_000,
        validation_alias="OPENAI_MAX_CONTEXT_TOKENS",
        ge=100,
        le=1_000_000,
        description="Tokens (estimated) of transcript and earlier messages that are sent with a question.",
    )
    openai_include_history: OnOff = Field(
        default=True,
        validation_alias="OPENAI_INCLUDE_HISTORY",
        description=(
            "Sends earlier questions and answers with a question. When off, all tokens are for the transcript."
        ),
    )
    openai_history_messages: int = Field(
        10,
        validation_alias="OPENAI_HISTORY_MESSAGES",
        ge=0,
        le=200,
        description="Maximum of earlier messages (questions and answers) that are sent with a question.",
    )
    openai_store_responses: OnOff = Field(
        default=False,
        validation_alias="OPENAI_STORE_RESPONSES",
        description="Lets the model's server keep questions and answers. Off by default, since they are private.",
    )
    openai_max_concurrency: int = Field(
        64,
        validation_alias="OPENAI_MAX_CONCURRENCY",
        ge=1,
        le=10_000,
        description="Answers that the model makes at a time.",
    )
    model_breaker_failures: int = Field(
        5,
        validation_alias="MODEL_BREAKER_FAILURES",
        ge=1,
        le=1_000,
        description=(
            "Failures in a row (not reachable, broken or too slow) that open the circuit breaker: during a pause the "
            "model is not asked. A healthy server also fails once or twice."
        ),
    )
    model_breaker_window_ms: int = Field(
        60_000,
        validation_alias="MODEL_BREAKER_WINDOW_MS",
        ge=100,
        le=3_600_000,
        description="Milliseconds within which these failures must happen; older failures do not count.",
    )
    model_breaker_pause_ms: int = Field(
        5_000,
        validation_alias="MODEL_BREAKER_PAUSE_MS",
        ge=10,
        le=3_600_000,
        description=(
            "Milliseconds of the breaker's first pause; then one question tests the model. It is short, so that the "
            "question can still be answered."
        ),
    )
    model_breaker_pause_cap_ms: int = Field(
        60_000,
        validation_alias="MODEL_BREAKER_PAUSE_CAP_MS",
        ge=10,
        le=3_600_000,
        description=(
            "Milliseconds of the breaker's longest pause; each failed test doubles the pause. A model that works again "
            "is found within this time."
        ),
    )

    openai_timeout_s = Seconds("openai_timeout_ms")

    @property
    def openai_webhook_timeout_s(self) -> float:
        """Seconds for one whole answer to a spoken question."""
        return (self.openai_webhook_timeout_ms or self.openai_timeout_ms) / 1000

    model_breaker_window_s = Seconds("model_breaker_window_ms")
    model_breaker_pause_s = Seconds("model_breaker_pause_ms")
    model_breaker_pause_cap_s = Seconds("model_breaker_pause_cap_ms")


class CompletionSettings(BaseModel):
    """Completions of persons' programs (`/v1`): time, tokens, and how many at once. The budgets count them, too."""

    completions_timeout_ms: int = Field(
        120_000,
        validation_alias="COMPLETIONS_TIMEOUT",
        ge=100,
        le=600_000,
        description="Milliseconds for one whole completion. In the default, a slow model writes 4,000 tokens.",
    )
    completions_max_tokens: int = Field(
        4_000,
        validation_alias="COMPLETIONS_MAX_TOKENS",
        ge=1,
        le=1_000_000,
        description=(
            "Most tokens of a completion's answer. A program's own `max_tokens` counts if it is lower. The default is "
            "some pages of text."
        ),
    )
    completions_max_context_tokens: int = Field(
        32_000,
        validation_alias="COMPLETIONS_MAX_CONTEXT_TOKENS",
        ge=100,
        le=10_000_000,
        description=(
            "Tokens (estimated) of a program's conversation that are sent to the model. The oldest turns are left out "
            "first; if the last one does not fit, the program is told so. Most models take four times the default."
        ),
    )
    completions_max_open: int = Field(
        8,
        validation_alias="COMPLETIONS_MAX_OPEN",
        ge=1,
        le=1_000,
        description=(
            "Completions of one person and model at a time; further ones are answered 429. A chat program sends three "
            "or four at once: an answer, a title, tags."
        ),
    )

    completions_timeout_s = Seconds("completions_timeout_ms")


class BudgetSettings(BaseModel):
    """Budgets of the model: questions a minute and tokens a day, for one person, and for all together.

    The day and minute are those of UTC. Restarts do not reset a count. The demo model has no budget.
    """

    model_user_requests_per_minute: int = Field(
        30,
        validation_alias="MODEL_USER_REQUESTS_PER_MINUTE",
        ge=0,
        le=_MAX_BUDGET,
        description="Questions of one wearer, or owner of chats, in a minute; 0: no limit. More than a person can ask.",
    )
    model_user_tokens_per_day: int = Field(
        1_000_000,
        validation_alias="MODEL_USER_TOKENS_PER_DAY",
        ge=0,
        le=_MAX_BUDGET,
        description="Tokens of one person's questions and answers in a day; 0: no limit. About 400 full questions.",
    )
    model_requests_per_minute: int = Field(
        3_000,
        validation_alias="MODEL_REQUESTS_PER_MINUTE",
        ge=0,
        le=_MAX_BUDGET,
        description=(
            "Questions of all people in a minute; 0: no limit. The default is 64 at a time with answers of 1.3 s."
        ),
    )
    model_tokens_per_day: int = Field(
        50_000_000,
        validation_alias="MODEL_TOKENS_PER_DAY",
        ge=0,
        le=_MAX_BUDGET,
        description="Tokens of all people in a day; 0: no limit. It limits the cost of a fault during a night.",
    )
