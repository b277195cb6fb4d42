"""Budgets of the model: questions a minute and tokens a day, for one wearer or chat's owner, and for all.

Not here: how settings are read and checked (config/settings.py). Threads: frozen, any.
"""

from pydantic import BaseModel, Field

_MAX = 1_000_000_000_000


class BudgetSettings(BaseModel):
    """See the module. All are counted by the UTC clock, and kept across restarts; the demo model has no budget."""

    model_user_requests_per_minute: int = Field(
        30,
        validation_alias="MODEL_USER_REQUESTS_PER_MINUTE",
        ge=0,
        le=_MAX,
        description="Questions that one wearer, or owner of chats, may ask in a minute; 0: any. Nobody talks so fast.",
    )
    model_user_tokens_per_day: int = Field(
        1_000_000,
        validation_alias="MODEL_USER_TOKENS_PER_DAY",
        ge=0,
        le=_MAX,
        description="Tokens that their questions and answers may have in a day; 0: any. About 400 full questions.",
    )
    model_requests_per_minute: int = Field(
        3_000,
        validation_alias="MODEL_REQUESTS_PER_MINUTE",
        ge=0,
        le=_MAX,
        description="Questions of all together in a minute; 0: any. As many as 64 at a time with answers of 1.3 s.",
    )
    model_tokens_per_day: int = Field(
        50_000_000,
        validation_alias="MODEL_TOKENS_PER_DAY",
        ge=0,
        le=_MAX,
        description="Tokens of all together in a day; 0: any. What a runaway costs at most, before anybody looks.",
    )
