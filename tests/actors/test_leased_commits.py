"""The job of a question is committed leased when a worker slot is free, and its slot is never lost."""

from dataclasses import replace

import pytest

from omi_actors.actors.queue.dispatcher import JobQueue
from omi_actors.actors.queue.messages import Drain, JobFinished, JobsEnqueued, RunJob, WorkersReady
from omi_actors.actors.queue.slots import WorkerSlots
from omi_actors.actors.session.commits import SessionDeps, commit_jobs
from omi_actors.errors import FencedError, StoreUnavailableError
from omi_actors.kit.errors import AskTimeoutError
from omi_actors.kit.testing import Driver
from tests.actors.conftest import collaborator
from tests.actors.test_job_queue import job
from tests.store.builders import asking_commit


class House:
    """A queue with its worker slots, and a session that asks."""

    def __init__(self, store, slots=1):
        self.store = store
        self.workers = collaborator("workers")
        self.slots = WorkerSlots(("answer",), slots)
        actor = JobQueue(store, self.workers.handle, [self.slots], lambda kind: None, lease_s=30.0)
        self.queue = Driver(actor, name="job_queue", runtime=self.workers.runtime)
        self.deps = SessionDeps(store, self.queue.handle, 12.0, 4, answer_slots=self.slots, job_lease_s=30.0)
        self.queue.tell(WorkersReady())

    def commit(self):
        """Commit a question; return the open reply of the store."""
        commit_jobs(asking_commit(), self.deps)
        return self.store.open.pop() if self.store.open else None

    @property
    def ran(self):
        return self.workers.actor.messages

    @property
    def is_slot_free(self):
        token = self.slots.reserve()
        if token is not None:
            self.slots.free(token)
        return token is not None


@pytest.fixture
def house(store):
    return House(store)


def test_job_committed_leased_goes_to_the_workers_without_a_claim(house):
    claims = len(house.store.of("claim_jobs"))

    house.queue.settle(house.commit(), job(1))

    assert house.ran == [RunJob(job(1))]
    assert len(house.store.of("claim_jobs")) == claims


def test_slot_is_held_from_the_reservation_to_the_end_of_the_attempt(house):
    leased = house.commit()
    (token,) = house.slots._held
    free = [house.is_slot_free]
    house.queue.settle(leased, replace(job(1), token=token))
    free.append(house.is_slot_free)

    house.queue.tell(JobFinished(token, "answer"))

    assert free == [False, False]
    assert house.is_slot_free


@pytest.mark.parametrize(
    "error", [FencedError("as told"), StoreUnavailableError("as told"), AskTimeoutError("as told")]
)
def test_failed_commit_frees_its_slot(house, error):
    house.queue.fail(house.commit(), error)

    assert house.ran == []
    assert house.is_slot_free


def test_job_that_could_not_be_leased_is_left_to_a_claim(house):
    claims = len(house.store.of("claim_jobs"))

    house.queue.settle(house.commit(), None)

    assert house.is_slot_free
    assert len(house.store.of("claim_jobs")) == claims + 1


@pytest.mark.parametrize(("error", "releases"), [(AskTimeoutError("as told"), 1), (FencedError("as told"), 0)])
def test_job_that_may_be_stored_all_the_same_is_released(house, error, releases):
    house.queue.fail(house.commit(), error)

    assert len(house.store.of("release_job")) == releases


def test_without_a_free_slot_the_job_is_only_enqueued(house):
    first = house.commit()

    second = house.commit()

    assert second is None  # committed at once, without a lease
    assert [name for name, _ in house.store.calls[-2:]] == ["commit_leased", "commit"]
    house.queue.settle(first, job(1))


def test_nothing_overtakes_jobs_that_wait_in_the_table(house):
    del house.store.replies["claim_jobs"]
    house.queue.tell(JobsEnqueued("answer"))
    during_the_claim = house.is_slot_free
    house.queue.settle(house.store.open.pop(0), [job(1)])  # all that it asked for: there may be more
    house.queue.tell(JobFinished("t1", "answer"))

    assert (during_the_claim, house.is_slot_free) == (False, False)


def test_draining_queue_refuses_reservations(house):
    house.queue.tell(Drain(1.0))

    assert not house.is_slot_free


def test_new_queue_is_closed_until_its_workers_are_ready_and_runs_what_was_reserved_before(store):
    house = House(store, slots=2)
    leased = house.commit()
    house.slots.reset()
    closed = house.is_slot_free

    house.queue.settle(leased, job(1))
    house.queue.tell(WorkersReady())

    assert not closed
    assert house.ran == [RunJob(job(1))]
    assert house.is_slot_free  # the other one
    assert house.slots.reserve() is not None
    assert house.slots.reserve() is None
