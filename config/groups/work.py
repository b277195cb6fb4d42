"""Sessions in memory, and the job queue.

Not here: how settings are read and checked (config/settings.py). Threads: frozen, any.
"""

from pydantic import BaseModel, Field


class WorkSettings(BaseModel):
    """See the module."""

    session_idle_s: int = Field(
        900, validation_alias="SESSION_IDLE_S", ge=1, le=604_800, description="s after which an idle session is let go."
    )
    max_live_sessions: int = Field(
        100_000,
        validation_alias="MAX_LIVE_SESSIONS",
        ge=1,
        le=10_000_000,
        description="Sessions kept in memory; above it the longest idle are let go.",
    )
    session_mailbox_capacity: int = Field(
        100,
        validation_alias="SESSION_MAILBOX_CAPACITY",
        ge=1,
        le=1_000_000,
        description="Messages that may wait for one session; more are refused.",
    )
    queue_max_concurrent_jobs: int = Field(
        10,
        validation_alias="QUEUE_MAX_CONCURRENT_JOBS",
        ge=1,
        le=10_000,
        description="Background jobs (other than answers) run at a time.",
    )
    queue_max_retries: int = Field(
        3, validation_alias="QUEUE_MAX_RETRIES", ge=0, le=100, description="Retries of a failed job before it is dead."
    )
    queue_lane_cap: int = Field(
        1_000,
        validation_alias="QUEUE_LANE_CAP",
        ge=1,
        le=100_000,
        description="Jobs of one session that may wait; questions beyond are told so at once, and not answered.",
    )
