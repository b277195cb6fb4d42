"""An answer that another node has stored, found by the sweeper: given once to the reply that waits for it here."""

from dataclasses import replace

import pytest

from omi_actors.actors.queue.messages import AnswerReady
from omi_actors.actors.session.messages import AnswerFound, ChatAnswered, Ingested, ReplySent
from tests.actors.test_session_answers import KEY, SENDING_INLINE, TEXT, Session, left
from tests.actors.test_session_chat import SENDING as SENDING_CHAT
from tests.actors.test_session_chat import Session as Chat


@pytest.fixture
def session(store):
    return Session(store)


@pytest.fixture
def chat(store):
    return Chat(store)


def find(session, job_id, state="pending", channel=""):
    """The sweeper finds the answer of this job in the store."""
    session.driver.tell(AnswerFound(KEY, replace(left(state, channel), job_id=job_id)))


@pytest.mark.parametrize(("state", "channel"), [("pending", ""), ("pending", "notify"), ("kept", "")])
def test_found_answer_goes_into_the_reply_that_waits_for_it(session, state, channel):
    reply, job_id = session.ask()

    find(session, job_id, state, channel)
    session.driver.tell(ReplySent(KEY, "d1", reached=True))

    assert reply.result() == Ingested(TEXT, "d1")
    assert session.steps == [SENDING_INLINE, ("d1", "sending", "sent", "inline")]


def test_step_into_a_reply_is_taken_also_if_another_node_has_kept_the_answer_meanwhile(session):
    _, job_id = session.ask()

    find(session, job_id)

    assert session.store.of("change_delivery")[0].from_states == ("pending", "kept")


def test_answer_that_is_found_again_and_again_is_given_once(session):
    reply, job_id = session.ask()

    for _ in range(3):
        find(session, job_id)
    session.driver.tell(AnswerReady(KEY, job_id, "d1", TEXT, session.driver.clock.now_s()))
    session.driver.tell(ReplySent(KEY, "d1", reached=True))
    find(session, job_id, "sent", "inline")

    assert reply.result() == Ingested(TEXT, "d1")
    assert session.hear().result() == Ingested()
    assert session.steps == [SENDING_INLINE, ("d1", "sending", "sent", "inline")]


def test_answer_found_too_late_is_left_to_other_channels(session):
    reply, job_id = session.ask()
    session.driver.advance(12.1)

    find(session, job_id)

    assert reply.result() == Ingested()
    assert session.steps == []


def test_webhook_whose_answer_was_given_elsewhere_waits_no_longer(session):
    reply, job_id = session.ask()

    find(session, job_id, "sent", "next_webhook")

    assert reply.result() == Ingested()
    assert session.steps == []


@pytest.mark.parametrize("state", ["sending", "unknown"])
def test_webhook_waits_on_while_its_answer_is_sending_or_unknown(session, state):
    reply, job_id = session.ask()

    find(session, job_id, state, "notify")
    waits = not reply.done
    find(session, job_id)

    assert waits
    assert reply.result() == Ingested(TEXT, "d1")


def test_answer_that_another_node_gives_meanwhile_is_not_given_here(session):
    reply, job_id = session.ask()
    session.store.replies["change_delivery"] = False

    find(session, job_id)

    assert reply.result() == Ingested()


def test_open_replies_are_known_to_the_node_until_they_are_closed(session):
    replies = session.replies
    _, job_id = session.ask()
    was_open = job_id in replies

    session.driver.advance(12.1)

    assert was_open
    assert job_id not in replies


def test_crash_of_a_session_closes_its_replies(session):
    _, job_id = session.ask()

    with pytest.raises(TypeError):
        session.driver.tell(object())

    assert session.driver.actor.has_ended
    assert job_id not in session.replies


@pytest.mark.parametrize("state", ["pending", "kept"])
def test_chat_gets_the_answer_that_another_node_has_stored(chat, state):
    reply = chat.ask()

    find(chat, chat.job_ids[0], state)

    assert reply.result().text == TEXT
    assert reply.result().delivery_id == "d1"
    assert chat.steps == [SENDING_CHAT]


@pytest.mark.parametrize("state", ["sending", "sent", "unknown"])
def test_chat_reads_what_another_node_has_given(chat, state):
    reply = chat.ask()

    find(chat, chat.job_ids[0], state, "chat")

    conversation_id = chat.commits[0].new_conversation.conversation_id
    assert reply.result() == ChatAnswered(TEXT, conversation_id)
    assert chat.steps == []
