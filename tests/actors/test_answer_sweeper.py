"""The answer sweeper reminds sessions of what the store still holds for their wearers."""

from omi_actors.actors.answer_sweeper import AnswerSweeper
from omi_actors.actors.session_messages import AnswerReady, PauseOver, ReplyUnsettled
from omi_actors.domain.sessions import OpenAnswer, WaitingAnswer
from omi_actors.errors import StoreUnavailableError
from omi_actors.kit.driver import Driver
from tests.actors.conftest import collaborator

ANSWER = OpenAnswer(delivery_id="d1", job_id="j1", text="384,400 km.", state="pending", channel="", asked_at=7.0)
WAITING = (WaitingAnswer(session_key="omi:ada", answer=ANSWER),)


def sweeper(store, sessions):
    return Driver(AnswerSweeper(store, sessions.handle, "node-a"), runtime=sessions.runtime)


def test_sweeper_reminds_of_waiting_answers_at_its_start(store):
    sessions = collaborator("sessions")
    store.replies["load_waiting_answers"] = WAITING

    driver = sweeper(store, sessions).start()

    until = driver.clock.now_s() - 2.0
    assert store.of("load_waiting_answers") == [{"node": "node-a", "until": until, "limit": 200}]
    assert sessions.actor.messages == [AnswerReady("omi:ada", "j1", "d1", "384,400 km.", 7.0)]


def test_sweeper_looks_again_after_a_store_that_failed(store):
    sessions = collaborator("sessions")
    store.replies["load_waiting_answers"] = StoreUnavailableError("as told")
    driver = sweeper(store, sessions).start()
    store.replies["load_waiting_answers"] = WAITING

    driver.advance(2.1)

    assert len(sessions.actor.messages) == 1


def test_sweeper_reminds_of_questions_whose_pause_nobody_noticed(store):
    sessions = collaborator("sessions")
    store.replies["load_listening"] = ("omi:ada", "omi:bob")

    driver = sweeper(store, sessions).start()

    assert store.of("load_listening") == [{"node": "node-a", "until": driver.clock.now_s() - 2.0, "limit": 200}]
    assert sessions.actor.messages == [PauseOver("omi:ada"), PauseOver("omi:bob")]


def test_sweeper_reminds_of_replies_whose_end_nobody_told(store):
    sessions = collaborator("sessions")
    store.replies["load_unsettled_answers"] = WAITING

    driver = sweeper(store, sessions).start()

    assert store.of("load_unsettled_answers") == [{"node": "node-a", "until": driver.clock.now_s() - 7.0, "limit": 200}]
    assert sessions.actor.messages == [ReplyUnsettled("omi:ada", ANSWER)]
