"""The session router: which session gets a message, who is in memory, who may leave.

State it owns: the live sessions, least recently spoken to first. Messages it takes: everything that is
addressed to a session (it passes the envelope on, reply and all), SweepIdle, and facts of the sessions' supervisor.
It sends: StartChild, Passivate. What kills it: an unexpected error. What survives a restart: the live sessions.
Not here: restarts and quarantine (kit/), a session's own work (actor.py). Threads: the event loop.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice

from omi_actors.actors.queue.messages import AnswerGrew, AnswerNotified, AnswerReady
from omi_actors.actors.session.messages import (
    AnswerFound,
    AskerLeft,
    AskQuestion,
    IngestSegments,
    KeepRaw,
    Passivate,
    PauseOver,
    ReplySent,
    ReplyUnsettled,
    SweepIdle,
    SwitchSpace,
)
from omi_actors.instruments import metrics
from omi_actors.kit.dynamic_supervisor import ChildQuarantined, ChildReleased, ChildStopped, StartChild
from omi_actors.kit.handle import Handle
from omi_actors.kit.loop_actor import LoopActor

# Seconds between two looks for idle sessions.
_SWEEP_S = 2.0
# Sessions looked at in one sweep, so that a sweep holds the loop for a few milliseconds at most.
_SWEEP_LIMIT = 1_000


@dataclass(slots=True)
class LiveSession:
    """A session in memory, and when it was last spoken to (monotonic seconds)."""

    handle: Handle
    spoken_to_mono_s: float


@dataclass(slots=True)
class LiveSessions:
    """The live sessions by key, ordered by when they were last spoken to. It outlives its router.

    The router alone adds and removes sessions; the system only calls `find`. `hits` counts look-ups that found their
    session in memory, `misses` those that activated it: plain numbers, since every webhook counts one.
    """

    by_key: dict[str, LiveSession] = field(default_factory=dict)
    hits: int = 0
    misses: int = 0

    def count(self) -> int:
        """Return how many sessions are in memory."""
        return len(self.by_key)

    def find(self, session_key: str, now_mono_s: float) -> Handle | None:
        """Return the session's handle, put last in the order; None when it is not in memory."""
        session = self.by_key.get(session_key)
        if session is None or session.handle.has_left:
            return None
        del self.by_key[session_key]
        self.by_key[session_key] = session
        session.spoken_to_mono_s = now_mono_s
        self.hits += 1
        return session.handle


@dataclass(frozen=True, slots=True)
class RouterLimits:
    """Idle for `idle_s`, or beyond the `max_live` latest: a session is asked to leave memory."""

    idle_s: float
    max_live: int


class SessionRouter(LoopActor):
    """See the module. `new_handle(session_key)` makes the stable handle of a session that is yet to be started."""

    def __init__(
        self,
        live_sessions: LiveSessions,
        supervisor: Handle,
        new_handle: Callable[[str], Handle],
        limits: RouterLimits,
    ) -> None:
        super().__init__()
        self._live_sessions = live_sessions
        self._live = live_sessions.by_key
        self._supervisor = supervisor
        self._new_handle = new_handle
        self._limits = limits

    def on_start(self) -> None:
        """Begin to look for idle sessions."""
        self.timers.every(_SWEEP_S, SweepIdle())

    def receive(self, message: object) -> object:
        """Take one message; see the module."""
        match message:
            case IngestSegments() | KeepRaw() | PauseOver() | AskQuestion() | AnswerGrew() | SwitchSpace():
                self._handle_of(message.session_key).forward(self.current_envelope)
            case AnswerReady() | AnswerFound() | AnswerNotified() | ReplySent() | ReplyUnsettled() | AskerLeft():
                # About an answer of the session's own: whoever floods it must not have that get lost.
                self._handle_of(message.session_key).forward(self.current_envelope, always=True)
            case SweepIdle():
                self._sweep()
            case ChildStopped(handle):
                self._forget(handle)
            case ChildQuarantined() | ChildReleased():
                pass  # Its handle refuses mail meanwhile, and says why; the session stays known.
            case _:
                return super().receive(message)
        return None

    def _handle_of(self, session_key: str) -> Handle:
        """Return the session's handle, put last in the order; a session that is not in memory is activated."""
        now_mono_s = self.runtime.clock.mono_s()
        handle = self._live_sessions.find(session_key, now_mono_s)
        if handle is not None:
            return handle
        # One that has left may still stand there: the fact of its leaving is in our mailbox.
        self._drop(session_key)
        self._live_sessions.misses += 1
        handle = self._new_handle(session_key)
        self._live[session_key] = LiveSession(handle, now_mono_s)
        self._supervisor.tell(StartChild(handle))
        metrics.SESSION_ACTIVATIONS.inc()
        metrics.SESSIONS_LIVE.inc()
        return handle

    def _drop(self, session_key: str) -> None:
        if self._live.pop(session_key, None) is not None:
            metrics.SESSIONS_LIVE.dec()

    def _sweep(self) -> None:
        """Ask the least recently spoken to leave, as far as they are idle or too many."""
        surplus = len(self._live) - self._limits.max_live
        idle_since = self.runtime.clock.mono_s() - self._limits.idle_s
        for number, session in enumerate(islice(self._live.values(), _SWEEP_LIMIT)):
            if number >= surplus and session.spoken_to_mono_s > idle_since:
                break
            session.handle.tell(Passivate())

    def _forget(self, handle: Handle) -> None:
        """Drop a session that has left memory for good."""
        session = self._live.get(handle.name)
        if session is not None and session.handle is handle:
            self._drop(handle.name)
