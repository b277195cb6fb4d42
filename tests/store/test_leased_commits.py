"""A job that is born leased: with its turn's commit, if it is new and its lane is free; else it is an ordinary one."""

from functools import partial

import pytest
from msgspec.structs import replace

from omi_actors.clock import ManualClock
from omi_actors.domain.sessions.records import SessionCommit
from omi_actors.domain.work.jobs import ClaimedJob
from omi_actors.errors import FencedError
from omi_actors.store import jobs
from omi_actors.store.dead_jobs import reap_jobs
from omi_actors.store.engine import Engine
from tests.store.builders import NOW, answer, asking_commit, claim, count, do, first_commit, job, next_commit, rows

TOKEN = "t"  # noqa: S105 (a lease's)


def commit_leased(engine: Engine, commit: SessionCommit) -> ClaimedJob | None:
    leased: ClaimedJob | None = do(engine, partial(jobs.commit_leased, commit=commit, token=TOKEN, lease_s=30.0))
    return leased


def test_job_born_leased_is_whole_and_nobody_else_gets_it(engine: Engine) -> None:
    leased = commit_leased(engine, asking_commit())

    assert leased is not None
    assert (leased.job_id, leased.token, leased.attempt, leased.lease_until) == ("s1-j1", TOKEN, 1, NOW + 30)
    assert dict(leased.payload) == job().payload
    assert claim(engine) == []
    assert rows(engine, "SELECT state, node, incarnation, deliveries FROM job") == [("running", "node-a", 1, 1)]


def test_job_born_leased_is_finished_by_its_token(engine: Engine) -> None:
    leased = commit_leased(engine, asking_commit())
    assert leased is not None

    do(engine, partial(jobs.complete_answer, done=answer(leased)))

    assert rows(engine, "SELECT state FROM job") == [("done",)]


def test_question_that_is_known_already_leases_nothing(engine: Engine) -> None:
    do(engine, asking_commit())
    again = replace(next_commit(), jobs=(job(2, idempotency_key=job(1).idempotency_key),))

    assert commit_leased(engine, again) is None

    assert rows(engine, "SELECT job_id, state FROM job") == [("s1-j1", "ready")]


@pytest.mark.parametrize("is_running", [True, False])
def test_job_of_a_busy_lane_waits_its_turn(engine: Engine, *, is_running: bool) -> None:
    do(engine, asking_commit())
    if is_running:
        claim(engine)

    assert commit_leased(engine, next_commit(jobs=(job(2),))) is None

    assert rows(engine, "SELECT state FROM job WHERE job_id = 's1-j2'") == [("ready",)]


def test_of_several_questions_only_the_first_is_leased(engine: Engine) -> None:
    leased = commit_leased(engine, first_commit(jobs=(job(1), job(2))))

    assert leased is not None
    assert leased.job_id == "s1-j1"
    assert rows(engine, "SELECT state FROM job ORDER BY seq") == [("running",), ("ready",)]


def test_fenced_commit_leaves_no_job(engine: Engine) -> None:
    do(engine, first_commit())
    stale = next_commit(epoch_before=7, jobs=(job(2),))

    (outcome,) = engine.commit_group([partial(jobs.commit_leased, commit=stale, token=TOKEN, lease_s=30.0)])

    assert isinstance(outcome.error, FencedError)
    assert count(engine, "job") == 0


def test_job_born_leased_goes_back_when_its_lease_runs_out(engine: Engine, clock: ManualClock) -> None:
    commit_leased(engine, asking_commit())
    clock.advance(31)

    assert do(engine, partial(reap_jobs, max_deliveries=3, max_losses=10)) == 1

    assert [again.job_id for again in claim(engine)] == ["s1-j1"]


def test_job_of_a_commit_given_up_on_is_handed_back_uncounted(engine: Engine) -> None:
    commit_leased(engine, asking_commit())

    do(engine, lambda tx: jobs.release_job(tx, "s1-j1", TOKEN))

    assert rows(engine, "SELECT state, deliveries, attempts FROM job") == [("ready", 0, 0)]
