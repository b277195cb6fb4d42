from dataclasses import replace
from functools import partial

import pytest

from omi_actors.clock import ManualClock
from omi_actors.domain.answers.budget import Spending
from omi_actors.domain.work.queue_admin import Action, Requester
from omi_actors.domain.work.retention import Cutoffs
from omi_actors.store import dead_jobs, jobs, retention
from omi_actors.store.answers import change_delivery
from omi_actors.store.engine import Engine
from omi_actors.store.model_use import add_use
from omi_actors.store.queue_admin import record_event
from omi_actors.store.retention import Pruned, StalePage
from omi_actors.store.transaction import EntityTransaction, Transaction
from tests.store.builders import (
    NOW,
    alone,
    answer,
    asking_commit,
    claim,
    count,
    do,
    first_commit,
    job,
    message,
    raw_event,
    rows,
    segment,
    step,
)
from tests.store.test_erasure import SECRET, bytes_of_all_files
from tests.store.test_notifications import notify

YEAR_S = 365 * 86_400.0
LATER = Cutoffs(transcripts=NOW + YEAR_S, done=NOW + YEAR_S, dead=NOW + YEAR_S, used=NOW + YEAR_S, events=NOW + YEAR_S)
EARLIER = Cutoffs(transcripts=NOW, done=NOW, dead=NOW, used=NOW - YEAR_S, events=NOW)


def prune(engine: Engine, cutoffs: Cutoffs = LATER, session: str = "s1", limit: int = 100) -> Pruned:
    pruned: Pruned = do(engine, partial(retention.prune_session, session_id=session, cutoffs=cutoffs, limit=limit))
    return pruned


def prune_work(engine: Engine, cutoffs: Cutoffs = LATER, limit: int = 100) -> Pruned:
    pruned: Pruned = do(engine, partial(retention.prune_work, cutoffs=cutoffs, limit=limit))
    return pruned


def answer_question(engine: Engine, session: str = "s1") -> str:
    do(engine, asking_commit(session))
    (held,) = claim(engine)
    do(engine, partial(jobs.complete_answer, done=answer(held, session=session)))
    return f"{held.job_id}-d"


def test_what_is_old_goes_completely_and_of_its_session_only(engine: Engine) -> None:
    notify(engine, "s1")
    do(engine, first_commit("s2", raw_events=(raw_event(session="s2"),)))
    do(engine, lambda tx: tx.run("UPDATE raw_event SET session_id = 's1'"))

    prune(engine)

    gone = ("message", "delivery", "notification_event", "raw_event")
    assert [count(engine, table) for table in gone] == [0, 0, 0, 0]
    assert rows(engine, "SELECT session_id FROM transcript_segment") == [("s2",)]
    assert count(engine, "session") == 2


def test_what_is_younger_stays(engine: Engine) -> None:
    notify(engine, "s1")
    do(engine, first_commit("s2", raw_events=(raw_event(session="s2"),)))

    for session in ("s1", "s2"):
        assert sum(prune(engine, EARLIER, session).rows.values()) == 0
    assert prune_work(engine, EARLIER).rows == {"job": 0, "model_use": 0, "operator_event": 0, "metric_minute": 0}


def test_of_one_session_only_the_old_part_goes(engine: Engine) -> None:
    old, young = segment(1, created_at=NOW), segment(2, created_at=NOW + 10)
    asked = message(1, created_at=NOW, job_id=""), message(2, created_at=NOW + 10, job_id="")
    do(engine, first_commit(segments=(old, young), messages=asked))

    prune(engine, Cutoffs(transcripts=NOW + 5, done=NOW, dead=NOW, used=NOW, events=NOW))

    assert rows(engine, "SELECT seq FROM transcript_segment") == [(2,)]
    assert rows(engine, "SELECT id FROM message") == [("s1-m2",)]


@pytest.mark.parametrize("state", ["pending", "sending"])
def test_an_answer_that_is_being_given_stays_with_its_question(engine: Engine, state: str) -> None:
    delivery = answer_question(engine)
    do(engine, partial(change_delivery, change=step(delivery, ("pending",), state)))

    prune(engine)

    assert (count(engine, "message"), count(engine, "delivery")) == (2, 1)


def test_an_answer_without_a_job_that_is_being_given_stays(engine: Engine) -> None:
    delivery = answer_question(engine)
    do(engine, lambda tx: tx.run("UPDATE message SET job_id = NULL"))

    prune(engine)

    assert rows(engine, "SELECT id FROM delivery") == [(delivery,)]
    assert rows(engine, "SELECT role FROM message") == [("assistant",)]


@pytest.mark.parametrize("state", ["sent", "kept", "unknown"])
def test_an_answer_that_was_given_or_is_too_old_to_be_spoken_goes(engine: Engine, state: str) -> None:
    delivery = answer_question(engine)
    do(engine, partial(change_delivery, change=step(delivery, ("pending",), state)))

    prune(engine)

    assert (count(engine, "message"), count(engine, "delivery")) == (0, 0)


