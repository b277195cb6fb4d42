"""What people look at: the operator's page, metrics, log files.

Not here: how settings are read and checked (config/settings.py), the log's level (server.py). Threads: frozen, any.
"""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, Field

from config.values import OnOff, Secret, parse_size


class ObservingSettings(BaseModel):
    """See the module."""

    enable_metrics: OnOff = Field(
        default=True,
        validation_alias="ENABLE_METRICS",
        description="Whether /metrics and /metrics-dashboard are served. Off, they are not there; /health still is.",
    )
    metrics_token: Secret = Field(
        None,
        validation_alias="METRICS_TOKEN",
        description=(
            "Bearer token for GET /metrics and nothing else, so that a scraper need not hold ADMIN_TOKEN, which opens "
            "it, too. Default: none."
        ),
    )
    enable_file_logging: OnOff = Field(
        default=False,
        validation_alias="ENABLE_FILE_LOGGING",
        description="Whether log lines go to files in LOG_DIR, too, as JSON.",
    )
    log_dir: Path = Field(
        Path("logs"), validation_alias="LOG_DIR", description="Folder of the log files, made if it is missing."
    )
    log_max_file_size: Annotated[int, BeforeValidator(parse_size)] = Field(
        10 * 1024 * 1024,
        validation_alias="LOG_MAX_FILE_SIZE",
        ge=4096,
        le=1024**3,
        description="Size from which on a new log file is begun: bytes, or with kb, mb, gb. Default: 10mb.",
    )
    log_max_files: int = Field(
        5,
        validation_alias="LOG_MAX_FILES",
        ge=2,
        le=1_000,
        description="Log files that are kept, the present one included; the oldest is deleted.",
    )
