"""The job queue claims jobs from the table and dispatches them."""

import pytest

from omi_actors.actors.queue.dispatcher import JobQueue
from omi_actors.actors.queue.messages import Drain, JobFinished, JobsEnqueued, RunJob, WorkElsewhere, WorkersReady
from omi_actors.actors.queue.slots import WorkerSlots
from omi_actors.domain.work.jobs import ClaimedJob
from omi_actors.kit.testing import Driver
from tests.actors.conftest import collaborator


def job(number):
    return ClaimedJob(
        job_id=f"j{number}",
        kind="answer",
        lane="s",
        payload={},
        token=f"t{number}",
        attempt=1,
        max_attempts=4,
        lease_until=0.0,
        created_at=0.0,
        run_at=0.0,
        request_id="",
    )


@pytest.fixture
def workers():
    return collaborator("workers")


@pytest.fixture
def woken():
    """The kinds that other nodes got hints of."""
    return []


@pytest.fixture
def queue(store, workers, woken):
    del store.replies["claim_jobs"]
    queue = JobQueue(store, workers.handle, [WorkerSlots(("answer",), 2)], woken.append, lease_s=30.0)
    driver = Driver(queue, runtime=workers.runtime)
    driver.tell(WorkersReady())
    return driver


def claimed(queue, store, *jobs):
    queue.settle(store.open.pop(0), list(jobs))


def test_queue_claims_as_soon_as_the_workers_are_ready(queue, store):
    assert [call["limit"] for call in store.of("claim_jobs")] == [2]


def test_claimed_jobs_go_to_the_workers_and_fill_the_slots(queue, store, workers):
    claimed(queue, store, job(1), job(2))
    queue.tell(JobsEnqueued("answer"))

    assert workers.actor.messages == [RunJob(job(1)), RunJob(job(2))]
    assert len(store.of("claim_jobs")) == 1


def test_jobs_that_finish_together_free_their_slots_for_one_claim(queue, store):
    claimed(queue, store, job(1), job(2))

    queue.tell(JobFinished("t1", "answer"))
    queue.tell(JobFinished("t2", "answer"))
    queue.advance(0.01)

    assert [call["limit"] for call in store.of("claim_jobs")] == [2, 2]


def test_hint_during_a_claim_is_not_lost(queue, store):
    queue.tell(JobsEnqueued("answer"))
    claimed(queue, store)

    assert len(store.of("claim_jobs")) == 2


def test_failed_claim_is_made_again_at_the_next_tick(queue, store, failure):
    queue.fail(store.open.pop(0), failure)
    assert len(store.of("claim_jobs")) == 1

    queue.advance(1.0)

    assert len(store.of("claim_jobs")) == 2


def test_draining_queue_claims_no_more(queue, store):
    claimed(queue, store)

    queue.tell(Drain(1.0))
    queue.tell(JobsEnqueued("answer"))
    queue.advance(10.0)

    assert len(store.of("claim_jobs")) == 1


def test_attempt_of_an_earlier_incarnation_frees_no_slot(queue, store):
    claimed(queue, store, job(1), job(2))

    queue.tell(JobFinished("t-of-before", "answer"))

    assert [call["limit"] for call in store.of("claim_jobs")] == [2]


def test_claim_is_heard_of_behind_a_full_mailbox(queue, store, workers):
    for _ in range(queue.handle.spec.mailbox_capacity):
        queue.handle.tell(JobsEnqueued("answer"))

    claimed(queue, store, job(1))

    assert workers.actor.messages == [RunJob(job(1))]


def test_full_pool_delays_no_other(store, workers):
    del store.replies["claim_jobs"]
    pools = [WorkerSlots(("answer",), 1), WorkerSlots(("notify", "tidy"), 3)]
    job_queue = JobQueue(store, workers.handle, pools, lambda kind: None, lease_s=30.0)
    queue = Driver(job_queue, runtime=workers.runtime)
    queue.tell(WorkersReady())
    answers, _ = store.open
    queue.settle(answers, [job(1)])
    store.calls.clear()

    queue.settle(store.open[1], [])
    queue.tell(JobsEnqueued("answer"))
    queue.tell(JobsEnqueued("tidy"))

    assert [(call["kinds"], call["limit"]) for call in store.of("claim_jobs")] == [(("notify", "tidy"), 3)]


def test_other_nodes_get_a_hint_at_jobs_that_cannot_begin_here(queue, store, woken):
    queue.tell(JobsEnqueued("answer"))
    assert woken == []

    claimed(queue, store, job(1), job(2))
    queue.tell(JobsEnqueued("answer"))
    assert woken == ["answer"]


def test_other_nodes_get_a_hint_when_this_one_drains(queue, store, woken):
    queue.tell(Drain(1.0))
    queue.tell(JobsEnqueued("answer"))

    assert woken == ["answer", "answer"]


def test_hint_of_another_node_is_followed_and_not_passed_on(queue, store, woken):
    claimed(queue, store)
    store.calls.clear()

    queue.tell(WorkElsewhere("answer"))
    assert len(store.of("claim_jobs")) == 1

    claimed(queue, store, job(1), job(2))
    queue.tell(WorkElsewhere("answer"))
    queue.tell(WorkElsewhere("a kind of a newer version"))
    assert woken == []


def test_new_pool_is_as_one_that_was_reset():
    pool = WorkerSlots(("answer",), 2)
    pool.reset()

    assert pool == WorkerSlots(("answer",), 2)
