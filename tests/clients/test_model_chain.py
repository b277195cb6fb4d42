"""Models asked in their order, within one deadline; a question is answered once, by one of them."""

import pytest

from omi_actors.clients.completion_request import RequestOptions
from omi_actors.clients.model import ModelAnswer
from omi_actors.clients.model_chain import GuardedModel, ModelChain
from omi_actors.clients.openai_model import OpenAIModel
from omi_actors.clock import ManualClock, SystemClock
from omi_actors.domain.answers.breaker import BreakerRules, BreakerState
from omi_actors.domain.answers.prompt import build_prompt
from omi_actors.errors import (
    CircuitOpenError,
    UpstreamBusyError,
    UpstreamRejectedError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from omi_actors.instruments import metrics
from tests.fakes.openai_server import Mode, listening_fake

PROMPT = build_prompt("how far is the moon?", [], [])
RULES = BreakerRules(failures=1, pause_s=5.0)
DOWN = UpstreamUnavailableError("down")


class Scripted:
    """Answers, or fails as told; takes `takes_s` of the clock, but no longer than it may."""

    provider = "openai"

    def __init__(self, name, clock):
        self.name, self._clock = name, clock
        self.script, self.deadlines, self.spoken_to, self.takes_s = [], [], [], 0.0

    async def load(self):
        pass

    async def answer(self, prompt, *, deadline_s, on_text=None):
        self.deadlines.append(deadline_s)
        self.spoken_to.append(on_text)
        if on_text is not None:
            on_text(f"{self.name} begins")
        self._clock.advance(min(self.takes_s, deadline_s))
        if self.takes_s > deadline_s:
            raise UpstreamTimeoutError("late")
        if self.script:
            raise self.script.pop(0)
        return ModelAnswer("384,400 km.", self.name)

    async def close(self):
        pass


class Stage:
    def __init__(self, *names):
        self.clock = ManualClock()
        self.models = [Scripted(name, self.clock) for name in names]
        self.chain = ModelChain([GuardedModel(model, RULES, self.clock) for model in self.models], self.clock)

    async def ask(self, **more):
        return (await self.chain.answer(PROMPT, deadline_s=20.0, **more)).model


@pytest.fixture
def stage():
    return Stage("first", "second", "third")


@pytest.mark.parametrize(
    "error", [DOWN, UpstreamBusyError("429", retry_after_s=60.0), UpstreamRejectedError("no", code="model_not_found")]
)
async def test_next_model_answers_and_is_named(stage, error):
    stage.models[0].script.append(error)

    assert await stage.ask() == "second"


async def test_refused_question_is_carried_to_no_other_model(stage):
    stage.models[0].script.append(UpstreamRejectedError("no", code="content_refused"))

    with pytest.raises(UpstreamRejectedError):
        await stage.ask()

    assert stage.models[1].deadlines == []


async def test_models_share_one_deadline(stage):
    for model in stage.models[:2]:
        model.takes_s = 99.0

    assert await stage.ask() == "third"

    assert [model.deadlines for model in stage.models] == [[10.0], [5.0], [5.0]]


async def test_time_that_a_quick_failure_leaves_is_the_next_models(stage):
    stage.models[0].script.append(DOWN)
    stage.models[1].script.append(DOWN)

    await stage.ask()

    assert stage.models[2].deadlines == [20.0]


async def test_model_that_is_set_aside_is_passed_over_and_takes_no_share(stage):
    stage.models[1].script.append(DOWN)
    stage.models[0].script.append(DOWN)
    await stage.ask()

    assert await stage.ask() == "third"

    assert [len(model.deadlines) for model in stage.models] == [1, 1, 2]
    stage.clock.advance(5.0)
    assert await stage.ask() == "first"
    assert [model.state for model in stage.chain.models] == [
        BreakerState.CLOSED,
        BreakerState.OPEN,
        BreakerState.CLOSED,
    ]


async def test_first_model_has_the_whole_deadline_while_no_other_may_be_asked():
    stage = Stage("first", "second")
    stage.models[0].script.append(UpstreamBusyError("429"))
    stage.models[1].script.append(DOWN)
    with pytest.raises(UpstreamUnavailableError):
        await stage.ask()

    assert await stage.ask() == "first"

    assert stage.models[0].deadlines == [10.0, 20.0]


async def test_model_that_comes_back_when_the_time_is_over_is_not_asked_and_not_blamed():
    stage = Stage("first", "second")
    stage.models[0].script.append(UpstreamBusyError("429"))
    stage.models[1].script.append(DOWN)
    with pytest.raises(UpstreamUnavailableError):
        await stage.ask()
    stage.models[0].takes_s = 99.0

    with pytest.raises(UpstreamTimeoutError):
        await stage.ask()

    assert [len(model.deadlines) for model in stage.models] == [2, 1]


async def test_question_that_no_model_may_be_asked_waits_for_the_first_that_may(stage):
    for model in stage.models:
        model.script.append(DOWN)
    with pytest.raises(UpstreamUnavailableError):
        await stage.ask()
    stage.clock.advance(2.0)

    with pytest.raises(CircuitOpenError) as caught:
        await stage.ask()

    assert caught.value.retry_after_s == 3.0


async def test_what_a_model_says_after_its_time_is_not_heard_and_what_it_said_before_is_void(stage):
    heard: list[str] = []
    stage.models[0].script.append(DOWN)

    await stage.ask(on_text=heard.append)
    stage.models[0].spoken_to[0]("too late")

    assert heard == ["first begins", "", "second begins"]


async def test_fallbacks_are_counted_by_model_and_cause(stage):
    counter = metrics.MODEL_FALLBACKS.labels("first", "unavailable")
    before = counter._value.get()
    stage.models[0].script.append(DOWN)

    await stage.ask()

    assert counter._value.get() == before + 1


# --- against a real server


@pytest.fixture
async def fake():
    async with listening_fake() as fake:
        yield fake


@pytest.fixture
async def served(fake):
    """Two real models of one server."""
    models = [
        OpenAIModel(api_key="sk-x", base_url=fake.url, name=name, concurrency=4, options=RequestOptions())
        for name in ("one", "two")
    ]
    chain = ModelChain([GuardedModel(model, BreakerRules(), SystemClock()) for model in models], SystemClock())
    await chain.load()
    yield chain
    await chain.close()


@pytest.mark.parametrize("mode", [Mode.HANG, Mode.DRIP, Mode.TRICKLE])
async def test_model_that_hangs_is_cancelled_at_its_share_and_the_other_one_answers(fake, served, mode):
    fake.modes["one"], fake.delay_s = mode, 0.05
    heard: list[str] = []

    answer = await served.answer(PROMPT, deadline_s=1.0, on_text=heard.append)
    before = list(heard)
    await fake.left.wait()

    assert (answer.model, answer.text) == ("two", "You asked: how far is the moon?")
    assert [call["model"] for call in fake.calls] == ["one", "two"]
    voided = "".join(heard[heard.index("") :] if "" in heard else heard)
    assert voided == answer.text
    assert heard == before


async def test_unknown_model_is_passed_over(fake, served):
    fake.modes["one"] = Mode.NO_MODEL

    assert (await served.answer(PROMPT, deadline_s=5.0)).model == "two"
