"""`/v1/chat/completions` and `/v1/models` by the official SDK: whole, streamed, refused."""

import openai
import pytest

from tests.openai.conftest import signed_in


async def test_sdk_talks_with_the_assistant_whole_and_streamed(start, model, fake):
    program = await start(model=model)
    async with signed_in(program) as (sdk, _):
        listed = [one.id async for one in await sdk.models.list()]
        assert listed[:2] == ["omi", "omi-todos"]
        assert (await sdk.models.retrieve("omi-todos")).owned_by == "omi"

        whole = await sdk.chat.completions.create(
            model="omi",
            messages=[
                {"role": "system", "content": "Talk like a sailor."},
                {"role": "user", "content": "hello"},
                {"role": "assistant", "content": "ahoy"},
                {"role": "user", "content": "how far is the moon"},
            ],
            temperature=0.2,
            max_tokens=50,
        )
        assert (whole.choices[0].message.content, whole.choices[0].finish_reason) == (
            "You asked: how far is the moon",
            "stop",
        )
        asked = fake.calls[-1]
        system, *turns = asked["messages"]
        assert system["content"].endswith("Talk like a sailor.")
        assert system["content"].startswith("You are Omi")
        assert [one["content"] for one in turns] == ["hello", "ahoy", "how far is the moon"]
        assert (asked["temperature"], asked["max_tokens"]) == (0.2, 50)

        stream = await sdk.chat.completions.create(
            model="omi", messages=[{"role": "user", "content": "and the sun"}], stream=True
        )
        chunks = [chunk async for chunk in stream]
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "You asked: and the sun"
        assert (chunks[0].choices[0].delta.role, chunks[-1].choices[0].finish_reason) == ("assistant", "stop")
        assert len(chunks) > 2

        with pytest.raises(openai.NotFoundError) as unknown:
            await sdk.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "x"}])
        assert (unknown.value.code, unknown.value.param) == ("model_not_found", "model")
        with pytest.raises(openai.AuthenticationError) as refused:
            await sdk.with_options(api_key="sk-wrong").models.list()
        assert refused.value.code == "invalid_api_key"
