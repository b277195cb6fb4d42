"""`/v1/chat/completions` and `/v1/models` by the official SDK: whole, streamed, refused."""

import asyncio

import openai
import pytest

from omi_actors.clients.model import DemoModel, ModelAnswer
from tests.openai.conftest import signed_in, talk


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


async def test_tools_of_the_program_are_called_and_their_results_answered(start, model, fake):
    fake.tool_calls = [
        {"index": 0, "id": "c1", "type": "function", "function": {"name": "light", "arguments": '{"on":'}},
        {"index": 0, "function": {"arguments": "true}"}},
        {"index": 1, "id": "c2", "type": "function", "function": {"name": "blind", "arguments": "{}"}},
    ]
    tools = [{"type": "function", "function": {"name": name, "parameters": {}}} for name in ("light", "blind")]
    asked = [{"role": "user", "content": "evening"}]
    program = await start(model=model)
    async with signed_in(program) as (sdk, _):
        whole = await sdk.chat.completions.create(model="omi", messages=asked, tools=tools, tool_choice="auto")
        stream = await sdk.chat.completions.create(model="omi", messages=asked, tools=tools, stream=True)
        chunks = [chunk async for chunk in stream]

        message, reason = whole.choices[0].message, whole.choices[0].finish_reason
        calls = [(call.id, call.function.name, call.function.arguments) for call in message.tool_calls]
        assert (calls, message.content, reason) == (
            [("c1", "light", '{"on":true}'), ("c2", "blind", "{}")],
            None,
            "tool_calls",
        )
        assert fake.calls[0]["tools"] == tools
        streamed = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or ()]
        told = ["".join(one.function.arguments for one in streamed if one.index == at) for at in (0, 1)]
        assert (told, [one.id for one in streamed if one.id]) == (['{"on":true}', "{}"], ["c1", "c2"])
        assert chunks[-1].choices[0].finish_reason == "tool_calls"

        results = [{"role": "tool", "tool_call_id": call.id, "content": "done"} for call in message.tool_calls]
        answered = await sdk.chat.completions.create(
            model="omi", messages=[*asked, message.model_dump(exclude_none=True), *results], tools=tools
        )
        assert answered.choices[0].message.content == "You asked: done"
        _, _, called, *given = fake.calls[-1]["messages"]
        assert [call["id"] for call in called["tool_calls"]] == [one["tool_call_id"] for one in given] == ["c1", "c2"]


async def test_stored_completions_are_one_conversation_as_long_as_the_program_goes_on_with_it(start, model):
    program = await start(model=model)
    async with signed_in(program) as (sdk, client):

        async def ask(*texts, **more):
            roles = ("user", "assistant")
            messages = [{"role": roles[at % 2], "content": text} for at, text in enumerate(texts)]
            told = await sdk.chat.completions.create(model="omi", messages=messages, **more)
            return told.choices[0].message.content

        first = await ask("moon", store=True)
        second = await ask("moon", first, "sun", store=True)
        await ask("moon", first, "sun", second, "a title, please")
        third = await ask("mars", store=True)

        assert await talk(client) == [["mars", third], ["moon", first, "sun", second]]
        # The person goes on with it on the page.
        conversation = (await client("GET", "/conversations")).json["items"][1]["id"]
        sent = await client("POST", "/messages/send", {"conversation_id": conversation, "text": "and pluto"})
        assert sent.json["message"] == "You asked: and pluto"
        assert (await talk(client))[1] == ["moon", first, "sun", second, "and pluto", "You asked: and pluto"]
        # The session in memory learns of conversations that programs begin, and its person's pages of their news.
        for text in ("venus", "ceres"):
            told = asyncio.Event()
            me = (await client("GET", "/me")).json["user"]["id"]
            program.system.watchers.watch([f"account:{me}"], told.set)
            await ask(text, store=True)
            async with asyncio.timeout(5):
                await told.wait()
            await client("POST", "/messages/send", {"conversation_id": conversation, "text": f"about {text}"})
        assert [len(one) for one in await talk(client)] == [2, 2, 2, 10]


class HesitantModel(DemoModel):
    """A model that breaks off once its first words are read, and begins anew."""

    def __init__(self):
        self.is_read = asyncio.Event()

    async def answer(self, prompt, *, deadline_s, on_text=None) -> ModelAnswer:
        if on_text is not None:
            on_text("One")
            await self.is_read.wait()
            on_text("")
            on_text("Two")
        return ModelAnswer("Two", self.name)


async def test_answer_that_begins_anew_ends_a_stream_and_is_whole_in_a_reply(start):
    model = HesitantModel()
    program = await start(model=model)
    async with signed_in(program) as (sdk, _):
        asked = {"model": "omi", "messages": [{"role": "user", "content": "x"}]}
        whole = await sdk.chat.completions.create(**asked)
        assert whole.choices[0].message.content == "Two"

        stream = await sdk.chat.completions.create(**asked, stream=True)
        begun = [(await anext(stream)).choices[0].delta.content for _ in range(2)]
        model.is_read.set()
        with pytest.raises(openai.APIError) as failed:
            await anext(stream)
        assert (begun, failed.value.code) == (["", "One"], "upstream_failed")
