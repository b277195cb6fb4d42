"""Typed questions in the store: known again, called off."""

from functools import partial

import pytest
from msgspec.structs import replace

from omi_actors.domain.answers.budget import Spending
from omi_actors.domain.answers.delivery_records import WithdrawnQuestion
from omi_actors.domain.sessions.chat import KnownQuestion
from omi_actors.domain.sessions.records import Withdrawn
from omi_actors.errors import LeaseLostError
from omi_actors.store import answers, jobs
from omi_actors.store.engine import Engine
from omi_actors.store.jobs import cancel_question, find_question
from tests.store.builders import answer, asking_commit, claim, do, job, next_commit, rows

KEY = "answer:s1:1"


def find(engine: Engine) -> KnownQuestion | None:
    known: KnownQuestion | None = do(engine, partial(find_question, idempotency_key=KEY))
    return known


def cancel(engine: Engine) -> bool:
    is_cancelled: bool = do(engine, partial(cancel_question, job_id="s1-j1"))
    return is_cancelled


@pytest.fixture(autouse=True)
def asked(engine: Engine) -> None:
    do(engine, replace(asking_commit(), jobs=(job(fingerprint="f1"),)))


def test_question_is_known_by_its_key_before_and_after_its_answer(engine: Engine) -> None:
    before = find(engine)
    (claimed,) = claim(engine)
    do(engine, partial(jobs.complete_answer, done=answer(claimed)))

    assert before == KnownQuestion(job_id="s1-j1", conversation_id="s1-c1", answer=None, kind="", fingerprint="f1")
    after = find(engine)
    assert after is not None
    assert (after.answer, after.kind) == ("because", "answer")
    assert do(engine, partial(find_question, idempotency_key="answer:s1:2")) is None


def test_question_that_is_called_off_is_not_claimed_and_its_key_is_free(engine: Engine) -> None:
    assert cancel(engine)

    assert claim(engine) == []
    assert find(engine) is None
    assert rows(engine, "SELECT state, payload FROM job") == [("cancelled", "{}")]
    do(engine, next_commit(jobs=(job(1, job_id="s1-again"),)))
    assert [claimed.job_id for claimed in claim(engine)] == ["s1-again"]


def test_attempt_at_a_question_that_is_called_off_can_store_nothing(engine: Engine) -> None:
    (claimed,) = claim(engine)

    assert cancel(engine)

    assert do(engine, partial(jobs.heartbeat_jobs, tokens=(claimed.token,), lease_s=30.0)) == frozenset()
    with pytest.raises(LeaseLostError):
        do(engine, partial(jobs.complete_answer, done=answer(claimed)))
    with pytest.raises(LeaseLostError):
        do(engine, partial(jobs.release_job, job_id=claimed.job_id, token=claimed.token))
    assert rows(engine, "SELECT count(*) FROM message WHERE role = 'assistant'") == [(0,)]


def test_answered_question_cannot_be_called_off(engine: Engine) -> None:
    (claimed,) = claim(engine)
    do(engine, partial(jobs.complete_answer, done=answer(claimed)))

    assert not cancel(engine)

    assert rows(engine, "SELECT state FROM job") == [("done",)]


def test_question_that_was_not_meant_is_withdrawn_with_its_title_and_asks_no_more(engine: Engine) -> None:
    (claimed,) = claim(engine)
    do(engine, lambda tx: tx.run("UPDATE conversation SET title = (SELECT text FROM message WHERE role = 'user')"))
    withdrawn = Withdrawn(job_id=claimed.job_id, token=claimed.token, finished_at=9.0, spent=Spending("s1", tokens=7))
    write = partial(jobs.withdraw_question, withdrawn=withdrawn)

    do(engine, write)
    do(engine, write)  # its reply was lost

    assert rows(engine, "SELECT count(*) FROM message") == [(0,)]
    assert rows(engine, "SELECT title FROM conversation") == [(None,)]
    assert rows(engine, "SELECT state, payload, idempotency_key FROM job") == [("done", "{}", KEY)]
    assert rows(engine, "SELECT DISTINCT tokens FROM model_use") == [(7,)]


def test_open_reply_learns_that_its_question_is_withdrawn(engine: Engine) -> None:
    (claimed,) = claim(engine)
    withdrawn = Withdrawn(job_id=claimed.job_id, token=claimed.token, finished_at=9.0, spent=Spending("s1", tokens=7))
    load = partial(answers.load_answers, job_ids=(claimed.job_id, "another"))
    before = do(engine, load)

    do(engine, partial(jobs.withdraw_question, withdrawn=withdrawn))

    assert before == ()
    (session_key,) = rows(engine, "SELECT session_key FROM session")[0]
    assert do(engine, load) == (WithdrawnQuestion(session_key=session_key, job_id=claimed.job_id),)


def test_question_is_not_withdrawn_without_its_lease(engine: Engine) -> None:
    (claimed,) = claim(engine)
    withdrawn = Withdrawn(job_id=claimed.job_id, token="old", finished_at=9.0, spent=Spending("s1", tokens=7))  # noqa: S106 (a lease's)

    with pytest.raises(LeaseLostError):
        do(engine, partial(jobs.withdraw_question, withdrawn=withdrawn))

    assert rows(engine, "SELECT count(*) FROM message") == [(1,)]
