"""An answer that counts on its own reply: its intent is stored with it, and it is said once, or goes another way."""

from dataclasses import replace

import pytest

from omi_actors.actors.queue.messages import AnswerReady
from omi_actors.actors.session.messages import Ingested, Passivate, ReplySent, ReplyUnsettled
from tests.actors.test_session_answers import KEY, SENDING_NEXT, TEXT, Session, left, record

BACK = ("d1", "sending", "pending", "")
SENT = ("d1", "sending", "sent", "inline")
UNKNOWN = ("d1", "sending", "unknown", "")


@pytest.fixture
def session(store):
    return Session(store)


def finish(session, job_id="j1"):
    """An answer is there whose intent is stored with it."""
    ready = AnswerReady(KEY, job_id, "d1", TEXT, session.driver.clock.now_s(), is_sending=True)
    session.driver.tell(ready)


def unsettled(session):
    """The answer sweeper finds the answer still at `sending`."""
    session.driver.tell(ReplyUnsettled(KEY, left("sending", "inline")))


def test_question_tells_its_job_until_when_its_reply_is_open(session):
    session.ask()

    (job,) = session.store.of("commit")[-1].jobs
    assert job.payload["reply_until"] == session.driver.clock.now_s() + 12.0


def test_answer_with_a_stored_intent_is_sent_without_another_step(session):
    reply, job_id = session.ask()

    finish(session, job_id)
    steps = session.steps
    session.driver.tell(ReplySent(KEY, "d1", reached=True))

    assert reply.result() == Ingested(TEXT, "d1")
    assert (steps, session.steps) == ([], [SENT])


def test_answer_behind_the_deadline_goes_over_another_channel(session):
    reply, job_id = session.ask()
    session.driver.advance(12.1)

    finish(session, job_id)

    assert reply.result() == Ingested()
    assert session.hear().result() == Ingested(TEXT, "d1")
    assert session.steps == [BACK, SENDING_NEXT]


def test_answer_behind_the_deadline_is_notified_after_its_grace(session):
    _, job_id = session.ask()
    session.driver.advance(12.1)

    finish(session, job_id)
    session.driver.advance(5.1)

    assert (session.steps, session.notified) == ([BACK], ["d1"])


def test_answer_of_a_released_webhook_goes_over_another_channel(session, failure):
    reply, job_id = session.ask()
    reply.try_fail(failure)

    finish(session, job_id)

    assert session.steps == [BACK]
    assert session.hear().result() == Ingested(TEXT, "d1")


def test_answer_goes_over_another_channel_after_its_connection_closed(session):
    _, job_id = session.ask()
    finish(session, job_id)

    session.driver.tell(ReplySent(KEY, "d1", reached=False))

    assert session.steps == [BACK]
    assert session.hear().result() == Ingested(TEXT, "d1")


def test_session_that_was_replaced_sends_the_answer_over_another_channel(session):
    session.store.replies["load_session"] = record()
    session.hear()

    finish(session)

    assert session.steps == [BACK]
    assert session.hear().result() == Ingested(TEXT, "d1")


def test_answer_in_a_reply_is_in_no_other_reply_and_not_unknown(session):
    _, job_id = session.ask()
    finish(session, job_id)

    unsettled(session)
    finish(session, job_id)
    session.driver.advance(60.0)

    assert session.hear().result() == Ingested()
    assert (session.steps, session.notified) == ([], [])


def test_session_that_is_loaded_anew_during_a_reply_does_not_repeat_its_answer(session, failure):
    _, job_id = session.ask()
    finish(session, job_id)
    session.store.replies["commit"] = failure
    session.hear()
    session.store.replies["commit"] = None
    session.store.replies["load_session"] = record()

    assert session.hear().result() == Ingested()
    session.driver.tell(ReplySent(KEY, "d1", reached=True))

    assert session.steps == [SENT]


@pytest.mark.parametrize(("reached", "step"), [(True, SENT), (False, BACK)])
def test_end_of_a_reply_is_recorded_again_after_the_store_failed(session, *, reached, step, failure):
    _, job_id = session.ask()
    finish(session, job_id)
    session.store.replies["change_delivery"] = failure
    session.driver.tell(ReplySent(KEY, "d1", reached=reached))
    unsettled(session)
    session.driver.tell(Passivate())
    session.store.replies["change_delivery"] = True

    session.driver.advance(5.1)

    assert not session.driver.has_stopped
    assert session.steps == [step, step]


def test_reply_with_an_unknown_end_is_repeated_marked_and_never_notified(session):
    unsettled(session)
    session.driver.advance(60.0)

    carried = session.hear()

    assert carried.result() == Ingested(f"Again: {TEXT}", "d1")
    assert session.steps == [UNKNOWN, ("d1", "unknown", "sending", "next_webhook")]
    assert session.notified == []


def test_reply_whose_end_another_node_never_told_is_unknown_after_a_while(session):
    _reply, job_id = session.ask()
    finish(session, job_id)

    session.driver.advance(9.0)
    unsettled(session)
    steps = session.steps
    session.driver.advance(2.0)
    unsettled(session)

    assert (steps, session.steps) == ([], [UNKNOWN])
    assert session.hear().result() == Ingested(f"Again: {TEXT}", "d1")


def test_answer_whose_news_were_lost_goes_into_the_reply_that_is_still_open(session):
    reply, job_id = session.ask()

    session.driver.tell(ReplyUnsettled(KEY, replace(left("sending", "inline"), job_id=job_id)))

    assert reply.result() == Ingested(TEXT, "d1")
    assert session.steps == []
