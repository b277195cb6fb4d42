"""Requests with the parameters that their model accepts, and without refused ones."""

import asyncio

import pytest

from omi_actors.clients.completion_request import RequestOptions, RequestShape
from omi_actors.clients.openai_model import OpenAIModel
from omi_actors.domain.answers.prompt import EarlierMessage, build_prompt
from omi_actors.errors import UpstreamRejectedError
from tests.fakes.openai_server import listening_fake

PROMPT = build_prompt("how far is the moon?", [], [])
ALWAYS = {"model", "messages", "stream", "stream_options"}


def refusal(code, *parameters):
    return UpstreamRejectedError("no", code=code, parameters=parameters)


@pytest.fixture
async def fake():
    async with listening_fake() as fake:
        yield fake


@pytest.fixture
async def ask(fake):
    models = []

    async def ask(name, times=1, **options):
        wanted = RequestOptions(max_tokens=50, **options)
        models.append(OpenAIModel(api_key="k", base_url=fake.url, name=name, concurrency=99, options=wanted))
        return await asyncio.gather(*(models[-1].answer(PROMPT, deadline_s=9.0) for _ in range(times)))

    yield ask
    for model in models:
        await model.close()


@pytest.mark.parametrize(
    ("name", "is_openai", "parameters"),
    [
        ("gpt-5-mini-2025-08-07", True, {"max_completion_tokens": 50, "reasoning_effort": "minimal"}),
        ("gpt-5-mini-2025-08-07", False, {"max_completion_tokens": 50, "reasoning_effort": "minimal"}),
        ("o3-mini", True, {"max_completion_tokens": 50, "reasoning_effort": "minimal"}),
        ("gpt-5-chat-latest", True, {"max_completion_tokens": 50, "temperature": 0.7}),
        ("gpt-4o-mini", True, {"max_completion_tokens": 50, "temperature": 0.7}),
        ("llama3.2", False, {"max_tokens": 50, "temperature": 0.7}),
    ],
)
def test_request_has_only_what_its_model_takes(name, is_openai, parameters):
    request = RequestShape(name, RequestOptions(max_tokens=50), is_openai=is_openai).build(PROMPT)

    assert {key: value for key, value in request.items() if key not in ALWAYS} == parameters
    assert (request["model"], request["stream"], request["messages"][-1]["content"]) == (name, True, PROMPT.question)


def test_prompt_limits_its_answers_tokens():
    prompt = build_prompt("how far is the moon?", [], [], max_tokens=7)

    assert RequestShape("llama3.2", RequestOptions(), is_openai=False).build(prompt)["max_tokens"] == 7


def test_server_is_asked_to_store_answers_only_by_the_operators_setting():
    requests = [
        RequestShape("x", RequestOptions(has_store=has_store), is_openai=True).build(PROMPT)
        for has_store in (False, True)
    ]

    assert ["store" in request for request in requests] == [False, True]


@pytest.mark.parametrize("names_parameter", [True, False])
@pytest.mark.parametrize(
    ("name", "takes", "in_the_end"),
    [
        ("some-model", {"max_completion_tokens"}, {"max_completion_tokens"}),
        ("some-model", {"max_tokens"}, {"max_tokens"}),
        ("some-model", set(), set()),
        ("gpt-5-like", {"max_completion_tokens"}, {"max_completion_tokens"}),
    ],
)
async def test_refused_parameter_is_dropped_and_the_question_answered(
    fake, ask, name, takes, in_the_end, names_parameter
):
    fake.takes, fake.names_parameter = frozenset(takes), names_parameter

    (answer,) = await ask(name)

    assert answer.text == "You asked: how far is the moon?"
    assert set(fake.calls[-1]) - ALWAYS == in_the_end


