"""The link to Redis, opened again after every loss, with pauses that grow and differ between nodes.

It imports redis only when it runs, in a thread (0.3 s). Not here: commands (redis_session.py), traffic on the link
(redis_backplane.py). Threads: the event loop.
"""

import asyncio
import contextlib
import importlib
import random
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from omi_actors.backplane.interface import BackplaneState
from omi_actors.clock import Clock
from omi_actors.errors import UpstreamRejectedError, UpstreamUnavailableError
from omi_actors.instruments import metrics
from omi_actors.instruments.logs import get_logger
from omi_actors.kit.restarts import Backoff, Streak, extend_streak, restart_delay_s

if TYPE_CHECKING:
    from omi_actors.backplane.redis_session import RedisSession

_log = get_logger(__name__)

# Jitter doubles a pause at most, so that nodes that lost a server together do not return together.
_BACKOFF = Backoff(min_s=0.1, max_s=5.0, jitter=1.0)

Carry = Callable[["RedisSession"], Awaitable[None]]

# The operator's fix for each cause of a loss.
FIXES = {
    "unreachable": "start the Redis server, or correct the address in REDIS_URL",
    "timeout": "the server hangs, is overloaded or far away; REDIS_TIMEOUT_MS bounds each command",
    "wrong_password": "correct the user and the password in REDIS_URL",
    "not_permitted": "give REDIS_URL's user SET, INCRBY, PTTL, PEXPIRE, PUBLISH, SUBSCRIBE, PING, CLIENT|REPLY on keys "
    "and channels that begin with REDIS_KEY_PREFIX",
    "refuses_writes": "the server is at its maxmemory, cannot save, or has too few replicas: its log says which",
    "loading": "wait: the server loads its data",
    "no_such_database": "the server has no database with REDIS_URL's number; leave the number out, or raise its "
    "`databases`",
    "cluster": "REDIS_URL names a cluster, of which each node holds some of the keys; give a server that is not in one",
    "protected": "the server is in protected mode: it takes nobody from another machine until it has a password or "
    "`protected-mode no`",
    "lacks_commands": "the server refuses a command that a node needs; give the address of a Redis or Valkey itself, "
    "not of a Sentinel or a proxy",
    "read_only": "REDIS_URL names a replica; give the primary's address",
    "no_certificate": "the server's certificate does not prove its name; add ?ssl_ca_certs=/path.pem to REDIS_URL",
    "no_tls": "this port speaks no TLS; write redis:// for rediss:// in REDIS_URL, or give the TLS port",
    "needs_tls": "this port speaks TLS; write rediss:// for redis:// in REDIS_URL",
    "not_redis": "a server of another kind answers at REDIS_URL; correct the address",
    "closed": "the server closed the connection: it was stopped, or has reached its maxclients",
}


@dataclass(frozen=True, slots=True)
class LinkConfig:
    """Settings of the link: the `url`, which may hold a password, the deadline of a command, the prefix of names."""

    url: str
    timeout_s: float
    prefix: str

    def __repr__(self) -> str:
        return f"<LinkConfig {self.prefix}>"


class LinkLostError(UpstreamUnavailableError):
    """The link to Redis is lost. `cause` is a key of `FIXES`."""

    def __init__(self, cause: str) -> None:
        super().__init__(f"Redis: {cause}; {FIXES[cause]}")
        self.cause = cause


@contextlib.contextmanager
def reraising_cancellation() -> Iterator[None]:
    """Raise the task's cancellation again if the `with` block swallowed it: redis-py does so on Python 3.11."""
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


class RedisLink:
    """A link that runs `carry(session)` while it is open, and opens again after each LinkLostError.

    Example:
        link = RedisLink(config, clock, rng, carry)
        await link.run()  # until cancelled; `link.state` shows whether it is open
    """

    def __init__(
        self,
        config: LinkConfig,
        clock: Clock,
        rng: random.Random,
        carry: Carry,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._config = config
        self._clock = clock
        self._rng = rng
        self._carry = carry
        self._pause = pause
        self.state = BackplaneState("redis", is_shared=False, since_mono_s=clock.mono_s())

    async def run(self) -> None:
        """Keep the link open until cancelled."""
        module = await asyncio.to_thread(importlib.import_module, "omi_actors.backplane.redis_session")
        streak: Streak | None = None
        try:
            while True:
                with reraising_cancellation():
                    error = await self._run_session(module.RedisSession)
                self._note_lost(error)
                streak = extend_streak(streak, self._clock.mono_s(), _BACKOFF)
                await self._pause(restart_delay_s(streak, _BACKOFF, self._rng.random()))
        finally:
            metrics.BACKPLANE_SHARED.set(0)
            self.state = BackplaneState("redis", is_shared=False, since_mono_s=self._clock.mono_s())

    async def _run_session(self, new_session: "Callable[[LinkConfig], RedisSession]") -> LinkLostError:
        """Connect and carry; return the error that ended the session."""
        session = new_session(self._config)
        try:
            await session.open(self._config.prefix)
            await self._carry(session)
        except LinkLostError as exc:
            return exc
        except UpstreamRejectedError as exc:
            _log.debug("redis_refused", code=exc.code)
            return LinkLostError("lacks_commands")
        finally:
            await session.close()
        raise RuntimeError("the link ended without an error")

    def note_open(self) -> None:
        """Note, and log, that the link is open."""
        was_lost = bool(self.state.cause)
        self.state = BackplaneState("redis", is_shared=True, since_mono_s=self._clock.mono_s())
        metrics.BACKPLANE_SHARED.set(1)
        _log.info("backplane_back" if was_lost else "backplane_connected")

    def _note_lost(self, error: LinkLostError) -> None:
        """Note a loss. Only the first of a row is logged, not each failed try to reconnect."""
        before = self.state
        since_mono_s = before.since_mono_s if before.cause else self._clock.mono_s()
        self.state = BackplaneState(
            "redis", is_shared=False, cause=error.cause, fix=FIXES[error.cause], since_mono_s=since_mono_s
        )
        metrics.BACKPLANE_SHARED.set(0)
        metrics.BACKPLANE_LOSSES.labels(error.cause).inc()
        if not before.cause:
            _log.warning("backplane_lost", cause=error.cause, fix=FIXES[error.cause])