@pytest.mark.parametrize("is_running", [True, False])
def test_a_job_that_waits_or_runs_stays_with_its_question(engine: Engine, *, is_running: bool) -> None:
    do(engine, asking_commit())
    if is_running:
        claim(engine)

    prune(engine)
    prune_work(engine)

    assert (count(engine, "message"), count(engine, "job")) == (1, 1)


def test_done_and_dead_jobs_go_when_their_own_time_is_over(engine: Engine) -> None:
    for session in ("s1", "s2"):
        do(engine, asking_commit(session))
    done, dead = claim(engine)
    do(engine, partial(jobs.complete_answer, done=answer(done)))
    do(engine, lambda tx: dead_jobs.bury_job(tx, dead.job_id, dead.token, error="X", failure=None))

    assert (
        prune_work(engine, Cutoffs(transcripts=NOW, done=NOW + YEAR_S, dead=NOW, used=NOW, events=NOW)).rows["job"] == 1
    )
    assert rows(engine, "SELECT state FROM job") == [("dead",)]
    assert prune_work(engine).rows["job"] == 1


def test_a_batch_is_no_larger_than_told_and_says_whether_there_is_more(engine: Engine) -> None:
    do(engine, first_commit(segments=tuple(segment(n, key=f"k{n}") for n in range(1, 6))))

    batches = [prune(engine, limit=2) for _ in range(3)]

    assert [(one.rows["transcript_segment"], one.has_more) for one in batches] == [(2, True), (2, True), (1, False)]


def test_only_sessions_that_hold_something_old_are_found_page_by_page(engine: Engine) -> None:
    for number in range(1, 5):
        do(engine, first_commit(f"s{number}"))
    prune(engine, session="s2")

    def look(after: str, cutoffs: Cutoffs = LATER) -> StalePage:
        return engine.read_cold(partial(retention.find_stale, after=after, cutoffs=cutoffs, limit=2))

    assert look("") == StalePage(("s1",), "s2")
    assert look("s2") == StalePage(("s3", "s4"), "s4")
    assert look("s4") == StalePage((), None)
    assert look("", EARLIER) == StalePage((), "s2")


@pytest.mark.parametrize("table", ["message", "raw_event", "notification_event"])
def test_a_session_is_found_by_each_kind_of_what_it_holds(engine: Engine, table: str) -> None:
    notify(engine, "s1")
    do(engine, first_commit("s2", raw_events=(raw_event(session="s2"),)))
    do(engine, lambda tx: tx.run("UPDATE raw_event SET session_id = 's1'"))
    for other in {"transcript_segment", "message", "raw_event", "notification_event"} - {table, "message"}:
        do(engine, partial(Transaction.run, sql=f"DELETE FROM {other}"))  # noqa: S608 (our own table names)
    if table != "message":
        do(engine, lambda tx: tx.run("UPDATE message SET created_at = created_at + 1e9"))

    found = engine.read_cold(partial(retention.find_stale, after="", cutoffs=LATER, limit=9))

    assert found == StalePage(("s1",), None)


def test_counts_of_use_go_when_no_budget_looks_at_them(engine: Engine, clock: ManualClock) -> None:
    do(engine, partial(add_use, spent=Spending("omi:s1", 1)))
    clock.advance(3 * 86_400)
    do(engine, partial(add_use, spent=Spending("omi:s2", 1)))

    prune_work(engine, Cutoffs(transcripts=NOW, done=NOW, dead=NOW, used=clock.now_s() - 2 * 86_400, events=NOW))

    assert rows(engine, "SELECT owner FROM model_use ORDER BY owner") == [("",), ("omi:s2",)]


def test_the_audit_goes_a_batch_at_a_time_when_its_own_time_is_over(engine: Engine, clock: ManualClock) -> None:
    def note(tx: EntityTransaction) -> None:
        record_event(tx, Action.PAUSE, {"kind": "answer"}, job_count=0, by=Requester(request_id="r"))

    for _ in range(3):
        alone(engine, note)
    clock.advance(86_400)
    alone(engine, note)
    cutoffs = replace(EARLIER, events=clock.now_s())

    batches = [prune_work(engine, cutoffs, limit=2) for _ in range(2)]

    assert [(one.rows["operator_event"], one.has_more) for one in batches] == [(2, True), (1, False)]
    assert count(engine, "operator_event") == 1


def test_no_byte_of_a_pruned_text_stays_in_sqlites_files(sqlite_engine: Engine, tmp_path) -> None:
    spoken = tuple(segment(n, text=f"{SECRET} {n}" * 30, key=f"k{n}") for n in range(1, 99))
    do(sqlite_engine, first_commit(segments=spoken, jobs=(job(payload={"question": SECRET}),)))
    do(sqlite_engine, first_commit("s2", segments=(segment(1, session="s2", text="harmless"),)))
    (held,) = claim(sqlite_engine)
    do(sqlite_engine, lambda tx: dead_jobs.bury_job(tx, held.job_id, held.token, error="X", failure=None))

    prune(sqlite_engine)
    prune_work(sqlite_engine)
    do(sqlite_engine, retention.scrub)

    left = bytes_of_all_files(tmp_path)
    assert SECRET.encode() not in left
    assert b"harmless" in left
