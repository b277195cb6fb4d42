"""The answer job stores the intent to send in the asking webhook's reply while that is open."""

import asyncio
import random
from dataclasses import replace
from typing import Any

import pytest

from omi_actors.clients.model import DemoModel
from omi_actors.clock import ManualClock
from omi_actors.domain.answers.limits import AnswerRules
from omi_actors.domain.sessions.records import AnswerContext
from omi_actors.domain.work.jobs import ClaimedJob
from omi_actors.jobs.answer import AnswerJob
from omi_actors.jobs.kinds import JobDeps
from omi_actors.kit.errors import AskTimeoutError
from omi_actors.kit.future import Future
from omi_actors.store.jobs import complete_answer
from tests.actors.conftest import FakeStore


async def run(reply_in_s, *, age_s=0.0, store=None, is_awaited=True):
    """Answer a question whose reply stays open for so long; return the delivery that was stored."""
    clock, store = ManualClock(), store or FakeStore()
    store.replies |= {"load_answer_context": AnswerContext(transcript=(), history=()), "complete_answer": None}
    asked = {"session_id": "s", "session_key": "omi:s", "conversation_id": "c", "question": "How far is the moon?"}
    job = ClaimedJob(
        job_id="j",
        kind="answer",
        lane="s",
        payload=asked | ({} if reply_in_s is None else {"reply_until": clock.now_s() + reply_in_s}),
        token="t",  # noqa: S106 (a lease's)
        attempt=1,
        max_attempts=4,
        lease_until=0.0,
        created_at=clock.now_s() - age_s,
        run_at=clock.now_s() - age_s,
        request_id="",
    )
    deps = JobDeps(store, DemoModel(), clock, random.Random(1), AnswerRules(), is_awaited=lambda _: is_awaited)
    deps = replace(deps, pause=lambda _: asyncio.sleep(0))
    await AnswerJob().run(job, deps)
    done = store.of("complete_answer")[-1]
    return done.delivery.state, done.delivery.channel


class HesitantStore(FakeStore):
    """Stores an answer, and confirms it only the second time."""

    def write(self, work, done):
        assert work is complete_answer
        self.calls.append(("complete_answer", done))
        future: Future[Any] = Future()
        if len(self.of("complete_answer")) == 1:
            future.try_fail(AskTimeoutError("the store did not reply in time"))
        else:
            future.try_set(None)
        return future


async def test_answer_that_may_be_stored_is_stored_again_by_the_same_lease():
    store = HesitantStore()
    await run(12.0, store=store)

    first, second = store.of("complete_answer")
    assert first is second


async def test_answer_in_time_is_stored_with_the_intent_to_send_it_in_its_reply():
    assert await run(12.0) == ("sending", "inline")


@pytest.mark.parametrize("reply_in_s", [None, -1.0, 0.4])
async def test_answer_without_time_for_its_reply_is_stored_as_pending(reply_in_s):
    assert await run(reply_in_s) == ("pending", "")


async def test_answer_that_has_expired_uses_no_reply():
    assert await run(12.0, age_s=600.0) == ("pending", "")


async def test_answer_uses_no_reply_of_another_node():
    assert await run(12.0, is_awaited=False) == ("pending", "")
