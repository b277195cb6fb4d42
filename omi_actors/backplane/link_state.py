"""The link to Redis as values: where it leads, why it was lost. Without redis, so that nobody pays for its import.

Not here: the link (redis_link.py). Threads: frozen, any.
"""

from dataclasses import dataclass

from omi_actors.backplane.faults import FIXES
from omi_actors.errors import UpstreamUnavailableError


@dataclass(frozen=True, slots=True)
class LinkConfig:
    """`url` may hold a password. No command takes longer than `timeout_s`. Keys and channels begin with `prefix`."""

    url: str
    timeout_s: float
    prefix: str

    def __repr__(self) -> str:
        return f"<LinkConfig {self.prefix}>"


class LinkLostError(UpstreamUnavailableError):
    """Redis cannot be asked. `cause` is one of the words of faults.py."""

    def __init__(self, cause: str) -> None:
        super().__init__(f"Redis: {cause}; {FIXES[cause]}")
        self.cause = cause
