"""Models behind circuit breakers, asked in their order within one deadline; one of them answers a question once."""

import asyncio

import pytest
from structlog.testing import capture_logs

from omi_actors.clients.completion_request import RequestOptions
from omi_actors.clients.model import ModelAnswer
from omi_actors.clients.model_chain import GuardedModel, ModelChain
from omi_actors.clients.openai_model import OpenAIModel
from omi_actors.clock import ManualClock, SystemClock
from omi_actors.domain.answers.breaker import BreakerRules, BreakerState
from omi_actors.domain.answers.failures import find_fault, is_broken
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
REJECTED = [
    "invalid_api_key",
    "insufficient_quota",
    "model_not_found",
    "thought_too_long",
    "context_length_exceeded",
    "content_refused",
    "unknown_code",
]


class ScriptedModel:
    """Answers, or fails or hangs by its script; takes `takes_s` of the clock, but no longer than its deadline."""

    provider = "openai"

    def __init__(self, name, clock):
        self.name, self._clock = name, clock
        self.script, self.deadlines, self.receivers, self.takes_s = [], [], [], 0.0

    async def load(self):
        pass

    async def check(self):
        step = self.script.pop(0) if self.script else True
        if isinstance(step, Exception):
            raise step
        return step

    async def answer(self, prompt, *, deadline_s, on_text=None):
        self.deadlines.append(deadline_s)
        self.receivers.append(on_text)
        if on_text is not None:
            on_text(f"{self.name} begins")
        self._clock.advance(min(self.takes_s, deadline_s))
        if self.takes_s > deadline_s:
            raise UpstreamTimeoutError("late")
        step = self.script.pop(0) if self.script else None
        if step == "hang":
            await asyncio.get_running_loop().create_future()
        if step is not None:
            raise step
        return ModelAnswer("384,400 km.", self.name)

    async def close(self):
        pass


class Guarded:
    """One model behind its breaker."""

    def __init__(self):
        self.clock = ManualClock()
        self.inner = ScriptedModel("scripted", self.clock)
        self.model = GuardedModel(self.inner, BreakerRules(failures=3, pause_s=5.0), self.clock)

    async def ask(self):
        return await self.model.answer(PROMPT, deadline_s=9.0)

    async def fail(self, error, times=1):
        for _ in range(times):
            self.inner.script.append(error)
            with pytest.raises(type(error)):
                await self.ask()


class Stage:
    """A chain of models."""

    def __init__(self, *names):
        self.clock = ManualClock()
        self.models = [ScriptedModel(name, self.clock) for name in names]
        self.chain = ModelChain([GuardedModel(model, RULES, self.clock) for model in self.models], self.clock)

    async def ask(self, **more):
        return (await self.chain.answer(PROMPT, deadline_s=20.0, **more)).model


@pytest.fixture
def guarded():
    return Guarded()


@pytest.fixture
def stage():
    return Stage("first", "second", "third")


# --- one model behind its breaker


async def test_failed_check_is_the_last_failure_until_the_model_answers(guarded):
    guarded.inner.script.append(UpstreamRejectedError("the model refuses the key", code="invalid_api_key"))
    with capture_logs() as lines, pytest.raises(UpstreamRejectedError):
        await guarded.model.check()

    assert [(line["event"], line["cause"]) for line in lines] == [("model_failed", "invalid_api_key")]
    assert guarded.model.last_failure.is_current
    assert guarded.model.circuit.state is BreakerState.CLOSED
    await guarded.ask()
    assert not guarded.model.last_failure.is_current


async def test_check_that_fails_after_an_answer_counts_for_nothing(guarded):
    await guarded.ask()
    guarded.inner.script.append(DOWN)

    assert await guarded.model.check()

    assert guarded.model.last_failure is None


@pytest.mark.parametrize("error", [UpstreamTimeoutError("late"), DOWN])
async def test_broken_model_is_not_asked_until_the_pause_is_over(guarded, error):
    await guarded.fail(error, times=3)
    guarded.clock.advance(2.0)

    with pytest.raises(CircuitOpenError) as caught:
        await guarded.ask()

    assert caught.value.retry_after_s == 3.0
    assert len(guarded.inner.deadlines) == 3
    guarded.clock.advance(3.0)
    assert (await guarded.ask()).text == "384,400 km."
    assert guarded.model.circuit.state is BreakerState.CLOSED


