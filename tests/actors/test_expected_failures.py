"""A failure of the store or of the kit is expected where an actor reads the store's answer: no crash, a next try."""

import asyncio
import random
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from omi_actors.actors.maintenance.node_lease import NodeLease, NodeReadings
from omi_actors.actors.metrics_collector import LatestReadings, MetricsCollector
from omi_actors.actors.queue.dispatcher import JobQueue
from omi_actors.actors.queue.messages import WorkersReady
from omi_actors.actors.queue.slots import WorkerSlots
from omi_actors.actors.session.router import LiveSessions
from omi_actors.clients.model import DemoModel
from omi_actors.clock import ManualClock
from omi_actors.domain.sessions.records import AnswerContext
from omi_actors.domain.work.retention import RetentionState
from omi_actors.errors import LeaseLostError, StoreUnavailableError
from omi_actors.jobs.attempt import attempt_job
from omi_actors.jobs.kinds import JobDeps, stored
from omi_actors.kit.testing import Driver
from omi_actors.store.jobs import release_job
from omi_actors.store.nodes import Heartbeat
from tests.actors.conftest import collaborator
from tests.actors.test_workers import JOB


@pytest.fixture
def start_queue(store):
    def start():
        workers = collaborator("workers")
        queue = Driver(
            JobQueue(store, workers.handle, [WorkerSlots(("answer",), 2)], lambda _: None, lease_s=30.0),
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


@pytest.fixture
def lease(store):
    return Driver(NodeLease(store, NodeReadings(), pytest.fail, pytest.fail, max_deliveries=3, max_losses=10))


def heartbeat(*, is_steady):
    return Heartbeat(is_ours=True, is_steady=is_steady, off_s=None, retention=RetentionState())


@pytest.mark.parametrize(("is_steady", "reaped"), [(True, [{"max_deliveries": 3, "max_losses": 10}] * 4), (False, [])])
def test_lost_jobs_are_taken_back_after_each_steady_heartbeat_only(lease, store, is_steady, reaped):
    store.replies["heartbeat_node"] = heartbeat(is_steady=is_steady)

    lease.advance(5.0)

    assert store.of("reap_jobs") == reaped


def test_jobs_that_cannot_be_reaped_are_named_in_the_log(lease, store, failure, caplog):
    store.replies |= {"heartbeat_node": heartbeat(is_steady=True), "reap_jobs": failure}

    lease.advance(5.0)

    assert "jobs_not_reaped" in caplog.text
    assert "callback failed" not in caplog.text


def test_node_that_cannot_renew_its_lease_tries_again_and_is_not_fenced(store, failure, caplog):
    fenced: list[None] = []
    store.replies["heartbeat_node"] = failure
    lease = Driver(NodeLease(store, NodeReadings(), lambda: fenced.append(None), bool, max_deliveries=3, max_losses=10))

    lease.advance(10.0)

    assert len(store.of("heartbeat_node")) == 7
    assert caplog.text.count("node_heartbeat_failed") == 7
    assert not fenced


def test_store_that_cannot_count_the_queue_is_known_as_failing(store, failure):
    readings = LatestReadings(started_mono_s=0.0)
    store.replies["count_queue"] = failure

    Driver(MetricsCollector(store, readings, LiveSessions(), "one")).advance(2.0)

    assert readings.store_failed_since_mono_s is not None


@pytest.fixture
def pauses():
    """Return the list of pauses between the tries to store an attempt's end."""
    return []


@pytest.fixture
def deps(store, pauses):
    """The parts of an attempt. After the third pause the store takes everything."""

    async def pause(seconds):
        pauses.append(seconds)
        if len(pauses) == 3:
            store.replies |= dict.fromkeys(("complete_answer", "retry_job", "bury_job"))

    return JobDeps(store=store, model=CountedModel(), clock=ManualClock(now_s=1.0), rng=random.Random(1), pause=pause)


class CountedModel(DemoModel):
    asked = 0

    async def answer(self, *args, **kwargs):
        self.asked += 1
        return await super().answer(*args, **kwargs)


def attempt(job, deps):
    return asyncio.create_task(attempt_job(job, deps))


ENDS = (
    ("complete_answer", JOB, AnswerContext(transcript=(), history=()), "done"),
    ("retry_job", JOB, StoreUnavailableError("not now"), "retried"),
    ("bury_job", replace(JOB, payload={}), None, "buried"),
)


@pytest.mark.parametrize("case", ENDS, ids=lambda case: case[0])
async def test_end_of_an_attempt_is_stored_when_the_store_is_back_without_asking_the_model_again(
    case, deps, store, failure, pauses
):
    end, job, context, outcome = case
    store.replies |= {"load_answer_context": context, end: failure}

    ended = await attempt(job, deps)

    assert ended.outcome == outcome
    assert len(store.of(end)) == 4
    assert pauses == [0.5] * 3
    assert deps.model.asked == (end == "complete_answer")


@pytest.mark.parametrize("case", ENDS, ids=lambda case: case[0])
async def test_end_of_an_attempt_that_lost_its_lease_is_not_stored_again(case, deps, store, pauses, caplog):
    end, job, context, outcome = case
    store.replies |= {"load_answer_context": context, end: LeaseLostError("taken back")}

    ended = await attempt(job, deps)

    assert (ended.outcome, ended.result) == ("lease_lost" if outcome == "done" else "failed", None)
    assert len(store.of(end)) == 1
    assert pauses == []
    assert ("job_lease_lost" if outcome == "done" else "job_outcome_not_stored") in caplog.text


async def test_failed_attempt_is_logged_with_its_reason(deps, store, failure):
    store.replies |= {"load_answer_context": failure, "retry_job": None}

    with capture_logs() as lines:
        await attempt(JOB, deps)

    assert [line["event"] for line in lines] == ["job_attempt_failed"]
    assert (lines[0]["reason"], lines[0]["exc_info"]) == ("as told", None)


async def test_attempt_that_is_cancelled_while_the_store_is_away_stores_no_more(deps, store, failure):
    store.replies |= {"load_answer_context": AnswerContext(transcript=(), history=()), "complete_answer": failure}
    is_away = asyncio.Event()

    async def pause(_seconds):
        is_away.set()
        await asyncio.Event().wait()

    task = attempt(JOB, replace(deps, pause=pause))
    await is_away.wait()
    task.cancel()

    assert (await task).outcome == "released"
    assert len(store.of("complete_answer")) == 1


async def test_attempt_whose_release_cannot_be_stored_has_failed(deps, store, failure, caplog):
    store.replies["release_job"] = failure
    task = attempt(JOB, deps)
    await asyncio.sleep(0)
    task.cancel()

    assert (await task).outcome == "failed"
    assert "job_outcome_not_stored" in caplog.text


async def test_unreadable_job_is_named_in_the_log(deps, store, caplog):
    store.replies["bury_job"] = None

    await attempt(replace(JOB, payload={}), deps)

    assert "job_unreadable" in caplog.text


async def test_cancelled_wait_for_an_outcome_that_fails_stays_a_cancellation(deps, store, failure):
    waiting = asyncio.create_task(stored(lambda: store.write(release_job, "j1", "t1"), deps))
    del store.replies["release_job"]
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.sleep(0)
    store.open.pop().try_fail(failure)

    with pytest.raises(asyncio.CancelledError):
        await waiting


def test_first_tick_copies_the_readings_and_counts_the_queue(store):
    readings = LatestReadings(started_mono_s=0.0)

    Driver(MetricsCollector(store, readings, LiveSessions(), "one")).advance(1.0)

    assert (len(readings.copies), len(store.of("count_queue"))) == (1, 1)
