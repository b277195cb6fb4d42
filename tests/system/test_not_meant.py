"""Words without a wake phrase that a model says are not for it: silence, without trace or cost for the wearer."""

from typing import Any

import pytest

from config.settings import load_settings
from omi_actors.cli.server import build_model
from omi_actors.domain.answers.silence import NOT_FOR_ME
from tests.canaries import MODEL_KEY
from tests.fakes.openai_server import listening_fake

BY_MODEL, BY_WORDS = (f'omi_questions_not_meant_total{{step="{step}"}}' for step in ("model", "words"))


@pytest.fixture
async def fake():
    async with listening_fake() as fake:
        yield fake


@pytest.fixture
async def serve(start, fake, notifier):
    """Start a program with the fake as its model, with the listen mode FOLLOWUP."""
    models: list[Any] = []

    async def serve_now():
        given = {"OPENAI_API_KEY": MODEL_KEY, "OPENAI_BASE_URL": fake.url, "DEFAULT_LISTEN_MODE": "FOLLOWUP"}
        models.append(build_model(load_settings(overrides=given)))
        await models[0].load()
        return await start(model=models[0], notifier=notifier, **given)

    yield serve_now
    await models[0].close()


async def test_question_that_the_model_says_is_not_for_it_leaves_nothing_but_a_count(serve, fake, omi):
    program = await serve()
    before = await program.metric(BY_MODEL), await program.metric(BY_WORDS)
    assert "message" in (await program.say("Hey Omi, who wrote Emma?")).json

    # Words to a person, which the first step knows: the model is not asked.
    assert (await program.say("Did you feed the cat?", sid="s2", start=3.0)).json == {}
    assert len(fake.calls) == 1
    # Words that may be a follow-up: the model is asked, and streams the token in pieces, in marks and in other case.
    fake.say = lambda _: f' "{NOT_FOR_ME.lower()}".\n'
    assert (await program.say("Am I free on Thursday?", sid="s3", start=5.0)).json == {}
    assert NOT_FOR_ME in fake.calls[1]["messages"][0]["content"]
    fake.say = "You asked: {}".format
    # It has opened no window for more.
    assert (await program.say("And how long is it?", sid="s4", start=7.0)).json == {}
    assert len(fake.calls) == 2

    assert (await program.metric(BY_MODEL), await program.metric(BY_WORDS)) == (before[0] + 1, before[1] + 1)
    transcript = await program.transcript()
    assert [one["role"] for one in transcript["messages"]] == ["user", "assistant"]
    assert NOT_FOR_ME.lower() not in str(transcript).lower()
    assert await program.job_kinds() == ["answer"]
    assert omi.calls == 0

    # With the name it is a question, though the same words came a moment ago; the prompt has no trace of them.
    named = await program.say("Hey Omi, am I free on Thursday?", sid="s5", start=9.0)
    assert named.json["message"] == "You asked: am I free on Thursday?"
    assert (
        sum("free on Thursday" in str(one["content"]) for one in fake.calls[2]["messages"] if one["role"] != "user")
        == 0
    )
    assert NOT_FOR_ME not in fake.calls[2]["messages"][0]["content"]


async def test_statement_that_the_model_says_is_about_it_is_silence(serve, fake, omi):
    program = await serve()
    before = await program.metric(BY_MODEL)
    fake.say = lambda _: NOT_FOR_ME

    # Spanish leaves the subject out, and the recogniser its comma: "It was a long day." or "Omi was …".
    assert (await program.say("Hola Omi fue un gran regalo.")).json == {}

    assert "after your name" in fake.calls[0]["messages"][0]["content"]
    assert await program.metric(BY_MODEL) == before + 1
    assert (await program.transcript())["messages"] == []
    assert omi.calls == 0
