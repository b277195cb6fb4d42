"""Workers report every end of an attempt; otherwise its slot would be held for ever."""

import asyncio
import random
from dataclasses import replace
from types import SimpleNamespace

import pytest

from omi_actors.actors.queue.messages import AnswerReady, CancelAttempts, CancelJob, JobFinished, LeasesRenewed, RunJob
from omi_actors.actors.queue.workers import Workers
from omi_actors.clients.model import DemoModel, ModelAnswer
from omi_actors.clock import ManualClock
from omi_actors.domain.sessions.records import AnswerContext
from omi_actors.domain.work.jobs import ClaimedJob
from omi_actors.jobs.kinds import JobDeps
from omi_actors.kit.testing import Driver
from tests.actors.conftest import collaborator

JOB = ClaimedJob(
    job_id="j1",
    kind="answer",
    lane="s",
    payload={"session_id": "s", "session_key": "omi:u", "conversation_id": "c", "question": "how far is the moon?"},
    token="t1",  # noqa: S106 (a lease's)
    attempt=1,
    max_attempts=4,
    lease_until=30.0,
    created_at=0.0,
    run_at=0.0,
    request_id="",
)


async def load_nothing():
    pass


@pytest.fixture
def queue():
    return collaborator("queue")


async def say_something(_prompt, **_how):
    return ModelAnswer("Far.", "a model")


@pytest.fixture
def hinted():
    """The jobs at whose answers other nodes got hints."""
    return []


@pytest.fixture
def sessions():
    return collaborator("sessions")


@pytest.fixture
async def workers(store, queue, sessions, hinted):
    """Workers whose attempts wait for the store: `load_answer_context` stays open."""
    model = SimpleNamespace(load=load_nothing, answer=say_something)
    deps = JobDeps(store=store, model=model, clock=ManualClock(), rng=random.Random(1))
    actor = Workers(deps, queue.handle, sessions.handle, lease_s=30.0, hint_answered=hinted.append)
    driver = Driver(actor, runtime=queue.runtime)
    driver.start()
    yield driver
    driver.stop()


async def run(workers):
    """Let tasks and messages take their turns."""
    for _ in range(10):
        await asyncio.sleep(0)
        workers.runtime.run()


@pytest.mark.parametrize("message", [CancelJob("j1"), CancelAttempts(), LeasesRenewed(frozenset({"t1"}), frozenset())])
async def test_attempt_that_is_cancelled_before_its_first_step_releases_its_job_and_frees_its_slot(
    message, workers, queue, store
):
    workers.handle.tell(RunJob(JOB))
    workers.handle.tell(message)
    await run(workers)

    assert store.of("release_job") == ["j1"]
    assert queue.actor.messages[-1] == JobFinished("t1", "answer")


async def test_attempt_that_is_cancelled_again_while_it_releases_its_job_goes_on_with_that(workers, queue, store):
    del store.replies["release_job"]
    workers.tell(RunJob(JOB))
    await run(workers)
    workers.tell(CancelJob("j1"))
    await run(workers)
    workers.tell(LeasesRenewed(asked=frozenset({"t1"}), held=frozenset()))
    await run(workers)
    store.open.pop().try_set(None)
    await run(workers)

    assert queue.actor.messages[-1] == JobFinished("t1", "answer")


@pytest.mark.parametrize("is_stored_first", [True, False])
async def test_answer_that_is_stored_reaches_its_session_although_a_heartbeat_behind_it_finds_no_lease(
    is_stored_first, workers, sessions, store
):
    store.replies["load_answer_context"] = AnswerContext(transcript=(), history=())
    workers.tell(RunJob(replace(JOB, payload={**JOB.payload, "conversation_id": "c"})))
    await run(workers)
    (storing,) = store.open
    workers.tell(LeasesRenewed(asked=frozenset({"t1"}), held=frozenset()))
    if not is_stored_first:
        await run(workers)
    storing.try_set(None)
    await run(workers)
    sessions.runtime.run()

    assert [type(message) for message in sessions.actor.messages] == [AnswerReady]
    assert store.of("release_job") == []


async def test_attempt_that_is_cancelled_while_its_answer_cannot_be_stored_releases_its_job(
    workers, sessions, store, failure
):
    store.replies["load_answer_context"] = AnswerContext(transcript=(), history=())
    workers.tell(RunJob(replace(JOB, payload={**JOB.payload, "conversation_id": "c"})))
    await run(workers)
    workers.tell(CancelJob("j1"))
    await run(workers)
    store.open.pop().try_fail(failure)
    await run(workers)
    sessions.runtime.run()

    assert store.of("release_job") == ["j1"]
    assert sessions.actor.messages == []


async def test_attempt_that_crashes_is_logged_and_frees_its_slot(workers, queue, caplog):
    unknown = replace(JOB, kind="of a later version")
    workers.tell(RunJob(unknown))
    await run(workers)

    assert queue.actor.messages[-1] == JobFinished("t1", "of a later version")
    assert "attempt_crashed" in caplog.text


@pytest.mark.parametrize(("is_awaited", "hints"), [(True, []), (False, ["j1"])])
async def test_other_nodes_get_a_hint_at_an_answer_that_no_reply_waits_for_here(
    store, queue, hinted, is_awaited, hints
):
    clock = ManualClock()
    deps = JobDeps(store, DemoModel(), clock, random.Random(1), is_awaited=lambda _: is_awaited)
    store.replies |= {"load_answer_context": AnswerContext(transcript=(), history=()), "complete_answer": None}
    sessions = collaborator("sessions")
    actor = Workers(deps, queue.handle, sessions.handle, lease_s=30.0, hint_answered=hinted.append)
    driver = Driver(actor, runtime=queue.runtime).start()

    driver.tell(RunJob(replace(JOB, created_at=clock.now_s())))
    await run(driver)
    sessions.runtime.run()
    driver.stop()

    assert [message.job_id for message in sessions.actor.messages] == ["j1"]
    assert hinted == hints


async def test_leases_that_cannot_be_renewed_leave_the_attempts_alone(workers, store, failure, caplog):
    store.replies["heartbeat_jobs"] = failure
    workers.tell(RunJob(JOB))
    await run(workers)

    workers.advance(15.0)
    await run(workers)

    assert caplog.text.count("leases_not_renewed") == 1
    assert store.of("release_job") == []


async def test_leases_are_renewed_soon_after_the_store_is_back_then_at_their_pace(workers, store, failure):
    store.replies["heartbeat_jobs"] = failure
    workers.tell(RunJob(JOB))
    await run(workers)
    workers.advance(12.0)
    store.replies["heartbeat_jobs"] = frozenset({"t1"})
    tries = len(store.of("heartbeat_jobs"))

    workers.advance(1.0)
    workers.advance(9.0)
    assert len(store.of("heartbeat_jobs")) == tries + 1

    workers.advance(1.0)
    assert len(store.of("heartbeat_jobs")) == tries + 2