@pytest.mark.parametrize(
    "error",
    [UpstreamBusyError("429", retry_after_s=9.0), *(UpstreamRejectedError("no", code=code) for code in REJECTED)],
)
async def test_model_that_refuses_is_not_broken(guarded, error):
    await guarded.fail(error, times=9)

    assert guarded.model.circuit.state is BreakerState.CLOSED
    assert not is_broken(error)


async def test_cancelled_probe_lets_the_next_call_probe(guarded):
    await guarded.fail(DOWN, times=3)
    guarded.clock.advance(5.0)
    guarded.inner.script.append("hang")
    probe = asyncio.create_task(guarded.ask())
    await asyncio.sleep(0)
    with pytest.raises(CircuitOpenError):
        await guarded.ask()

    probe.cancel()
    await asyncio.gather(probe, return_exceptions=True)

    assert (await guarded.ask()).text == "384,400 km."


async def test_metrics_count_openings_and_refusals_and_show_the_state(guarded):
    before = [_read(metrics.MODEL_BREAKER_OPENINGS), _read(metrics.MODEL_BREAKER_REFUSALS)]
    await guarded.fail(DOWN, times=3)
    with pytest.raises(CircuitOpenError):
        await guarded.ask()
    states = [_read(metrics.MODEL_BREAKER_STATE)]
    guarded.clock.advance(5.0)
    await guarded.ask()

    assert [*states, _read(metrics.MODEL_BREAKER_STATE)] == [2, 0]
    assert [_read(metrics.MODEL_BREAKER_OPENINGS), _read(metrics.MODEL_BREAKER_REFUSALS)] == [n + 1 for n in before]


def _read(metric):
    return metric.labels("scripted")._value.get()


async def test_cause_and_fix_are_logged_once_and_again_after_an_answer(guarded):
    with capture_logs() as logged:
        await guarded.fail(UpstreamRejectedError("no", code="insufficient_quota"), times=5)
        await guarded.fail(UpstreamRejectedError("no", code="invalid_api_key"))
        await guarded.ask()
        guarded.clock.advance(60.0)
        await guarded.fail(UpstreamRejectedError("no", code="invalid_api_key"))

    lines = [line for line in logged if line["event"] == "model_failed"]
    assert [line["cause"] for line in lines] == ["insufficient_quota", "invalid_api_key", "invalid_api_key"]
    assert all(line["fix"] for line in lines)


async def test_last_failure_is_current_until_the_next_answer(guarded):
    await guarded.fail(UpstreamRejectedError("no", code="model_not_found"))
    failing = guarded.model.last_failure
    await guarded.ask()

    assert (failing.error, failing.is_current) == ("UpstreamRejectedError", True)
    assert "OPENAI_MODEL" in failing.fault.fix
    assert not guarded.model.last_failure.is_current


async def test_failure_knows_its_first_and_latest_time_and_their_number(guarded):
    await guarded.fail(UpstreamBusyError("slow down"))
    guarded.clock.advance(7.0)
    await guarded.fail(UpstreamBusyError("slow down"))

    failure = guarded.model.last_failure
    assert (failure.since_mono_s, failure.last_mono_s, failure.count) == (0.0, 7.0, 2)
    await guarded.ask()
    await guarded.fail(UpstreamBusyError("slow down"))
    assert guarded.model.last_failure.count == 1


async def test_server_that_is_reached_again_ends_the_failure_without_a_question(guarded):
    await guarded.fail(DOWN)
    guarded.inner.script.append(DOWN)
    await guarded.model.recheck()
    assert guarded.model.last_failure.is_current

    await guarded.model.recheck()

    assert not guarded.model.last_failure.is_current


async def test_list_of_models_does_not_end_what_it_says_nothing_about(guarded):
    await guarded.fail(UpstreamRejectedError("no", code="insufficient_quota"))

    await guarded.model.recheck()

    assert guarded.model.last_failure.is_current


async def test_slow_answer_is_forgotten_a_minute_after_it(guarded):
    await guarded.fail(UpstreamTimeoutError("late"))
    guarded.clock.advance(60.0)
    await guarded.model.recheck()
    assert guarded.model.last_failure.is_current
    guarded.clock.advance(1.0)

    await guarded.model.recheck()

    assert not guarded.model.last_failure.is_current


