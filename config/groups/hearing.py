"""Hearing: names, listen mode, pauses.

Not here: how settings are read and checked (config/settings.py). Threads: frozen, any.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field

from config.values import parse_list, upper_word


class HearingSettings(BaseModel):
    """See the module."""

    wake_names: Annotated[tuple[str, ...], BeforeValidator(parse_list)] = Field(
        ("omi",),
        validation_alias="WAKE_NAMES",
        min_length=1,
        max_length=8,
        description="Names that the wearable answers to, separated by commas. Known misspellings of omi come along.",
    )
    default_listen_mode: Annotated[Literal["TRIGGER", "FOLLOWUP", "ALWAYS"], BeforeValidator(upper_word)] = Field(
        "TRIGGER",
        validation_alias="DEFAULT_LISTEN_MODE",
        description=(
            "When speech is a question. TRIGGER: after a wake phrase. FOLLOWUP: also soon after a reply, from the one "
            "who asked. ALWAYS: all speech."
        ),
    )
    default_followup_window_ms: int = Field(
        8_000,
        validation_alias="DEFAULT_FOLLOWUP_WINDOW",
        ge=0,
        le=300_000,
        description="ms after a reply in which FOLLOWUP needs no wake phrase.",
    )
    question_pause_ms: int = Field(
        2_000,
        validation_alias="QUESTION_PAUSE_MS",
        ge=200,
        le=30_000,
        description=(
            "ms of silence that end a question which has no question mark and is no complete sentence; twice that "
            "where it breaks off or has hardly begun. Shorter cuts slow speakers, longer delays the answer."
        ),
    )
    question_max_ms: int = Field(
        30_000,
        validation_alias="QUESTION_MAX_MS",
        ge=1_000,
        le=600_000,
        description="ms after which a question ends though its speaker goes on.",
    )

    @property
    def default_followup_window_s(self) -> float:
        """Seconds after a reply in which a follow-up needs no wake phrase."""
        return self.default_followup_window_ms / 1000

    @property
    def question_pause_s(self) -> float:
        """Seconds of silence that end a question."""
        return self.question_pause_ms / 1000

    @property
    def question_max_s(self) -> float:
        """Seconds after which a question ends though its speaker goes on."""
        return self.question_max_ms / 1000
