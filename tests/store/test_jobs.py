from dataclasses import replace
from functools import partial

import pytest

from omi_actors.clock import ManualClock
from omi_actors.domain.work.jobs import JobState
from omi_actors.errors import LeaseLostError
from omi_actors.store import dead_jobs, jobs
from omi_actors.store.dead_jobs import reap_jobs
from omi_actors.store.engine import Engine
from omi_actors.store.queue_state import count_queue
from omi_actors.store.retention import delete_session
from tests.store.builders import NOW, answer, asking_commit, claim, count, do, first_commit, job, next_commit, rows


def enqueue(engine: Engine, *new_jobs: object, session: str = "s1") -> None:
    do(engine, first_commit(session, jobs=new_jobs))


def test_a_claimed_job_is_whole(engine: Engine) -> None:
    new = job(request_id="r1", max_attempts=3)
    enqueue(engine, new)

    (claimed,) = claim(engine)

    assert (claimed.job_id, claimed.kind, claimed.lane) == (new.job_id, new.kind, new.lane)
    assert dict(claimed.payload) == new.payload
    assert (claimed.attempt, claimed.max_attempts, claimed.request_id) == (1, 3, "r1")
    assert (claimed.created_at, claimed.lease_until) == (NOW, NOW + 30)
    assert rows(engine, "SELECT state, node, incarnation, deliveries FROM job") == [("running", "node-a", 1, 1)]


def test_a_running_job_is_not_claimed_again_and_keeps_its_lane(engine: Engine) -> None:
    enqueue(engine, job(1), job(2))
    claim(engine)

    assert claim(engine) == []


def test_a_lane_runs_one_job_at_a_time_in_order(engine: Engine) -> None:
    enqueue(engine, job(1), job(2, priority=1), job(3))
    ran = []

    while claimed := claim(engine):
        assert len(claimed) == 1
        ran.append(claimed[0].job_id)
        do(engine, partial(jobs.complete_answer, done=answer(claimed[0])))

    assert ran == ["s1-j1", "s1-j2", "s1-j3"]


def test_a_retry_keeps_its_place_in_the_lane(engine: Engine, clock: ManualClock) -> None:
    enqueue(engine, job(1), job(2))
    (first,) = claim(engine)

    do(engine, lambda tx: jobs.retry_job(tx, first.job_id, first.token, run_at=NOW + 5, error="later"))

    assert claim(engine) == []
    clock.advance(5)
    (again,) = claim(engine)
    assert (again.job_id, again.attempt) == (first.job_id, 2)
    assert (first.run_at, again.run_at) == (NOW, NOW + 5)


def test_a_clock_that_is_put_back_holds_up_no_job(engine: Engine, clock: ManualClock) -> None:
    enqueue(engine, job(1), job(2, run_at=NOW + 5))

    clock.jump(-3_600)

    (first,) = claim(engine)
    do(engine, partial(jobs.complete_answer, done=answer(first)))
    assert [one.job_id for one in claim(engine)] == ["s1-j2"]


def test_a_scheduled_job_keeps_its_hour_when_the_clock_is_put_back(engine: Engine, clock: ManualClock) -> None:
    enqueue(engine, job(run_at=NOW + 7_200))

    clock.jump(-3_600)
    assert claim(engine) == []

    clock.advance(3 * 3_600)
    assert len(claim(engine)) == 1


def test_attempt_that_is_not_counted_never_was(engine: Engine, clock: ManualClock) -> None:
    enqueue(engine, job())
    (first,) = claim(engine)

    do(
        engine,
        lambda tx: jobs.retry_job(tx, first.job_id, first.token, run_at=NOW + 5, error="later", is_counted=False),
    )

    assert claim(engine) == []
    clock.advance(5)
    (again,) = claim(engine)
    assert (again.job_id, again.attempt) == (first.job_id, 1)


def test_lanes_run_side_by_side_most_urgent_first(engine: Engine) -> None:
    for name, urgency in (("s1", 100), ("s2", 10), ("s3", 50)):
        enqueue(engine, job(session=name, priority=urgency), session=name)

    assert [claimed.lane for claimed in claim(engine, limit=2)] == ["s2", "s3"]


