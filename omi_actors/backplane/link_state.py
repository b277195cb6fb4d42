"""The link to Redis as values: where it leads, why it was lost. It does not import redis, which costs 0.3 s.

Not here: the link (redis_link.py). Threads: frozen, any.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from omi_actors.errors import UpstreamUnavailableError

FIXES = {
    "unreachable": "start the Redis server, or correct the address in REDIS_URL",
    "timeout": "the server hangs, is overloaded or far away; REDIS_TIMEOUT_MS says how long it may take",
    "wrong_password": "correct the user and the password in REDIS_URL",
    "not_permitted": "give REDIS_URL's user SET, INCRBY, PTTL, PEXPIRE, PUBLISH, SUBSCRIBE and PING on keys and "
    "channels that begin with REDIS_KEY_PREFIX",
    "refuses_writes": "the server is at its maxmemory, or cannot save: its log says which",
    "loading": "nothing: the server reads its data, and is asked again",
    "read_only": "REDIS_URL names a replica; give the primary's address",
    "no_certificate": "the server's certificate does not prove its name; add ?ssl_ca_certs=/path.pem to REDIS_URL",
    "not_redis": "what answers at REDIS_URL does not speak Redis's protocol; correct the address",
    "closed": "the server closed the connection: it was stopped, or has reached its maxclients",
}


@dataclass(frozen=True, slots=True)
class LinkConfig:
    """`url` may hold a password. No command takes longer than `timeout_s`. Keys and channels begin with `prefix`."""

    url: str
    timeout_s: float
    prefix: str

    def __repr__(self) -> str:
        return f"<LinkConfig {self.prefix}>"


class LinkLostError(UpstreamUnavailableError):
    """Redis cannot be asked. `cause` is one of the words of link_state.py."""

    def __init__(self, cause: str) -> None:
        super().__init__(f"Redis: {cause}; {FIXES[cause]}")
        self.cause = cause


@contextlib.contextmanager
def heeding_cancellation() -> Iterator[None]:
    """Raise, at the end of the block, a cancellation that came within it."""
    task = asyncio.current_task()
    before = task.cancelling() if task is not None else 0
    try:
        yield
    except Exception:
        if task is not None and task.cancelling() > before:
            raise asyncio.CancelledError from None
        raise
    if task is not None and task.cancelling() > before:
        raise asyncio.CancelledError
