"""A failure of the store or of the kit is expected where an actor reads the store's answer: no crash, a next try."""

import asyncio
import random
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from omi_actors.actors.maintenance.node_lease import NodeLease, NodeReadings
from omi_actors.actors.metrics_collector import LatestReadings, MetricsCollector
from omi_actors.actors.queue.dispatcher import JobQueue, QueueLimits
from omi_actors.actors.queue.messages import WorkersReady
from omi_actors.actors.queue.slots import WorkerSlots
from omi_actors.actors.session.router import LiveSessions
from omi_actors.clients.model import DemoModel
from omi_actors.clock import ManualClock
from omi_actors.jobs.attempt import attempt_job
from omi_actors.jobs.kinds import JobDeps, stored
from omi_actors.kit.future import Future
from omi_actors.kit.testing import Driver
from tests.actors.conftest import collaborator
from tests.actors.test_workers import JOB


@pytest.fixture
def start_queue(store):
    def start():
        workers = collaborator("workers")
        limits = QueueLimits(lease_s=30.0, max_deliveries=3)
        queue = Driver(
            JobQueue(store, workers.handle, [WorkerSlots(("answer",), 2)], limits, lambda _: None),
            runtime=workers.runtime,
        )
        queue.tell(WorkersReady())
        return queue

    return start


def test_unknown_jobs_that_cannot_be_buried_are_named_in_the_log(start_queue, store, failure, caplog):
    store.replies["bury_unknown_kinds"] = failure

    start_queue()

    assert "unknown_jobs_not_buried" in caplog.text
    assert type(failure).__name__ in caplog.text


def test_jobs_that_cannot_be_reaped_are_named_in_the_log(start_queue, store, failure, caplog):
    store.replies["reap_jobs"] = failure
    queue = start_queue()

    queue.advance(60.0)

    assert "jobs_not_reaped" in caplog.text
    assert "callback failed" not in caplog.text


def test_node_that_cannot_renew_its_lease_tries_again_and_is_not_fenced(store, failure, caplog):
    fenced: list[None] = []
    store.replies["heartbeat_node"] = failure
    lease = Driver(NodeLease(store, NodeReadings(), lambda: fenced.append(None), bool))

    lease.advance(10.0)

    assert len(store.of("heartbeat_node")) == 3
    assert caplog.text.count("node_heartbeat_failed") == 3
    assert not fenced


def test_store_that_cannot_count_the_queue_is_known_as_failing(store, failure):
    readings = LatestReadings(started_mono_s=0.0)
    store.replies["count_queue"] = failure

    Driver(MetricsCollector(store, readings, LiveSessions())).advance(2.0)

    assert readings.store_failed_since_mono_s is not None


@pytest.fixture
def attempt(store):
    deps = JobDeps(store=store, model=DemoModel(), clock=ManualClock(now_s=1.0), rng=random.Random(1))
    return lambda job: asyncio.create_task(attempt_job(job, deps))


async def test_attempt_whose_retry_cannot_be_stored_has_failed(attempt, store, failure):
    store.replies["load_answer_context"] = failure
    store.replies["retry_job"] = failure

    with capture_logs() as lines:
        ended = await attempt(JOB)

    assert ended.outcome == "failed"
    assert [line["event"] for line in lines] == ["job_attempt_failed", "job_outcome_not_stored"]
    assert (lines[0]["reason"], lines[0]["exc_info"]) == ("as told", None)


async def test_attempt_whose_release_cannot_be_stored_has_failed(attempt, store, failure, caplog):
    store.replies["release_job"] = failure
    task = attempt(JOB)
    await asyncio.sleep(0)
    task.cancel()

    assert (await task).outcome == "failed"
    assert "job_outcome_not_stored" in caplog.text


async def test_attempt_at_an_unreadable_job_that_cannot_be_buried_has_failed(attempt, store, failure, caplog):
    store.replies["bury_job"] = failure

    ended = await attempt(replace(JOB, payload={}))

    assert ended.outcome == "failed"
    assert "job_unreadable" in caplog.text


async def test_cancelled_wait_for_an_outcome_that_fails_stays_a_cancellation(failure):
    outcome: Future[None] = Future()
    waiting = asyncio.create_task(stored(outcome))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.sleep(0)
    outcome.try_fail(failure)

    with pytest.raises(asyncio.CancelledError):
        await waiting
