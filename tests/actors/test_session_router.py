"""The router knows who is in memory, and passes mail on."""

import pytest

from omi_actors.actors.queue.messages import AnswerReady
from omi_actors.actors.session.messages import IngestSegments, Passivate, ReplySent, SweepIdle
from omi_actors.actors.session.router import LiveSession, LiveSessions, RouterLimits, SessionRouter
from omi_actors.kit import life
from omi_actors.kit.dynamic_supervisor import ChildStopped, StartChild
from omi_actors.kit.handle import Handle
from omi_actors.kit.mailbox import Refusal
from omi_actors.kit.spec import ChildSpec
from omi_actors.kit.testing import Driver, Probe
from tests.actors.conftest import collaborator


class Sessions:
    """A supervisor that starts a probe for each session it is told to."""

    def __init__(self):
        self.supervisor = collaborator("session_supervisor")
        self.made = []
        self.live_sessions = LiveSessions()

    def new_handle(self, key):
        handle = Handle(ChildSpec(key, "session", lambda: Probe(lambda _: f"reply of {key}")), self.runtime)
        self.made.append(handle)
        life.start(handle, None)
        return handle

    @property
    def runtime(self):
        return self.supervisor.runtime


@pytest.fixture
def sessions():
    return Sessions()


@pytest.fixture
def router(sessions):
    limits = RouterLimits(idle_s=900.0, max_live=2)
    actor = SessionRouter(sessions.live_sessions, sessions.supervisor.handle, sessions.new_handle, limits)
    return Driver(actor, runtime=sessions.runtime).start()


def words(key):
    return IngestSegments(key, key, (), 0.0)


def test_first_message_activates_a_session_and_is_passed_on_with_its_reply(router, sessions):
    reply = router.ask(words("ada"))

    assert reply == "reply of ada"
    assert sessions.supervisor.actor.messages == [StartChild(sessions.made[0])]


def test_later_messages_go_to_the_same_session(router, sessions):
    router.ask(words("ada"))
    router.tell(ReplySent("ada", "d", reached=True))

    assert len(sessions.made) == 1
    assert [type(m) for m in sessions.made[0].actor.messages] == [IngestSegments, ReplySent]


def passivated(sessions):
    return [handle.name for handle in sessions.made if Passivate() in handle.actor.messages]


def test_idle_sessions_are_asked_to_leave(router, sessions):
    router.ask(words("ada"))
    router.advance(600.0)
    router.ask(words("bob"))

    router.advance(301.0)

    assert passivated(sessions) == ["ada"]


def test_least_recently_spoken_to_leave_when_there_are_too_many(router, sessions):
    for key in ("ada", "bob", "ada", "eve"):
        router.ask(words(key))

    router.tell(SweepIdle())

    assert passivated(sessions) == ["bob"]


def test_session_that_has_left_is_activated_anew_by_its_next_message(router, sessions):
    router.ask(words("ada"))
    router.tell(ChildStopped(sessions.made[0]))
    assert sessions.live_sessions.count() == 0

    router.ask(words("ada"))

    assert len(sessions.made) == 2


def test_message_before_the_fact_that_its_session_has_left_finds_a_new_one(router, sessions):
    router.ask(words("ada"))
    life.retire(sessions.made[0], Refusal.STOPPED)

    reply = router.ask(words("ada"))
    router.tell(ChildStopped(sessions.made[0]))

    assert reply == "reply of ada"
    assert sessions.live_sessions.by_key["ada"].handle is sessions.made[1]


def test_news_of_an_answer_reach_a_session_whose_mailbox_is_full(router, sessions):
    spec = ChildSpec("ada", "session", lambda: Probe(lambda _: None), mailbox_capacity=1)
    busy = Handle(spec, sessions.runtime)  # not started: its mail waits
    sessions.live_sessions.by_key["ada"] = LiveSession(busy, 0.0)

    for message in (
        words("ada"),
        words("ada"),
        AnswerReady("ada", "j", "d", "answer", 0.0),
        ReplySent("ada", "d", reached=True),
    ):
        router.tell(message)

    assert len(busy.mailbox) == 3
