"""The answer sweeper: reminds sessions of what a crash left in the store: answers not given, questions not ended.

Answers are also left by a job that was buried for its lost workers, by a message that a full mailbox refused.
State it owns: none. Messages it takes: SweepAnswers. It sends: AnswerReady, ReplyUnsettled and PauseOver to
sessions, which activates them.
What kills it: an unexpected error. What survives a restart: every delivery.
Not here: how an answer goes (session_answers.py). Threads: the event loop; it never awaits.
"""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from omi_actors.actors.keeper_messages import SweepAnswers
from omi_actors.actors.session_messages import AnswerReady, PauseOver, ReplyUnsettled
from omi_actors.domain.sessions import WaitingAnswer
from omi_actors.errors import OmiError
from omi_actors.instruments.logs import get_logger
from omi_actors.kit.future import Future
from omi_actors.kit.handle import Handle
from omi_actors.kit.loop_actor import LoopActor
from omi_actors.store.facade import Store

_log = get_logger(__name__)
_Found = TypeVar("_Found")

# Seconds between two looks, and what an answer's own message, or a session's own timer, gets to arrive first.
_PERIOD_S = 2.0
# Answers told of at a time: the rest is found again, when these are on their way.
_LIMIT = 200
# Seconds after which a reply's end should be in the store; one that takes longer is known to its session.
_UNSETTLED_S = 5.0


class AnswerSweeper(LoopActor):
    """See the module."""

    def __init__(self, store: Store, sessions: Handle, node_name: str) -> None:
        super().__init__()
        self._store = store
        self._sessions = sessions
        self._node_name = node_name

    def on_start(self) -> None:
        """Begin to look, now: what an earlier process left waits already."""
        self.timers.every(_PERIOD_S, SweepAnswers())
        self.handle.tell(SweepAnswers())

    def receive(self, message: object) -> object:
        """Take one message; see the module."""
        match message:
            case SweepAnswers():
                self._sweep()
            case _:
                return super().receive(message)
        return None

    def _sweep(self) -> None:
        until = self.runtime.clock.now_s() - _PERIOD_S
        waiting = self._store.load_waiting_answers(node=self._node_name, until=until, limit=_LIMIT)
        waiting.add_done_callback(partial(self._remind, "waiting_answers_not_loaded", _tell_of_answer))
        unsettled = self._store.load_unsettled_answers(node=self._node_name, until=until - _UNSETTLED_S, limit=_LIMIT)
        unsettled.add_done_callback(partial(self._remind, "unsettled_answers_not_loaded", _tell_of_reply))
        listening = self._store.load_listening(node=self._node_name, until=until, limit=_LIMIT)
        listening.add_done_callback(partial(self._remind, "listening_sessions_not_loaded", PauseOver))

    def _remind(self, failure: str, build: Callable[[_Found], object], found: Future[tuple[_Found, ...]]) -> None:
        """Tell the sessions of what was found, or log its `failure`. Runs in a reader's thread."""
        try:
            all_found = found.result()
        except OmiError as exc:
            _log.warning(failure, error=type(exc).__name__)
            return
        for one in all_found:
            self._sessions.tell(build(one))


def _tell_of_answer(waiting: WaitingAnswer) -> AnswerReady:
    return AnswerReady.of(waiting.session_key, waiting.answer)


def _tell_of_reply(unsettled: WaitingAnswer) -> ReplyUnsettled:
    return ReplyUnsettled(unsettled.session_key, unsettled.answer)
