"""A model that fails again and again is not asked for a while, and everybody who looks is told why."""

import asyncio

import pytest
from structlog.testing import capture_logs

from omi_actors.clients.model import ModelAnswer
from omi_actors.clients.model_chain import GuardedModel
from omi_actors.clock import ManualClock
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

PROMPT = build_prompt("how far is the moon?", [], [])
RULES = BreakerRules(failures=3, pause_s=5.0)
REJECTED = [
    "invalid_api_key",
    "insufficient_quota",
    "model_not_found",
    "thought_too_long",
    "context_length_exceeded",
    "content_refused",
    "unheard_of",
]


class ScriptedModel:
    """Answers, fails or hangs as told; `script` is used up call by call."""

    provider, name = "openai", "scripted"

    def __init__(self):
        self.script = []
        self.calls = 0

    async def load(self):
        pass

    async def answer(self, prompt, *, deadline_s, on_text=None):
        self.calls += 1
        what = self.script.pop(0) if self.script else None
        if isinstance(what, BaseException):
            raise what
        if what == "hang":
            await asyncio.get_running_loop().create_future()
        return ModelAnswer("384,400 km.", self.name)

    async def close(self):
        pass


class Stage:
    def __init__(self):
        self.model, self.clock = ScriptedModel(), ManualClock()
        self.guarded = GuardedModel(self.model, RULES, self.clock)

    async def ask(self):
        return await self.guarded.answer(PROMPT, deadline_s=9.0)

    async def fail(self, error, times=1):
        for _ in range(times):
            self.model.script.append(error)
            with pytest.raises(type(error)):
                await self.ask()


@pytest.fixture
def stage():
    return Stage()


@pytest.mark.parametrize("error", [UpstreamTimeoutError("late"), UpstreamUnavailableError("down")])
async def test_broken_model_is_not_asked_until_the_pause_is_over(stage, error):
    await stage.fail(error, times=3)
    stage.clock.advance(2.0)

    with pytest.raises(CircuitOpenError) as caught:
        await stage.ask()

    assert caught.value.retry_after_s == 3.0
    assert stage.model.calls == 3
    stage.clock.advance(3.0)
    assert (await stage.ask()).text == "384,400 km."
    assert stage.guarded.state is BreakerState.CLOSED


@pytest.mark.parametrize(
    "error",
    [UpstreamBusyError("429", retry_after_s=9.0), *(UpstreamRejectedError("no", code=code) for code in REJECTED)],
)
async def test_model_that_answers_no_is_not_broken(stage, error):
    await stage.fail(error, times=9)

    assert stage.guarded.state is BreakerState.CLOSED
    assert not is_broken(error)


async def test_probe_that_is_given_up_leaves_its_place_to_the_next(stage):
    await stage.fail(UpstreamUnavailableError("down"), times=3)
    stage.clock.advance(5.0)
    stage.model.script.append("hang")
    probe = asyncio.create_task(stage.ask())
    await asyncio.sleep(0)
    with pytest.raises(CircuitOpenError):
        await stage.ask()

    probe.cancel()
    await asyncio.gather(probe, return_exceptions=True)

    assert (await stage.ask()).text == "384,400 km."


async def test_metrics_count_openings_and_refusals_and_show_the_state(stage):
    before = [_read(metrics.MODEL_BREAKER_OPENINGS), _read(metrics.MODEL_BREAKER_REFUSALS)]
    await stage.fail(UpstreamUnavailableError("down"), times=3)
    with pytest.raises(CircuitOpenError):
        await stage.ask()
    states = [_read(metrics.MODEL_BREAKER_STATE)]
    stage.clock.advance(5.0)
    await stage.ask()

    assert [*states, _read(metrics.MODEL_BREAKER_STATE)] == [2, 0]
    assert [_read(metrics.MODEL_BREAKER_OPENINGS), _read(metrics.MODEL_BREAKER_REFUSALS)] == [n + 1 for n in before]


def _read(metric):
    return metric.labels(ScriptedModel.name)._value.get()


async def test_cause_and_fix_are_logged_once_and_again_when_it_works(stage):
    with capture_logs() as logged:
        await stage.fail(UpstreamRejectedError("no", code="insufficient_quota"), times=5)
        await stage.fail(UpstreamRejectedError("no", code="invalid_api_key"))
        await stage.ask()
        stage.clock.advance(60.0)
        await stage.fail(UpstreamRejectedError("no", code="invalid_api_key"))

    lines = [line for line in logged if line["event"] == "model_failed"]
    assert [line["cause"] for line in lines] == ["insufficient_quota", "invalid_api_key", "invalid_api_key"]
    assert all(line["fix"] for line in lines)


async def test_last_failure_is_known_and_over_with_the_next_answer(stage):
    await stage.fail(UpstreamRejectedError("no", code="model_not_found"))
    failing = stage.guarded.last_failure
    await stage.ask()

    assert (failing.error, failing.is_current) == ("UpstreamRejectedError", True)
    assert "OPENAI_MODEL" in failing.fault.fix
    assert not stage.guarded.last_failure.is_current


@pytest.mark.parametrize(
    "error",
    [
        *(UpstreamRejectedError("no", code=code) for code in REJECTED),
        UpstreamTimeoutError("late"),
        UpstreamBusyError("429"),
        UpstreamUnavailableError("down"),
    ],
)
def test_every_fault_has_a_cause_in_a_word_and_a_fix(error):
    fault = find_fault(error)

    assert fault.cause.replace("_", "").isalpha()
    assert fault.fix
    assert fault.is_lasting == (fault.cause not in ("content_refused", "context_length_exceeded"))
