"""The sessions in memory for the operator: a list, and the passivation of idle ones.

Not here: the counts (queue_status.py), passivation itself (actors/session/). Threads: the event loop's.
"""

from dataclasses import dataclass
from itertools import islice

from omi_actors.actors.session.messages import Cleared, ClearIdle
from omi_actors.actors.session.router import LiveSessions
from omi_actors.clock import Clock
from omi_actors.kit.future import Future
from omi_actors.kit.handle import Handle
from omi_actors.store import sessions
from omi_actors.store.facade import Store

# Seconds for the router to ask idle sessions to stop.
_CLEAR_S = 5.0


@dataclass(frozen=True, slots=True)
class LiveState:
    """A session in memory. `used_at` is UTC seconds; `is_asked`: an answer is under way."""

    session_key: str
    used_at: float
    space: str = "default"
    conversation_id: str | None = None
    is_asked: bool = False


@dataclass(frozen=True, slots=True)
class SessionMemory:
    """The sessions in the memory of this node."""

    live: LiveSessions
    router: Handle
    store: Store
    clock: Clock

    async def list(self, *, limit: int) -> tuple[int, tuple[LiveState, ...]]:
        """Return the number of sessions, and those that were used last, the latest first.

        Raises:
            ExpectedError: the store did not answer.
        """
        started_at = self.clock.now_s() - self.clock.mono_s()
        last = islice(reversed(self.live.by_key.items()), limit)
        used_at = {key: started_at + session.used_mono_s for key, session in last}
        rows = await self.store.read(sessions.load_states, tuple(used_at))
        return self.live.count(), tuple(LiveState(key, at, *rows.get(key, ())) for key, at in used_at.items())

    def clear(self, *, idle_s: float) -> Future[Cleared]:
        """Passivate the sessions that nobody has used for `idle_s` seconds. Nothing stored is lost."""
        return self.router.ask(ClearIdle(idle_s), timeout_s=_CLEAR_S)
