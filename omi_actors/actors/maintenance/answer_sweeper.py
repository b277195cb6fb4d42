"""The answer sweeper: tells sessions what is in the store for them, and nobody has told them.

That is what a crash left: answers not given, questions not ended; and the answers that other nodes have stored while a
reply waits for them here. Answers are also left by a job that was buried, by a message that a full mailbox refused.
State it owns: whose answers it is asked to look for. Messages it takes: SweepAnswers, AnsweredElsewhere, AnswersRead.
It sends: AnswerReady, AnswerFound, ReplyUnsettled and PauseOver to sessions, which activates them.
What kills it: an unexpected error. What survives a restart: every delivery.
Not here: how an answer goes (actors/session/answers.py). Threads: the event loop; it never awaits.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from omi_actors.actors.session.messages import (
    AnsweredElsewhere,
    AnswerFound,
    AnswerReady,
    AnswersRead,
    PauseOver,
    ReplyUnsettled,
)
from omi_actors.actors.session.slots import OpenReplies
from omi_actors.domain.answers.delivery_records import WaitingAnswer
from omi_actors.instruments.logs import get_logger
from omi_actors.kit.errors import ExpectedError
from omi_actors.kit.future import Future
from omi_actors.kit.handle import Handle
from omi_actors.kit.loop_actor import LoopActor
from omi_actors.store import answers, sessions
from omi_actors.store.facade import Store

_log = get_logger(__name__)
_Found = TypeVar("_Found")

# Seconds between two looks, and what an answer's own message, or a session's own timer, gets to arrive first.
_PERIOD_S = 2.0
# Answers told of at a time: the rest is found again, when these are on their way.
_LIMIT = 200
# Seconds after which a reply's end should be in the store; one that takes longer is known to its session.
_UNSETTLED_S = 5.0


@dataclass(frozen=True, slots=True)
class SweepAnswers:
    """The sweeper's own timer: look for answers that nobody has begun to give."""


class AnswerSweeper(LoopActor):
    """See the module."""

    def __init__(self, store: Store, sessions: Handle, replies: OpenReplies, node_name: str) -> None:
        super().__init__()
        self._store = store
        self._sessions = sessions
        self._replies = replies
        self._node_name = node_name
        # Jobs whose answers are said to be stored. One look at a time: what is told meanwhile shares the next.
        self._answered: dict[str, None] = {}
        self._is_looking = False

    def on_start(self) -> None:
        """Begin to look, now: what an earlier process left waits already."""
        self.timers.every(_PERIOD_S, SweepAnswers())
        self.handle.tell(SweepAnswers())

    def receive(self, message: object) -> object:
        """Take one message; see the module."""
        match message:
            case SweepAnswers():
                self._sweep()
                self._look()
            case AnsweredElsewhere(job_id):
                self._answered[job_id] = None
                self._look()
            case AnswersRead(answers):
                self._is_looking = False
                self._tell_found(answers)
                self._look()
            case _:
                return super().receive(message)
        return None

    def _sweep(self) -> None:
        until = self.runtime.clock.now_s() - _PERIOD_S
        waiting = self._store.read(answers.load_waiting_answers, node=self._node_name, until=until, limit=_LIMIT)
        waiting.add_done_callback(partial(self._remind, "waiting_answers_not_loaded", _tell_of_answer))
        unsettled = self._store.read(
            answers.load_unsettled_answers, node=self._node_name, until=until - _UNSETTLED_S, limit=_LIMIT
        )
        unsettled.add_done_callback(partial(self._remind, "unsettled_answers_not_loaded", _tell_of_reply))
        listening = self._store.read(sessions.load_listening, node=self._node_name, until=until, limit=_LIMIT)
        listening.add_done_callback(partial(self._remind, "listening_sessions_not_loaded", PauseOver))
        # News may have been lost, or there may be nobody to carry it.
        now_mono_s = self.runtime.clock.mono_s()
        due = self._replies.take_due(now_mono_s, quiet_s=_PERIOD_S, limit=_LIMIT)
        self._answered.update(dict.fromkeys(due))

    def _look(self) -> None:
        """Ask the store for the answers that are said to be there and that somebody still waits for."""
        if self._is_looking:
            return
        waiting = [job_id for job_id in self._answered if job_id in self._replies]
        job_ids, rest = tuple(waiting[:_LIMIT]), waiting[_LIMIT:]
        self._answered = dict.fromkeys(rest)
        if job_ids:
            self._is_looking = True
            self._store.read(answers.load_answers, job_ids).add_done_callback(self._report)

    def _report(self, loaded: Future[tuple[WaitingAnswer, ...]]) -> None:
        """Turn the store's answer into mail. Runs in a reader's thread."""
        try:
            answers = loaded.result()
        except ExpectedError as exc:
            _log.warning("answers_not_loaded", error=type(exc).__name__)
            answers = ()
        # One at a time; without it nothing is looked for again.
        self.handle.tell_always(AnswersRead(answers))

    def _tell_found(self, found: Sequence[WaitingAnswer]) -> None:
        for one in found:
            if one.answer.job_id in self._replies:
                self._sessions.tell(AnswerFound(one.session_key, one.answer))

    def _remind(self, failure: str, build: Callable[[_Found], object], found: Future[tuple[_Found, ...]]) -> None:
        """Tell the sessions of what was found, or log its `failure`. Runs in a reader's thread."""
        try:
            all_found = found.result()
        except ExpectedError as exc:
            _log.warning(failure, error=type(exc).__name__)
            return
        for one in all_found:
            self._sessions.tell(build(one))


def _tell_of_answer(waiting: WaitingAnswer) -> AnswerReady:
    return AnswerReady.of(waiting.session_key, waiting.answer)


def _tell_of_reply(unsettled: WaitingAnswer) -> ReplyUnsettled:
    return ReplyUnsettled(unsettled.session_key, unsettled.answer)
