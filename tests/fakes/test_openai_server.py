import json
from typing import Any

import httpx2
import openai
import pytest

from tests.fakes.openai_server import Mode, run_fake_openai

QUESTION: Any = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Is it late?"}]


@pytest.fixture(scope="module")
def fake():
    with run_fake_openai() as running:
        yield running


@pytest.fixture
def ask(fake):
    fake.calls.clear()
    clients = []

    def ask(mode, *, stream, model="some-model", timeout_s=5.0, **options):
        fake.mode = mode
        client = openai.OpenAI(base_url=fake.url, api_key="k", max_retries=0, timeout=timeout_s)
        clients.append(client)
        reply: Any = client.chat.completions.create(model=model, messages=QUESTION, stream=stream, **options)
        if not stream:
            return reply.choices[0].message.content
        return "".join(chunk.choices[0].delta.content or "" for chunk in reply)

    yield ask
    for client in clients:
        client.close()


@pytest.mark.threads
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("mode", [Mode.NORMAL, Mode.DELAY, Mode.TRICKLE])
def test_fake_model_repeats_the_question(fake, ask, mode, stream):
    assert ask(mode, stream=stream) == "You asked: Is it late?"
    assert [call["messages"] for call in fake.calls] == [QUESTION]


@pytest.mark.threads
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("mode", "error", "code"),
    [
        (Mode.UNAUTHORIZED, openai.AuthenticationError, "invalid_api_key"),
        (Mode.NO_QUOTA, openai.RateLimitError, "insufficient_quota"),
        (Mode.RATE_LIMIT, openai.RateLimitError, "rate_limit_exceeded"),
        (Mode.SERVER_ERROR, openai.InternalServerError, "server_error"),
    ],
)
def test_fake_model_fails_as_openai_does(ask, mode, error, code, stream):
    with pytest.raises(error) as caught:
        ask(mode, stream=stream)

    assert caught.value.code == code
    assert (caught.value.response.headers.get("retry-after") == "1") == (mode is Mode.RATE_LIMIT)


@pytest.mark.threads
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("mode", [Mode.CUT, Mode.MALFORMED])
def test_fake_model_sends_what_cannot_be_read(ask, mode, stream):
    with pytest.raises((openai.APIError, httpx2.HTTPError, json.JSONDecodeError)):
        ask(mode, stream=stream)


@pytest.mark.threads
def test_fake_model_hangs_until_the_caller_goes(ask):
    with pytest.raises(openai.APITimeoutError):
        ask(Mode.HANG, stream=True, timeout_s=0.05)


@pytest.mark.threads
@pytest.mark.parametrize("options", [{"max_tokens": 9}, {"temperature": 0.5}])
def test_fake_model_of_class_gpt_5_refuses_old_parameters(ask, options):
    with pytest.raises(openai.BadRequestError, match=next(iter(options))):
        ask(Mode.NORMAL, stream=True, model="gpt-5-mini", **options)

    assert ask(Mode.NORMAL, stream=True, **options)
