"""Settings of hearing: names, listen mode, pauses.

Not here: loading and checking (config/settings.py). Threads: frozen, any.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field

from config.values import OnOff, Seconds, parse_list, upper_word


class HearingSettings(BaseModel):
    """Hearing: names, listen mode and pauses."""

    enable_context_activation: OnOff = Field(
        default=True,
        validation_alias="ENABLE_CONTEXT_ACTIVATION",
        description="When off, no speech is a question: transcripts are kept, and only typed questions are answered.",
    )
    wake_names: Annotated[tuple[str, ...], BeforeValidator(parse_list)] = Field(
        ("omi",),
        validation_alias="WAKE_NAMES",
        min_length=1,
        max_length=8,
        description="Names of the wearable in wake phrases, separated by commas. Other spellings of their sound count.",
    )
    wake_by: Annotated[Literal["ANYONE", "OWNER"], BeforeValidator(upper_word)] = Field(
        "ANYONE",
        validation_alias="WAKE_BY",
        description=(
            "People whose speech can be a question. ANYONE: all. OWNER: only the wearer, as Omi recognises the voice; "
            "until it has recognised it once in a session, all."
        ),
    )
    default_listen_mode: Annotated[Literal["TRIGGER", "FOLLOWUP", "ALWAYS"], BeforeValidator(upper_word)] = Field(
        "TRIGGER",
        validation_alias="DEFAULT_LISTEN_MODE",
        description=(
            "Speech that counts as a question. TRIGGER: after a wake phrase. FOLLOWUP: also soon after a reply, from "
            "the same speaker. ALWAYS: all speech. In the last two only what is meant for Omi: by its "
            "words, and by the model."
        ),
    )
    default_followup_window_ms: int = Field(
        8_000,
        validation_alias="DEFAULT_FOLLOWUP_WINDOW",
        ge=0,
        le=300_000,
        description="Milliseconds after a reply in which FOLLOWUP needs no wake phrase.",
    )
    question_pause_ms: int = Field(
        1_600,
        validation_alias="QUESTION_PAUSE_MS",
        ge=200,
        le=30_000,
        description=(
            "Milliseconds of silence that end a question without a question mark or a complete sentence: half as long "
            "if nothing is missing, 1.55 times as long if it breaks off (by default 800 to 2,480). A shorter pause "
            "interrupts slow speakers; a longer one delays the answer. scripts/hearing prints the curve."
        ),
    )
    question_max_ms: int = Field(
        30_000,
        validation_alias="QUESTION_MAX_MS",
        ge=1_000,
        le=600_000,
        description="Milliseconds after which a question ends, even if its speaker continues.",
    )

    default_followup_window_s = Seconds("default_followup_window_ms")
    question_pause_s = Seconds("question_pause_ms")
    question_max_s = Seconds("question_max_ms")