def test_only_due_jobs_of_asked_kinds_are_claimed(engine: Engine, clock: ManualClock) -> None:
    enqueue(engine, job(1, lane="a", run_at=NOW + 1), job(2, lane="b", kind="memory"))

    assert claim(engine, kinds=()) == []
    assert claim(engine, kinds=("answer",)) == []
    clock.advance(1)
    assert [found.job_id for found in claim(engine, kinds=("answer",))] == ["s1-j1"]
    assert [found.job_id for found in claim(engine, kinds=("answer", "memory"))] == ["s1-j2"]


def test_completion_stores_answer_and_delivery_with_the_job(engine: Engine) -> None:
    do(engine, asking_commit())
    (held,) = claim(engine)

    do(engine, lambda tx: jobs.complete_answer(tx, answer(held)))

    assert rows(engine, "SELECT state, payload, finished_at FROM job") == [("done", "{}", NOW + 1)]
    assert rows(engine, "SELECT role, kind, text, model FROM message WHERE role = 'assistant'") == [
        ("assistant", "answer", "because", "demo")
    ]
    assert rows(engine, "SELECT message_id, state, channel FROM delivery") == [("s1-j1-answer", "pending", "")]


def test_completion_sent_twice_is_stored_once(engine: Engine) -> None:
    do(engine, asking_commit())
    (held,) = claim(engine)

    for _ in range(2):
        do(engine, lambda tx: jobs.complete_answer(tx, answer(held)))

    assert count(engine, "delivery") == 1


def test_a_lost_lease_completes_nothing(engine: Engine, clock: ManualClock) -> None:
    do(engine, asking_commit())
    (slow,) = claim(engine)
    clock.advance(31)
    do(engine, lambda tx: reap_jobs(tx, max_deliveries=3, max_losses=10))
    (fast,) = claim(engine)

    with pytest.raises(LeaseLostError):
        do(engine, lambda tx: jobs.complete_answer(tx, answer(slow, text="late")))
    do(engine, lambda tx: jobs.complete_answer(tx, answer(fast)))
    with pytest.raises(LeaseLostError):
        do(engine, lambda tx: jobs.complete_answer(tx, answer(slow, text="later")))

    assert rows(engine, "SELECT text FROM message WHERE role = 'assistant'") == [("because",)]


@pytest.mark.parametrize("end", ["retry", "bury", "release", "complete"])
def test_a_wrong_token_ends_nothing(engine: Engine, end: str) -> None:
    do(engine, asking_commit())
    (held,) = claim(engine)
    wrong = replace(held, token="wrong")  # noqa: S106 (a lease's)
    ends = {
        "retry": lambda tx: jobs.retry_job(tx, wrong.job_id, wrong.token, run_at=NOW, error=""),
        "bury": lambda tx: dead_jobs.bury_job(tx, wrong.job_id, wrong.token, error="", failure=answer(wrong)),
        "release": lambda tx: jobs.release_job(tx, wrong.job_id, wrong.token),
        "complete": lambda tx: jobs.complete_answer(tx, answer(wrong)),
    }

    with pytest.raises(LeaseLostError):
        do(engine, ends[end])

    assert rows(engine, "SELECT state, token FROM job") == [("running", held.token)]
    assert count(engine, "delivery") == 0


def test_a_lost_lease_fails_alone_in_its_group(engine: Engine) -> None:
    do(engine, asking_commit())

    lost, stored = engine.commit_group([lambda tx: jobs.release_job(tx, "s1-j1", "none"), first_commit("s2")])

    assert isinstance(lost.error, LeaseLostError)
    assert stored.error is None


def test_burying_stores_the_sentence_that_says_so(engine: Engine) -> None:
    do(engine, asking_commit())
    (held,) = claim(engine)
    failure = answer(held, kind="failure", text="I could not.")

    do(engine, lambda tx: dead_jobs.bury_job(tx, held.job_id, held.token, error="x" * 9999, failure=failure))

    assert rows(engine, "SELECT state, length(error) FROM job") == [("dead", 500)]
    assert rows(engine, "SELECT kind, text FROM message WHERE role = 'assistant'") == [("failure", "I could not.")]
    assert rows(engine, "SELECT state FROM delivery") == [("pending",)]


