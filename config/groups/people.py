"""Settings of accounts: whether they exist, who may make one, limits on wrong passwords.

Not here: rate limits of requests (groups/edge.py). Threads: frozen, any.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field

from config.values import OnOff, Seconds, lower_word


def _default_registration(values: dict[str, Any]) -> Literal["open", "link"]:
    return "link" if values.get("app_env") == "production" else "open"


class PeopleSettings(BaseModel):
    """Accounts of persons."""

    enable_user_system: OnOff = Field(
        default=True,
        validation_alias="ENABLE_USER_SYSTEM",
        description="Accounts and everything that belongs to one. When off, their addresses answer 503.",
    )
    registration: Annotated[Literal["open", "link", "closed"], BeforeValidator(lower_word)] = Field(
        default_factory=_default_registration,
        validation_alias="REGISTRATION",
        description=(
            "open: everybody may make an account. link: only with a link from `omi-actors user invite`. closed: only "
            "the operator, by `omi-actors user create`. Default: open in development, link in production."
        ),
    )
    enable_semantic_recall: OnOff = Field(
        default=True,
        validation_alias="ENABLE_SEMANTIC_RECALL",
        description=(
            "Recalls a person's texts by their meaning, too, if the extra `semantic` is installed; without it by words "
            "alone. It takes about 200 MB of memory, and 3 ms for each text and each question."
        ),
    )
    prompts_dir: Path | None = Field(
        default=None,
        validation_alias="PROMPTS_DIR",
        description=(
            "Folder with prompts of your own for everybody: TOML files like those of the program. One of the same name "
            "replaces it. Read at start: see docs/prompts.md."
        ),
    )
    stream_token_in_url: OnOff = Field(
        default=True,
        validation_alias="STREAM_TOKEN_IN_URL",
        description=(
            "Takes a person's token as ?sid= at the event stream, as the original's app sends it. Proxies may log it: "
            "see docs/deploy.md. When off, that app cannot follow its conversation live."
        ),
    )
    streams_per_account: int = Field(
        10,
        validation_alias="STREAMS_PER_ACCOUNT",
        ge=1,
        le=1_000,
        description="Open event streams of one account on one node: its phones and tabs. One more is answered 429.",
    )
    tasks_per_account: int = Field(
        10_000,
        validation_alias="TASKS_PER_ACCOUNT",
        ge=1,
        le=1_000_000,
        description="Tasks (/agent-events) that one account may have. One more is answered 409.",
    )
    message_reply_deadline_ms: int = Field(
        12_000,
        validation_alias="MESSAGE_REPLY_DEADLINE_MS",
        ge=100,
        le=60_000,
        description=(
            "Milliseconds that POST /messages/send waits for the answer; then it says that the answer will come, which "
            "clients find among the messages. The original's app stops waiting at 15,000."
        ),
    )
    login_max_failures: int = Field(
        10,
        validation_alias="LOGIN_MAX_FAILURES",
        ge=1,
        le=1_000_000,
        description=(
            "Wrong passwords in 15 minutes for one account from one address; ten times as many for one account, and "
            "for one address. More attempts must wait."
        ),
    )

    message_reply_deadline_s = Seconds("message_reply_deadline_ms")
