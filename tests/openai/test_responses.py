"""`/v1/responses` by the official SDK: kept, gone on from, streamed, deleted."""

import openai
import pytest

from tests.openai.conftest import signed_in, talk

LIGHT = {"type": "function", "name": "light", "parameters": {"type": "object", "properties": {}}, "strict": False}
CALL = [
    {"index": 0, "id": "call_1", "type": "function", "function": {"name": "light", "arguments": ""}},
    {"index": 0, "function": {"arguments": '{"on":'}},
    {"index": 0, "function": {"arguments": "true}"}},
]


async def test_responses_are_kept_as_a_conversation_and_go_on(start, model, fake):
    fake.usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    program = await start(model=model)
    async with signed_in(program) as (sdk, _):
        first = await sdk.responses.create(model="omi", input="how far is the moon", instructions="Be brief.")
        assert (first.output_text, first.status, first.usage.total_tokens) == (
            "You asked: how far is the moon",
            "completed",
            10,
        )
        assert fake.calls[-1]["messages"][0]["content"].endswith("Be brief.")

        stream = await sdk.responses.create(
            model="omi", input="and the sun", previous_response_id=first.id, stream=True
        )
        events = [event async for event in stream]
        assert [event.sequence_number for event in events] == list(range(len(events)))
        assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == (
            "You asked: and the sun"
        )
        second = events[-1].response
        assert (events[-1].type, second.output_text) == ("response.completed", "You asked: and the sun")
        sent = fake.calls[-1]["messages"]
        assert [one["content"] for one in sent[1:]] == [
            "how far is the moon",
            "You asked: how far is the moon",
            "and the sun",
        ]
        assert "Be brief." not in sent[0]["content"]


async def test_responses_belong_to_their_person_until_they_are_deleted(start, model, database_url):
    program = await start(database_url, model=model)
    async with signed_in(program) as (sdk, client), signed_in(program, "bob@example.com") as (bob, _):
        first = await sdk.responses.create(model="omi", input="how far is the moon")
        second = await sdk.responses.create(model="omi", input="and the sun", previous_response_id=first.id)

        unkept = await sdk.responses.create(model="omi", input="a secret", store=False)
        assert await talk(client) == [["how far is the moon", first.output_text, "and the sun", second.output_text]]
        assert (await sdk.responses.retrieve(second.id)).model_dump() == second.model_dump()
        for stranger, response_id in ((bob, first.id), (sdk, unkept.id), (sdk, "resp_\0"), (sdk, "x")):
            with pytest.raises(openai.NotFoundError):
                await stranger.responses.retrieve(response_id)
            with pytest.raises(openai.NotFoundError):
                await stranger.responses.delete(response_id)
            with pytest.raises(openai.BadRequestError) as unknown:
                await stranger.responses.create(model="omi", input="x", previous_response_id=response_id)
            assert unknown.value.code == "previous_response_not_found"

        await sdk.responses.delete(first.id)
        assert await talk(client) == [["and the sun", second.output_text]]
        # What is deleted in the person's page is gone here, too.
        conversation = (await client("GET", "/conversations")).json["items"][0]["id"]
        entry = (await client("GET", f"/conversations/{conversation}/messages")).json["items"][-1]["id"]
        await client("DELETE", f"/conversations/{conversation}/messages/{entry}")
        with pytest.raises(openai.NotFoundError):
            await sdk.responses.retrieve(second.id)


async def test_response_calls_a_tool_and_goes_on_with_its_result(start, model, fake):
    fake.tool_calls = CALL
    program = await start(model=model)
    async with signed_in(program) as (sdk, client):
        stream = await sdk.responses.create(model="omi", input="light on", tools=[LIGHT], stream=True)
        events = [event async for event in stream]
        (call,) = events[-1].response.output
        assert (call.type, call.name, call.call_id, call.arguments) == (
            "function_call",
            "light",
            "call_1",
            '{"on":true}',
        )
        assert "response.function_call_arguments.done" in {event.type for event in events}
        assert fake.calls[-1]["tools"][0]["function"]["name"] == "light"

        done = await sdk.responses.create(
            model="omi",
            input=[{"type": "function_call_output", "call_id": call.call_id, "output": "it is on"}],
            previous_response_id=events[-1].response.id,
            tools=[LIGHT],
        )
        assert done.output_text == "You asked: it is on"
        _, asked, called, result = fake.calls[-1]["messages"]
        assert asked["content"] == "light on"
        assert called["tool_calls"][0]["id"] == result["tool_call_id"] == "call_1"
        assert await talk(client) == [["light on", "[light]", "You asked: it is on"]]
