"""The answer sweeper reminds sessions of stored answers and questions that are not settled."""

from omi_actors.actors.maintenance.answer_sweeper import AnsweredElsewhere, AnswerSweeper
from omi_actors.actors.queue.messages import AnswerReady, QuestionWithdrawn
from omi_actors.actors.session.messages import AnswerFound, PauseOver, PreferencesChanged, ReplyUnsettled
from omi_actors.actors.session.slots import OpenReplies
from omi_actors.domain.answers.delivery_records import OpenAnswer, WaitingAnswer, WithdrawnQuestion
from omi_actors.kit.testing import Driver
from tests.actors.conftest import collaborator

ANSWER = OpenAnswer(delivery_id="d1", job_id="j1", text="384,400 km.", state="pending", channel="", asked_at=7.0)
WAITING = (WaitingAnswer(session_key="omi:ada", answer=ANSWER),)


def sweeper(store, sessions, replies=None):
    return Driver(AnswerSweeper(store, sessions.handle, replies or OpenReplies(), "node-a"), runtime=sessions.runtime)


def test_sweeper_reminds_of_waiting_answers_at_its_start(store):
    sessions = collaborator("sessions")
    store.replies["load_waiting_answers"] = WAITING

    driver = sweeper(store, sessions).start()

    until = driver.clock.now_s() - 2.0
    assert store.of("load_waiting_answers") == [{"node": "node-a", "until": until, "limit": 200}]
    assert sessions.actor.messages == [AnswerReady("omi:ada", "j1", "d1", "384,400 km.", 7.0)]


def test_sweeper_sweeps_again_after_a_store_that_failed(store, failure):
    sessions = collaborator("sessions")
    store.replies["load_waiting_answers"] = failure
    driver = sweeper(store, sessions).start()
    store.replies["load_waiting_answers"] = WAITING

    driver.advance(2.1)

    assert len(sessions.actor.messages) == 1


def test_sweeper_reminds_of_questions_after_a_pause_that_no_timer_noticed(store):
    sessions = collaborator("sessions")
    store.replies["load_listening"] = ("omi:ada", "omi:bob")

    driver = sweeper(store, sessions).start()

    assert store.of("load_listening") == [{"node": "node-a", "until": driver.clock.now_s() - 2.0, "limit": 200}]
    assert sessions.actor.messages == [PauseOver("omi:ada"), PauseOver("omi:bob")]


def test_sweeper_tells_sessions_of_preferences_that_were_changed_on_any_node(store):
    sessions = collaborator("sessions")
    store.replies["load_changed_sessions"] = ("omi:ada", "omi:bob")

    driver = sweeper(store, sessions).start()
    driver.advance(2.0)

    assert store.of("load_changed_sessions") == [{"within_s": 10.0, "limit": 1_000}] * 2
    assert sessions.actor.messages == [PreferencesChanged("omi:ada"), PreferencesChanged("omi:bob")] * 2


def test_sweeper_reminds_of_replies_without_a_stored_end(store):
    sessions = collaborator("sessions")
    store.replies["load_unsettled_answers"] = WAITING

    driver = sweeper(store, sessions).start()

    assert store.of("load_unsettled_answers") == [{"node": "node-a", "until": driver.clock.now_s() - 7.0, "limit": 200}]
    assert sessions.actor.messages == [ReplyUnsettled("omi:ada", ANSWER)]


def opened(sessions, *job_ids):
    """Return open replies that wait for the answers of these jobs from now on."""
    replies = OpenReplies()
    for job_id in job_ids:
        replies.open(job_id, sessions.runtime.clock.mono_s())
    return replies


def test_sweeper_reads_an_answer_at_another_nodes_hint_and_sends_it_to_its_session(store):
    sessions = collaborator("sessions")
    store.replies["load_answers"] = WAITING
    driver = sweeper(store, sessions, opened(sessions, "j1")).start()

    driver.tell(AnsweredElsewhere("j1"))

    assert store.of("load_answers") == [("j1",)]
    assert sessions.actor.messages == [AnswerFound("omi:ada", ANSWER)]


def test_sweeper_tells_a_session_whose_reply_waits_that_its_question_is_withdrawn(store):
    sessions = collaborator("sessions")
    store.replies["load_answers"] = tuple(WithdrawnQuestion(session_key="omi:ada", job_id=job) for job in ("j1", "j2"))
    driver = sweeper(store, sessions, opened(sessions, "j1")).start()

    driver.tell(AnsweredElsewhere("j1"))

    assert sessions.actor.messages == [QuestionWithdrawn("omi:ada", "j1")]


def test_sweeper_reads_nothing_at_a_hint_without_an_open_reply(store):
    sessions = collaborator("sessions")
    driver = sweeper(store, sessions).start()

    driver.tell(AnsweredElsewhere("j1"))

    assert store.of("load_answers") == []


def test_flood_of_hints_costs_one_search_at_a_time(store):
    sessions = collaborator("sessions")
    job_ids = [f"j{number}" for number in range(300)]
    driver = sweeper(store, sessions, opened(sessions, *job_ids)).start()

    for job_id in job_ids * 3:
        driver.tell(AnsweredElsewhere(job_id))
    first = store.of("load_answers")
    store.open.pop().try_set(())
    driver.runtime.run()

    assert first == [("j0",)]
    assert store.of("load_answers")[1:] == [tuple(job_ids[1:201])]


def test_sweeper_without_a_hint_searches_every_few_seconds(store):
    sessions = collaborator("sessions")
    store.replies["load_answers"] = ()
    driver = sweeper(store, sessions, opened(sessions, "j1")).start()

    driver.advance(1.9)
    early = store.of("load_answers")
    for _ in range(4):
        driver.advance(1.0)

    assert early == []
    assert store.of("load_answers") == [("j1",), ("j1",)]


def test_sweeper_sends_no_answer_after_its_reply_was_closed(store):
    sessions = collaborator("sessions")
    replies = opened(sessions, "j1")
    driver = sweeper(store, sessions, replies).start()
    driver.tell(AnsweredElsewhere("j1"))

    replies.close("j1")
    store.open.pop().try_set(WAITING)
    driver.runtime.run()

    assert sessions.actor.messages == []


def test_sweeper_searches_again_after_a_store_that_failed(store, failure):
    sessions = collaborator("sessions")
    store.replies["load_answers"] = failure
    driver = sweeper(store, sessions, opened(sessions, "j1")).start()
    driver.tell(AnsweredElsewhere("j1"))
    store.replies["load_answers"] = WAITING

    driver.advance(2.1)

    assert sessions.actor.messages == [AnswerFound("omi:ada", ANSWER)]