def test_a_released_job_counts_as_never_claimed(engine: Engine) -> None:
    enqueue(engine, job())
    (held,) = claim(engine)

    do(engine, lambda tx: jobs.release_job(tx, held.job_id, held.token))

    assert rows(engine, "SELECT deliveries, attempts FROM job") == [(0, 0)]
    (again,) = claim(engine)
    assert (again.attempt, again.token != held.token) == (1, True)


def test_heartbeats_lease_on_and_tell_what_is_lost(engine: Engine, clock: ManualClock) -> None:
    enqueue(engine, job(1, lane="a"), job(2, lane="b"))
    first, second = claim(engine)
    do(engine, lambda tx: jobs.release_job(tx, second.job_id, second.token))
    clock.advance(20)

    held = do(engine, lambda tx: jobs.heartbeat_jobs(tx, [first.token, second.token, "none"], lease_s=30))

    assert held == {first.token}
    assert rows(engine, "SELECT lease_until FROM job WHERE state = 'running'") == [(NOW + 50,)]
    assert do(engine, lambda tx: jobs.heartbeat_jobs(tx, [], lease_s=30)) == frozenset()


def test_reaping_takes_back_only_what_expired(engine: Engine, clock: ManualClock) -> None:
    enqueue(engine, job(1, lane="a"), job(2, lane="b"))
    first, second = claim(engine)
    clock.advance(20)
    do(engine, lambda tx: jobs.heartbeat_jobs(tx, [second.token], lease_s=30))
    clock.advance(11)

    assert do(engine, lambda tx: reap_jobs(tx, max_deliveries=3, max_losses=10)) == 1

    assert rows(engine, "SELECT job_id, state FROM job ORDER BY seq") == [
        (first.job_id, "ready"),
        (second.job_id, "running"),
    ]


def test_a_job_lost_too_often_dies_and_its_question_is_answered(engine: Engine, clock: ManualClock) -> None:
    do(engine, asking_commit())

    for _ in range(3):
        assert len(claim(engine)) == 1
        clock.advance(31)
        do(engine, lambda tx: reap_jobs(tx, max_deliveries=3, max_losses=10))

    assert claim(engine) == []
    assert rows(engine, "SELECT state, deliveries FROM job") == [("dead", 3)]
    ((kind, text),) = rows(engine, "SELECT kind, text FROM message WHERE role = 'assistant'")
    assert kind == "failure"
    assert text
    assert rows(engine, "SELECT state FROM delivery") == [("pending",)]


def test_a_result_between_losses_clears_the_count(engine: Engine, clock: ManualClock) -> None:
    enqueue(engine, job())
    for _ in range(4):
        claim(engine)
        clock.advance(31)
        do(engine, lambda tx: reap_jobs(tx, max_deliveries=3, max_losses=10))
        (held,) = claim(engine)
        do(engine, partial(jobs.retry_job, job_id=held.job_id, token=held.token, run_at=NOW, error=""))

    assert rows(engine, "SELECT state, attempts FROM job") == [("ready", 8)]


def test_a_job_of_a_deleted_session_cannot_be_completed(engine: Engine) -> None:
    do(engine, asking_commit())
    (held,) = claim(engine)
    do(engine, lambda tx: delete_session(tx, "omi:s1"))

    with pytest.raises(LeaseLostError):
        do(engine, lambda tx: jobs.complete_answer(tx, answer(held)))


def test_the_queue_is_counted(engine: Engine) -> None:
    assert engine.read(count_queue).oldest_ready_at is None
    enqueue(engine, job(1, lane="a"), job(2, lane="b", created_at=NOW - 9), job(3, lane="c", kind="memory"))
    claim(engine, limit=1)

    counts = engine.read(count_queue)

    assert counts.by_state == {state: {"ready": 2, "running": 1}.get(state, 0) for state in JobState}
    assert counts.ready_by_kind == {"answer": 1, "memory": 1}
    assert counts.oldest_ready_at == NOW - 9


def test_an_enqueued_job_leaves_with_a_turn_that_fails(engine: Engine) -> None:
    do(engine, first_commit())

    engine.commit_group([next_commit(epoch_before=7, jobs=(job(),))])

    assert claim(engine) == []
