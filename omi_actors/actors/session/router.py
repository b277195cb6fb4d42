"""The session router: activates sessions, passes messages on to them, and passivates idle ones.

Not here: restarts and quarantine (kit/), a session's own work (actor.py). Threads: the event loop.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice

from omi_actors.actors.queue.messages import AnswerGrew, AnswerNotified, AnswerReady, QuestionWithdrawn
from omi_actors.actors.session.messages import (
    AnswerFound,
    AskerLeft,
    AskQuestion,
    Cleared,
    ClearIdle,
    Complete,
    CompletionLeft,
    IngestSegments,
    KeepRaw,
    OpenConversation,
    Passivate,
    PauseOver,
    PreferencesChanged,
    ReplySent,
    ReplyUnsettled,
    StopQuestion,
    SweepIdle,
    SwitchSpace,
)
from omi_actors.instruments import metrics
from omi_actors.kit.dynamic_supervisor import ChildQuarantined, ChildReleased, ChildStopped, StartChild
from omi_actors.kit.handle import Handle
from omi_actors.kit.loop_actor import LoopActor

# Seconds between two sweeps for idle sessions.
_SWEEP_S = 2.0
# Sessions looked at in one sweep, so that a sweep holds the loop for a few milliseconds at most.
_SWEEP_LIMIT = 1_000


@dataclass(slots=True)
class LiveSession:
    """A session in memory, with the time of its last message (monotonic seconds)."""

    handle: Handle
    used_mono_s: float


@dataclass(slots=True)
class LiveSessions:
    """Sessions in memory by key, least recently used first. Only the router adds and removes them; this outlives it.

    The system also calls `find`, on the event loop. `hits` counts sessions found in memory, `misses` activations.
    Both are plain numbers, which are cheap: each webhook changes one.
    """

    by_key: dict[str, LiveSession] = field(default_factory=dict)
    hits: int = 0
    misses: int = 0

    def count(self) -> int:
        """Return the number of sessions in memory."""
        return len(self.by_key)

    def find(self, session_key: str, now_mono_s: float) -> Handle | None:
        """Return the session's handle, and note its use; None if it is not in memory."""
        session = self.by_key.get(session_key)
        if session is None or session.handle.has_left:
            return None
        del self.by_key[session_key]
        self.by_key[session_key] = session
        session.used_mono_s = now_mono_s
        self.hits += 1
        return session.handle


@dataclass(frozen=True, slots=True)
class RouterLimits:
    """Limits of sessions in memory: passivate after `idle_s` seconds without use, or above `max_live` sessions."""

    idle_s: float
    max_live: int


class SessionRouter(LoopActor):
    """The router of all sessions. `new_handle(session_key)` makes the handle of a session that is not started.

    State it owns: the live sessions. Messages it takes: all mail to sessions, whose envelopes it passes on with their
    replies; SweepIdle, ClearIdle; facts of the sessions' supervisor. Messages it sends: StartChild, Passivate. What
    kills it: an unexpected error. What survives a restart: the live sessions.
    """

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
        """Start the timer that looks for idle sessions every few seconds."""
        self.timers.every(_SWEEP_S, SweepIdle())

    def receive(self, message: object) -> object:
        """Pass on one message, or handle one of the router's own."""
        match message:
            case (
                IngestSegments()
                | KeepRaw()
                | PauseOver()
                | AskQuestion()
                | AnswerGrew()
                | SwitchSpace()
                | OpenConversation()
                | StopQuestion()
                | Complete()
            ):
                self._handle_of(message.session_key).forward(self.current_envelope)
            case (
                AnswerReady()
                | AnswerFound()
                | AnswerNotified()
                | QuestionWithdrawn()
                | ReplySent()
                | ReplyUnsettled()
                | AskerLeft()
                | CompletionLeft()
            ):
                # Facts about the session's own answers: a full mailbox must not lose them.
                self._handle_of(message.session_key).forward(self.current_envelope, always=True)
            case PreferencesChanged(session_key):
                self._tell_live(session_key)
            case SweepIdle():
                self._sweep()
            case ClearIdle(idle_s):
                return self._clear(idle_s)
            case ChildStopped(handle):
                self._forget(handle)
            case ChildQuarantined() | ChildReleased():
                pass  # Its handle refuses mail meanwhile, and says why; the session stays known.
            case _:
                return super().receive(message)
        return None

    def _tell_live(self, session_key: str) -> None:
        """Pass the message on to a session in memory; another one reads the store when it is activated."""
        live = self._live.get(session_key)
        if live is not None and not live.handle.has_left:
            live.handle.forward(self.current_envelope, always=True)

    def _handle_of(self, session_key: str) -> Handle:
        """Return the session's handle, and note its use. Activate the session if it is not in memory."""
        now_mono_s = self.runtime.clock.mono_s()
        handle = self._live_sessions.find(session_key, now_mono_s)
        if handle is not None:
            return handle
        # A session that has stopped may still be listed: the fact of its stop is in our mailbox.
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
        """Ask idle sessions to stop. If too many live, ask the least recently used ones, too."""
        surplus = len(self._live) - self._limits.max_live
        idle_since = self.runtime.clock.mono_s() - self._limits.idle_s
        for number, session in enumerate(islice(self._live.values(), _SWEEP_LIMIT)):
            if number >= surplus and session.used_mono_s > idle_since:
                break
            session.handle.tell(Passivate())

    async def _clear(self, idle_s: float) -> Cleared:
        """Ask all sessions that are idle for so long to stop, some at a time. A session that is at work stays."""
        idle_since, cleared = self.runtime.clock.mono_s() - idle_s, 0
        idle = [session.handle for session in self._live.values() if session.used_mono_s <= idle_since]
        for handle in idle:
            handle.tell(Passivate())
            cleared += 1
            if cleared % _SWEEP_LIMIT == 0:
                await self.runtime.pause()
        return Cleared(cleared, len(self._live) - cleared)

    def _forget(self, handle: Handle) -> None:
        """Remove a session that has stopped."""
        session = self._live.get(handle.name)
        if session is not None and session.handle is handle:
            self._drop(handle.name)