@pytest.mark.parametrize(
    "error",
    [
        *(UpstreamRejectedError("no", code=code) for code in REJECTED),
        UpstreamTimeoutError("late"),
        UpstreamBusyError("429"),
        DOWN,
    ],
)
def test_every_fault_has_a_cause_in_a_word_and_a_fix(error):
    fault = find_fault(error)

    assert fault.cause.replace("_", "").isalpha()
    assert fault.fix
    assert fault.is_lasting == (fault.cause not in ("content_refused", "context_length_exceeded"))


# --- several models


@pytest.mark.parametrize(
    "error", [DOWN, UpstreamBusyError("429", retry_after_s=60.0), UpstreamRejectedError("no", code="model_not_found")]
)
async def test_next_model_answers_and_is_named(stage, error):
    stage.models[0].script.append(error)

    assert await stage.ask() == "second"


async def test_refused_question_goes_to_no_other_model(stage):
    stage.models[0].script.append(UpstreamRejectedError("no", code="content_refused"))

    with pytest.raises(UpstreamRejectedError):
        await stage.ask()

    assert stage.models[1].deadlines == []


async def test_models_share_one_deadline(stage):
    for model in stage.models[:2]:
        model.takes_s = 99.0

    assert await stage.ask() == "third"

    assert [model.deadlines for model in stage.models] == [[10.0], [5.0], [5.0]]


async def test_time_left_by_a_quick_failure_goes_to_the_next_model(stage):
    stage.models[0].script.append(DOWN)
    stage.models[1].script.append(DOWN)

    await stage.ask()

    assert stage.models[2].deadlines == [20.0]


async def test_paused_model_is_passed_over_and_takes_no_share(stage):
    stage.models[1].script.append(DOWN)
    stage.models[0].script.append(DOWN)
    await stage.ask()

    assert await stage.ask() == "third"

    assert [len(model.deadlines) for model in stage.models] == [1, 1, 2]
    stage.clock.advance(5.0)
    assert await stage.ask() == "first"
    assert [model.circuit.state for model in stage.chain.models] == [
        BreakerState.CLOSED,
        BreakerState.OPEN,
        BreakerState.CLOSED,
    ]


async def test_first_model_has_the_whole_deadline_while_all_others_are_paused():
    stage = Stage("first", "second")
    stage.models[0].script.append(UpstreamBusyError("429"))
    stage.models[1].script.append(DOWN)
    with pytest.raises(UpstreamUnavailableError):
        await stage.ask()

    assert await stage.ask() == "first"

    assert stage.models[0].deadlines == [10.0, 20.0]


async def test_model_whose_pause_ends_after_the_deadline_is_not_asked_and_not_blamed():
    stage = Stage("first", "second")
    stage.models[0].script.append(UpstreamBusyError("429"))
    stage.models[1].script.append(DOWN)
    with pytest.raises(UpstreamUnavailableError):
        await stage.ask()
    stage.models[0].takes_s = 99.0

    with pytest.raises(UpstreamTimeoutError):
        await stage.ask()

    assert [len(model.deadlines) for model in stage.models] == [2, 1]


async def test_question_fails_with_the_shortest_pause_while_all_models_are_paused(stage):
    for model in stage.models:
        model.script.append(DOWN)
    with pytest.raises(UpstreamUnavailableError):
        await stage.ask()
    stage.clock.advance(2.0)

    with pytest.raises(CircuitOpenError) as caught:
        await stage.ask()

    assert caught.value.retry_after_s == 3.0


async def test_late_pieces_of_a_model_are_ignored_and_its_early_ones_void(stage):
    pieces: list[str] = []
    stage.models[0].script.append(DOWN)

    await stage.ask(on_text=pieces.append)
    stage.models[0].receivers[0]("too late")

    assert pieces == ["first begins", "", "second begins"]


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
    pieces: list[str] = []

    answer = await served.answer(PROMPT, deadline_s=1.0, on_text=pieces.append)
    before = list(pieces)
    await fake.left.wait()

    assert (answer.model, answer.text) == ("two", "You asked: how far is the moon?")
    assert [call["model"] for call in fake.calls] == ["one", "two"]
    kept = "".join(pieces[pieces.index("") :] if "" in pieces else pieces)
    assert kept == answer.text
    assert pieces == before


async def test_unknown_model_is_passed_over(fake, served):
    fake.modes["one"] = Mode.NO_MODEL

    assert (await served.answer(PROMPT, deadline_s=5.0)).model == "two"