async def test_refusal_is_remembered(fake, ask):
    fake.takes = frozenset({"max_tokens"})
    model = OpenAIModel(api_key="k", base_url=fake.url, name="x", concurrency=1, options=RequestOptions())
    await model.answer(PROMPT, deadline_s=9.0)
    asked_before = len(fake.calls)

    await model.answer(PROMPT, deadline_s=9.0)
    await model.close()

    assert (asked_before, len(fake.calls)) == (3, 4)


async def test_server_that_refuses_usage_is_asked_without_it(fake, ask):
    fake.is_strict = True

    (answer,) = await ask("llama3.2")

    assert (answer.text, answer.tokens) == ("You asked: how far is the moon?", 0)
    assert ["stream_options" in call for call in fake.calls] == [True, False]


async def test_answer_has_the_tokens_that_the_server_reports(fake, ask):
    fake.tokens = 321

    (answer,) = await ask("llama3.2")

    assert answer.tokens == 321


async def test_questions_that_are_refused_at_once_are_all_answered(fake, ask):
    fake.takes, fake.efforts = frozenset({"max_completion_tokens", "reasoning_effort"}), frozenset({"low"})

    answers = await ask("gpt-5-like", times=20, has_store=True)

    assert len(answers) == 20
    assert fake.calls[-1]["reasoning_effort"] == "low"
    assert "store" not in fake.calls[-1]


async def test_effort_without_a_replacement_is_left_to_the_model(fake, ask):
    fake.efforts = frozenset({"high"})

    await ask("gpt-5-like")

    assert [call.get("reasoning_effort") for call in fake.calls] == ["minimal", "low", None]


def test_refusal_of_a_field_that_was_not_sent_changes_nothing():
    shape = RequestShape("x", RequestOptions(), is_openai=False)
    sent = shape.form
    refusals = [refusal("parameter_refused", name) for name in ("model", "reasoning_effort", "unheard_of", "")]

    assert not any(shape.learn(one, sent) for one in (*refusals, refusal("invalid_api_key")))
    assert shape.form == sent


def test_of_refusals_alike_only_the_first_changes_the_form():
    shape = RequestShape("x", RequestOptions(), is_openai=False)
    sent = shape.form

    assert all(shape.learn(refusal("parameter_refused", "max_tokens"), sent) for _ in range(3))
    assert shape.form.limit == "max_completion_tokens"


def test_refusal_of_an_older_form_takes_back_nothing_that_was_learnt():
    shape = RequestShape("x", RequestOptions(), is_openai=False)
    sent = shape.form

    for name in ("temperature", "stream_options"):
        assert shape.learn(refusal("parameter_refused", name), sent)

    assert "temperature" not in shape.build(PROMPT)


def test_answer_without_its_question_is_left_out_where_roles_take_turns():
    shape = RequestShape("x", RequestOptions(), is_openai=False)
    earlier = [EarlierMessage("assistant", "Far."), EarlierMessage("user", "and now?")]

    shape.learn(refusal("roles_refused", "messages"), shape.form)

    sent = shape.build(build_prompt("how far?", [], earlier))["messages"]
    assert [one["role"] for one in sent] == ["system", "user"]
    assert sent[1]["content"] == "and now?\n\nhow far?"


def test_server_that_names_no_field_gets_the_question_alone():
    shape = RequestShape("x", RequestOptions(has_store=True), is_openai=False)

    assert shape.learn(refusal("parameter_refused"), shape.form)
    assert set(shape.build(PROMPT)) == {"model", "messages", "stream", "max_tokens"}
    assert not shape.learn(refusal("parameter_refused"), shape.form)


async def test_refusal_of_an_unknown_parameter_is_an_error(fake, ask, monkeypatch):
    monkeypatch.setattr("scripts.lab.replay.fake_openai._Completions._find_unsupported", _refuse_something)

    with pytest.raises(UpstreamRejectedError) as caught:
        await ask("x")

    assert caught.value.code == "parameter_refused"
    assert "something" not in str(caught.value)
    assert len(fake.calls) == 1


def _refuse_something(handler, body):
    return "unknown_parameter", "Unknown parameter: 'something'.", "something"
