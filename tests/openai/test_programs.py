"""Chat programs' own requests, as they send them, are answered; nothing of them is kept."""

import json
from pathlib import Path

from tests.openai.conftest import events_of, signed_in, talk

SAMPLES = Path(__file__).parents[1] / "samples" / "openai"


async def test_sessions_of_chat_programs_are_answered(start, model, fake):
    program = await start(model=model)
    fake.usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    fake.say = lambda _: "The basil."
    recorded = [one for name in ("llm", "open_webui") for one in json.loads((SAMPLES / f"{name}.json").read_text())]
    async with signed_in(program) as (_, client):
        for one in recorded:
            body = None if one["body"] is None else json.dumps(one["body"]).encode()
            plain = {name: value for name, value in one["headers"].items() if name != "Accept-Encoding"}
            reply = await client(one["method"], one["path"], body, **plain)
            assert reply.status == 200, (one["what"], reply)
            if one["body"] is None:
                assert "omi" in [listed["id"] for listed in reply.json["data"]]
            elif one["body"]["stream"]:
                *chunks, last, done = await events_of(client)
                text = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks)
                assert (text, done) == ("The basil.", "[DONE]"), one["what"]
                assert (last["choices"], last["usage"]["total_tokens"]) == ([], 10)
            else:
                assert reply.json["choices"][0]["message"]["content"] == "The basil."
        assert fake.calls[-1]["messages"][-1]["content"][1]["type"] == "image_url"
        assert await talk(client) == []


async def test_demo_model_answers_programs_and_says_that_it_is_one(start):
    program = await start()
    async with signed_in(program) as (sdk, _):
        told = await sdk.chat.completions.create(model="default", messages=[{"role": "user", "content": "hello"}])

    assert told.model == "omi"
    assert told.usage.total_tokens == told.usage.prompt_tokens + told.usage.completion_tokens > told.usage.prompt_tokens
    assert told.choices[0].message.content.startswith("[demo] You asked: hello")


async def test_programs_without_accounts_are_refused_in_openais_form(start):
    program = await start(ENABLE_USER_SYSTEM="false")
    reply = await program.connection.request("GET", "/v1/models")
    unknown = await program.connection.request("POST", "/v1/embeddings", b"{}")

    assert (reply.status, reply.json["error"]["code"]) == (503, "feature_off")
    assert (unknown.status, unknown.json["error"]["message"]) == (404, "Invalid URL (POST /v1/embeddings)")
