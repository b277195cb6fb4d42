"""A model behind an odd server: what is good of its answer is told, or an honest sentence; nothing is asked in vain."""

import random

import pytest
import pytest_asyncio

from omi_actors.clients import openai_model
from omi_actors.domain.answers.failures import explain_failure
from omi_actors.domain.answers.prompt import build_prompt
from omi_actors.domain.work.retry import Retry, decide_retry
from omi_actors.errors import UpstreamError
from tests.clients.test_openai_model import build
from tests.fakes.odd_answers import ODD, build_question, serve_odd

pytestmark = pytest.mark.asyncio(loop_scope="module")

ATTEMPTS = 3


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server():
    async with serve_odd() as server:
        yield server


@pytest.fixture(scope="module", autouse=True)
def moment():
    """Wait less after a finish reason: what follows it here comes at once, or never."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(openai_model, "_AFTER_ANSWER_S", 0.1)
        yield


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(server):
    """One client for all models: to build it takes longer than an answer."""
    model = build(server.url)
    yield await model.load()
    await model.close()


async def ask(model, question):
    """Return what is told, and the pieces before it or None, in as many attempts as the queue makes."""
    for attempt in range(1, ATTEMPTS + 1):
        shown = [""]
        try:
            answer = await model.answer(build_prompt(question, [], []), deadline_s=5.0, on_text=shown.append)
        except UpstreamError as error:
            rng = random.Random(1)
            decision = decide_retry(error, attempt=attempt, max_attempts=ATTEMPTS, rng=rng, wait_s=60.0)
            if not isinstance(decision, Retry):
                return explain_failure(error), None
        else:
            return answer.text, shown
    raise AssertionError("unreachable")


@pytest.mark.parametrize("name", ODD)
async def test_odd_answer_is_told_as_far_as_it_is_good_and_asked_for_as_often_as_helps(server, client, name):
    model, odd = build(server.url), ODD[name]
    model._client = client

    told, shown = await ask(model, build_question(name))

    assert odd.told == told if shown else odd.told in told
    assert server.asks[name] == odd.asks
    if shown is not None:
        last_void = len(shown) - shown[::-1].index("")
        assert "".join(shown[last_void:]).strip() == told
        assert "Hm, " not in "".join(shown) or name == "speech: unopened"


async def test_model_that_reasoned_without_an_opening_tag_is_held_back_from_then_on(server, client):
    model = build(server.url)
    model._client = client

    (first, shown), (second, shown_later) = [await ask(model, build_question("speech: unopened")) for _ in range(2)]

    assert first == second
    assert "Hm, " in "".join(shown)
    assert "".join(shown_later).strip() == second
