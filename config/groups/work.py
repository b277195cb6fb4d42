"""Settings of the work: sessions in memory, and the job queue.

Not here: loading and checking (config/settings.py). Threads: frozen, any.
"""

from pydantic import BaseModel, Field

from config.values import OnOff


class WorkSettings(BaseModel):
    """Sessions in memory, and the job queue."""

    session_idle_s: int = Field(
        900,
        validation_alias="SESSION_IDLE_S",
        ge=1,
        le=604_800,
        description="Seconds after which an idle session leaves memory.",
    )
    max_live_sessions: int = Field(
        100_000,
        validation_alias="MAX_LIVE_SESSIONS",
        ge=1,
        le=10_000_000,
        description="Sessions in memory; above this number the sessions that are idle longest leave memory.",
    )
    session_mailbox_capacity: int = Field(
        100,
        validation_alias="SESSION_MAILBOX_CAPACITY",
        ge=1,
        le=1_000_000,
        description="Messages that may wait in one session's mailbox; more messages are refused.",
    )
    enable_background_queue: OnOff = Field(
        default=True,
        validation_alias="ENABLE_BACKGROUND_QUEUE",
        description=(
            "When off, only answers become jobs: a late answer is not sent as a notification, but waits for the "
            "wearer's next contact. Jobs that wait already still run."
        ),
    )
    queue_batch_size: int = Field(
        16,
        validation_alias="QUEUE_BATCH_SIZE",
        ge=1,
        le=1_000,
        description=(
            "Most jobs that one claim takes from the job table. Until a claim ends, a new question cannot have the "
            "worker slots that it asks for."
        ),
    )
    queue_max_concurrent_jobs: int = Field(
        10,
        validation_alias="QUEUE_MAX_CONCURRENT_JOBS",
        ge=1,
        le=10_000,
        description="Background jobs, other than answers, that run at a time.",
    )
    queue_max_retries: int = Field(
        3,
        validation_alias="QUEUE_MAX_RETRIES",
        ge=0,
        le=100,
        description="Retries of a failed answer before its job counts as dead. Notifications have 3 attempts.",
    )
    queue_lane_cap: int = Field(
        1_000,
        validation_alias="QUEUE_LANE_CAP",
        ge=1,
        le=100_000,
        description=("Jobs of one session that may wait. One more question gets a text at once that refuses it."),
    )
