"""The link to Redis: kept, and opened anew after every loss, with pauses that grow and differ between nodes.

Not here: commands (redis_session.py), what goes over the link (redis_backplane.py). Threads: the event loop's.
"""

import asyncio
import importlib
import random
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from omi_actors.backplane.interface import BackplaneState
from omi_actors.backplane.link_state import FIXES, LinkConfig, LinkLostError, heeding_cancellation
from omi_actors.clock import Clock
from omi_actors.errors import UpstreamRejectedError
from omi_actors.instruments import metrics
from omi_actors.instruments.logs import get_logger
from omi_actors.kit.restarts import Backoff, Streak, extend_streak, restart_delay_s

if TYPE_CHECKING:
    from omi_actors.backplane.redis_session import RedisSession

_log = get_logger(__name__)

# Each pause is up to doubled by chance: nodes that have lost a server together must not return together.
_BACKOFF = Backoff(min_s=0.1, max_s=5.0, jitter=1.0)

Carry = Callable[["RedisSession"], Awaitable[None]]


class RedisLink:
    """`carry(session)` runs while there is a link; LinkLostError ends it. `pause` is asyncio.sleep, or a test's."""

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
        """Keep the link until cancelled."""
        # redis takes 0.3 s to import: in a thread, so that the loop goes on.
        module = await asyncio.to_thread(importlib.import_module, "omi_actors.backplane.redis_session")
        streak: Streak | None = None
        try:
            while True:
                with heeding_cancellation():
                    error = await self._stay(module.RedisSession)
                self._note_lost(error)
                streak = extend_streak(streak, self._clock.mono_s(), _BACKOFF)
                await self._pause(restart_delay_s(streak, _BACKOFF, self._rng.random()))
        finally:
            metrics.BACKPLANE_SHARED.set(0)
            self.state = BackplaneState("redis", is_shared=False, since_mono_s=self._clock.mono_s())

    async def _stay(self, new_session: "Callable[[LinkConfig], RedisSession]") -> LinkLostError:
        """Connect and carry; return why it ended."""
        session = new_session(self._config)
        try:
            await session.open(self._config.prefix)
            await self._carry(session)
        except LinkLostError as exc:
            return exc
        except UpstreamRejectedError as exc:
            _log.debug("redis_refused", code=exc.code)
            return LinkLostError("not_redis")
        finally:
            await session.close()
        raise RuntimeError("the link was given up without a reason")

    def note_open(self) -> None:
        """Tell that the others are reached, once."""
        was_lost = bool(self.state.cause)
        self.state = BackplaneState("redis", is_shared=True, since_mono_s=self._clock.mono_s())
        metrics.BACKPLANE_SHARED.set(1)
        _log.info("backplane_back" if was_lost else "backplane_connected")

    def _note_lost(self, error: LinkLostError) -> None:
        """Tell the loss: in the log once, not for each try to mend it."""
        before = self.state
        since_mono_s = before.since_mono_s if before.cause else self._clock.mono_s()
        self.state = BackplaneState(
            "redis", is_shared=False, cause=error.cause, fix=FIXES[error.cause], since_mono_s=since_mono_s
        )
        metrics.BACKPLANE_SHARED.set(0)
        metrics.BACKPLANE_LOSSES.labels(error.cause).inc()
        if not before.cause:
            _log.warning("backplane_lost", cause=error.cause, fix=FIXES[error.cause])
