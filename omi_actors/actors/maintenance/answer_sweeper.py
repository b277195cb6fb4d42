"""The answer sweeper: reminds sessions of stored answers, questions and preferences after a lost message.

Messages are lost by a crash, or when a full mailbox refuses them; a dead job sends none. Other nodes store answers,
too, while a reply slot of this node waits for them; and a person may have changed preferences there.
Not here: delivering an answer (actors/session/answers.py). Threads: the event loop; it never awaits.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from omi_actors.actors.queue.messages import AnswerReady, QuestionWithdrawn, SessionMail
from omi_actors.actors.session.messages import AnswerFound, PauseOver, PreferencesChanged, ReplyUnsettled
from omi_actors.actors.session.slots import OpenReplies
from omi_actors.domain.answers.delivery_records import WaitingAnswer, WithdrawnQuestion
from omi_actors.instruments.logs import get_logger
from omi_actors.kit.errors import ExpectedError
from omi_actors.kit.future import Future
from omi_actors.kit.loop_actor import LoopActor
from omi_actors.store import answers, sessions
from omi_actors.store.facade import Store
from omi_actors.store.people import preferences

_log = get_logger(__name__)
_Found = TypeVar("_Found")

# Seconds between two sweeps. An answer's own message, or a session's own timer, gets as long to come first.
_PERIOD_S = 2.0
# Answers in one sweep; the next one finds the rest, when these are under way.
_LIMIT = 200
# Seconds after which the end of a reply should be stored; its session takes care of one that takes longer.
_UNSETTLED_S = 5.0
# Seconds for which a change of preferences is told: some sweeps, and longer than a commit takes.
_CHANGED_S = 10.0
# Sessions that are told of a change; one person has a few in use.
_CHANGED_LIMIT = 1_000


@dataclass(frozen=True, slots=True)
class AnsweredElsewhere:
    """Message from the backplane runner: another node ended this job; a reply of this node waits for its answer.

    A hint only: it may be lost, late, repeated or wrong. The store decides.
    """

    job_id: str


@dataclass(frozen=True, slots=True)
class AnswersRead:
    """Message from the sweeper's search: stored answers that replies of this node wait for; empty after an error.

    Among them are questions that are withdrawn: their replies need wait no longer.
    """

    answers: tuple[WaitingAnswer | WithdrawnQuestion, ...]


@dataclass(frozen=True, slots=True)
class SweepAnswers:
    """Message from the sweeper's timer: search for pending answers, unsettled replies, ended pauses, preferences."""


class AnswerSweeper(LoopActor):
    """Reminds sessions of stored answers, unsettled replies and ended pauses for which a message may be lost.

    It searches the store for them on a timer, and at a hint of another node.

    State it owns: the jobs whose answers it searches for. Messages it takes: SweepAnswers, AnsweredElsewhere,
    AnswersRead. Messages it sends: AnswerReady, AnswerFound, QuestionWithdrawn, ReplyUnsettled and PauseOver to
    sessions, which activates them; PreferencesChanged to those in memory. What kills it: an unexpected error. What
    survives a restart: every delivery.
    """

    def __init__(self, store: Store, sessions: SessionMail, replies: OpenReplies, node_name: str) -> None:
        super().__init__()
        self._store = store
        self._sessions = sessions
        self._replies = replies
        self._node_name = node_name
        # Jobs with a hint that their answers are stored. One search at a time: later hints share the next one.
        self._answered: dict[str, None] = {}
        self._is_searching = False

    def on_start(self) -> None:
        """Sweep on a timer, and once at the start: an earlier process may have left answers that are not delivered."""
        self.timers.every(_PERIOD_S, SweepAnswers())
        self.handle.tell(SweepAnswers())

    def receive(self, message: object) -> object:
        """Take one message."""
        match message:
            case SweepAnswers():
                self._sweep()
                self._search()
            case AnsweredElsewhere(job_id):
                self._answered[job_id] = None
                self._search()
            case AnswersRead(answers):
                self._is_searching = False
                self._send_found(answers)
                self._search()
            case _:
                return super().receive(message)
        return None

    def _sweep(self) -> None:
        until = self.runtime.clock.now_s() - _PERIOD_S
        waiting = self._store.read(answers.load_waiting_answers, node=self._node_name, until=until, limit=_LIMIT)
        waiting.add_done_callback(partial(self._remind, "waiting_answers_not_loaded", _build_ready))
        unsettled = self._store.read(
            answers.load_unsettled_answers, node=self._node_name, until=until - _UNSETTLED_S, limit=_LIMIT
        )
        unsettled.add_done_callback(partial(self._remind, "unsettled_answers_not_loaded", _build_unsettled))
        listening = self._store.read(sessions.load_listening, node=self._node_name, until=until, limit=_LIMIT)
        listening.add_done_callback(partial(self._remind, "listening_sessions_not_loaded", PauseOver))
        changed = self._store.read(preferences.load_changed_sessions, within_s=_CHANGED_S, limit=_CHANGED_LIMIT)
        changed.add_done_callback(partial(self._remind, "changed_preferences_not_loaded", PreferencesChanged))
        # A hint may be lost, or there may be no Redis that carries it: search for every open reply now and then.
        now_mono_s = self.runtime.clock.mono_s()
        due = self._replies.take_due(now_mono_s, quiet_s=_PERIOD_S, limit=_LIMIT)
        self._answered.update(dict.fromkeys(due))

    def _search(self) -> None:
        """Search the store for answers that other nodes hinted at and that replies of this node still wait for."""
        if self._is_searching:
            return
        waiting = [job_id for job_id in self._answered if job_id in self._replies]
        job_ids, rest = tuple(waiting[:_LIMIT]), waiting[_LIMIT:]
        self._answered = dict.fromkeys(rest)
        if job_ids:
            self._is_searching = True
            self._store.read(answers.load_answers, job_ids).add_done_callback(self._report)

    def _report(self, loaded: Future[tuple[WaitingAnswer | WithdrawnQuestion, ...]]) -> None:
        """Send the found answers to this actor as a message. Runs in a reader's thread."""
        try:
            answers = loaded.result()
        except ExpectedError as exc:
            _log.warning("answers_not_loaded", error=type(exc).__name__)
            answers = ()
        # Always: without this message the sweeper never searches again. There is at most one.
        self.handle.tell_always(AnswersRead(answers))

    def _send_found(self, found: Sequence[WaitingAnswer | WithdrawnQuestion]) -> None:
        for one in found:
            if isinstance(one, WithdrawnQuestion):
                if one.job_id in self._replies:
                    self._sessions.tell(QuestionWithdrawn(one.session_key, one.job_id))
            elif one.answer.job_id in self._replies:
                self._sessions.tell(AnswerFound(one.session_key, one.answer))

    def _remind(self, failure: str, build: Callable[[_Found], object], found: Future[tuple[_Found, ...]]) -> None:
        """Send each session the message that `build` makes; log `failure` after an error. Runs in a reader's thread."""
        try:
            all_found = found.result()
        except ExpectedError as exc:
            _log.warning(failure, error=type(exc).__name__)
            return
        for one in all_found:
            self._sessions.tell(build(one))


def _build_ready(waiting: WaitingAnswer) -> AnswerReady:
    return AnswerReady.of(waiting.session_key, waiting.answer)


def _build_unsettled(unsettled: WaitingAnswer) -> ReplyUnsettled:
    return ReplyUnsettled(unsettled.session_key, unsettled.answer)
