"""Retention: for how long is kept what was said, what failed, what is done, and what the operator did.

Not here: how settings are read and checked (config/settings.py). Threads: frozen, any.
"""

from pydantic import BaseModel, Field

_MAX_DAYS = 36_500


class RetentionSettings(BaseModel):
    """See the module."""

    transcript_retention_days: int = Field(
        90,
        validation_alias="TRANSCRIPT_RETENTION_DAYS",
        ge=0,
        le=_MAX_DAYS,
        description=(
            "Days for which transcripts, questions with answers, notifications and Omi's other payloads are kept. "
            "0: an hour, in which they are still worked with, or ANSWER_EXPIRES_S if that is longer."
        ),
    )
    dead_letter_retention_days: int = Field(
        30,
        validation_alias="DEAD_LETTER_RETENTION_DAYS",
        ge=0,
        le=_MAX_DAYS,
        description=(
            "Days for which jobs that failed for good are kept for the operator; never longer than transcripts, since "
            "they hold what was asked."
        ),
    )
    job_retention_days: int = Field(
        7,
        validation_alias="JOB_RETENTION_DAYS",
        ge=1,
        le=_MAX_DAYS,
        description=(
            "Days for which finished jobs are kept. They know a question again that is sent once more, which "
            "senders do within hours; they hold no text."
        ),
    )
    operator_event_retention_days: int = Field(
        365,
        validation_alias="OPERATOR_EVENT_RETENTION_DAYS",
        ge=1,
        le=_MAX_DAYS,
        description=(
            "Days for which the audit of what the operator did is kept. A year, longer than all else: it is asked when "
            "the job has long gone, and holds ids, counts and times, no text."
        ),
    )
    retention_max_percent: int = Field(
        10,
        validation_alias="RETENTION_MAX_PERCENT",
        ge=1,
        le=100,
        description=(
            "Percent of what a table holds that one round may delete without `omi-actors retention resume`; 1,000 rows "
            "may always go. An hour's round deletes far less: more is a wrong clock, or a mistaken number of days. "
            "Not with TRANSCRIPT_RETENTION_DAYS=0."
        ),
    )
    janitor_interval_s: int = Field(
        3_600,
        validation_alias="JANITOR_INTERVAL_S",
        ge=1,
        le=86_400,
        description="s between two looks for what has been kept long enough.",
    )
