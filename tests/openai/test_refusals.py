"""Refusals and failures in OpenAI's form; programs that leave; limits."""

import asyncio
import json

import openai
import pytest

from omi_actors.actors.session.messages import Passivate
from tests.canaries import PASSWORD
from tests.fakes.openai_server import Mode
from tests.openai.conftest import signed_in
from tests.system.conftest import eventually
from tests.web.http_client import Connection, request_bytes

HI = [{"role": "user", "content": "hi"}]
CHAT = {"model": "omi", "messages": HI}


LEFT = 'omi_completions_total{cause="",outcome="left"}'


def chat(**more):
    return {"path": "/v1/chat/completions", "body": {**CHAT, **more}}


def response(**more):
    return {"path": "/v1/responses", "body": {"model": "omi", "input": "hi", "store": False, **more}}


def said(*messages):
    return chat(messages=list(messages))


# A request, and the code and parameter of its refusal.
ODD = [
    ({"path": "/v1/chat/completions", "body": b"{"}, None, None),
    (
        {"path": "/v1/chat/completions", "body": b'{"model":"omi","messages":[{"role":"user","content":"\xff"}]}'},
        None,
        None,
    ),
    ({"path": "/v1/chat/completions", "body": b"[]"}, "invalid_value", None),
    ({"path": "/v1/chat/completions", "body": {"messages": HI}}, "missing_required_parameter", "model"),
    ({"path": "/v1/chat/completions", "body": {"model": "omi"}}, "missing_required_parameter", "messages"),
    (chat(messages=[]), "invalid_value", "messages"),
    (chat(messages="hi"), "invalid_value", "messages"),
    (chat(top_k=3), "unknown_parameter", "top_k"),
    (chat(n=2), "unsupported_value", "n"),
    (chat(logprobs=True), "unsupported_value", "logprobs"),
    (chat(functions=[{"name": "f"}]), "unsupported_value", "functions"),
    (chat(temperature=5), "invalid_value", "temperature"),
    (chat(max_tokens=0), "invalid_value", "max_tokens"),
    (said({"role": "robot", "content": "x"}), "invalid_value", "messages[0].role"),
    (said({"role": "tool", "content": "x"}), None, "messages[0].tool_call_id"),
    (said({"role": "user", "content": [{"type": "input_audio"}]}), "invalid_value", "messages[0].content"),
    (response(input=[]), "invalid_value", "input"),
    (response(input=[{"type": "item_reference", "id": "x"}]), "unsupported_value", "input[0]"),
    (response(input=[{"role": "user", "content": [{"type": "input_file"}]}]), "unsupported_value", "input[0].content"),
    (
        response(input=[{"type": "function_call_output", "output": "x"}]),
        "missing_required_parameter",
        "input[0].call_id",
    ),
    (response(tools=[{"type": "web_search"}]), "unsupported_value", "tools[0].type"),
    (response(background=True), "unsupported_value", "background"),
    (response(conversation="c1"), "unsupported_value", "conversation"),
    (response(previous_response_id="x"), "previous_response_not_found", "previous_response_id"),
]
# What the model's server does, with the status and code that the program gets.
FAILING = [
    (Mode.RATE_LIMIT, 429, "rate_limit_exceeded"),
    (Mode.UNAUTHORIZED, 502, "upstream_failed"),
    (Mode.NO_QUOTA, 502, "upstream_failed"),
    (Mode.SERVER_ERROR, 502, "upstream_failed"),
    (Mode.EMPTY, 502, "upstream_failed"),
    (Mode.BAD_CONTENT, 400, "content_filter"),
    (Mode.TOO_LONG, 400, "context_length_exceeded"),
]


async def test_odd_requests_and_failures_of_the_model_are_told_as_openai_does(start, model, fake):
    program = await start(model=model)
    async with signed_in(program) as (_, client):
        seen = []
        for request, *_ in ODD:
            reply = await client("POST", request["path"], request["body"])
            error = reply.json["error"]
            assert (reply.status, error["type"]) == (400, "invalid_request_error"), request
            assert error["message"]
            seen.append((error["code"], error["param"]))
        assert seen == [(code, param) for _, code, param in ODD]
        assert fake.calls == []

        for mode, status, code in FAILING:
            fake.mode = mode
            for stream in (False, True):
                reply = await client("POST", "/v1/chat/completions", {**CHAT, "stream": stream})
                assert (reply.status, reply.json["error"]["code"]) == (status, code), (mode, stream)


async def test_stream_that_breaks_off_ends_with_an_error(start, model, fake):
    fake.mode = Mode.CUT
    program = await start(model=model)
    async with signed_in(program) as (sdk, client):
        stream = await sdk.chat.completions.create(model="omi", messages=HI, stream=True)
        assert await anext(stream)
        with pytest.raises(openai.APIError) as failed:
            _ = [chunk async for chunk in stream]
        assert failed.value.code == "upstream_failed"

        stream = await sdk.responses.create(model="omi", input="hi", stream=True)
        last = [event async for event in stream][-1]
        assert (last.type, last.response.error.code) == ("response.failed", "upstream_failed")
        assert (await client("GET", "/conversations")).json["items"] == []


async def test_program_that_leaves_stops_the_model_and_others_go_on(start, model, fake):
    program = await start(model=model, COMPLETIONS_MAX_OPEN="1", MODEL_USER_TOKENS_PER_DAY="50")
    async with signed_in(program) as (sdk, client):
        fake.hangs_on = "for ever"
        left_before = await program.metric(LEFT)
        body = json.dumps({**CHAT, "messages": [{"role": "user", "content": "think for ever"}]}).encode()
        headers = {"Authorization": f"Bearer {client.token}"}
        async with await Connection.open(program.port) as leaving:
            leaving.write(request_bytes("POST", "/v1/chat/completions", body, headers))
            await eventually(lambda: _is_asked(fake))
            with pytest.raises(openai.RateLimitError) as crowded:
                await sdk.chat.completions.create(model="omi", messages=HI)
            assert crowded.value.code == "rate_limit_exceeded"
            other = await sdk.chat.completions.create(model="omi-todos", messages=HI)
            assert other.choices[0].message.content == "You asked: hi"
        async with asyncio.timeout(5):
            await fake.left.wait()
        # The one that left counts in the account's budget, together with the other.
        await eventually(lambda: _has_left(program))
        with pytest.raises(openai.RateLimitError) as spent:
            await sdk.chat.completions.create(model="omi", messages=HI)
        assert spent.value.code == "insufficient_quota"
        assert await program.metric(LEFT) == left_before + 1


async def _is_asked(fake, times=1):
    return len(fake.calls) >= times


async def _has_left(program):
    count = "SELECT requests FROM model_use WHERE owner LIKE 'account:%'"
    ((requests,),) = await program.system.store.read(lambda tx: tx.fetch(count))
    return requests == 2


async def test_memories_are_recalled_if_the_person_wishes_and_never_for_a_task(start, model, fake):
    program = await start(model=model)
    async with signed_in(program) as (sdk, client):
        await client("POST", "/memories", {"text": "The basil stands in the kitchen"})

        async def ask(question):
            await sdk.chat.completions.create(model="omi", messages=[{"role": "user", "content": question}])
            return any("basil stands" in one["content"] for one in fake.calls[-1]["messages"])

        assert not await ask("where is the basil")
        await client("PATCH", "/preferences", {"inject_memories": True})

        async def is_recalled():
            return await ask("where is the basil")

        await eventually(is_recalled)
        assert not await ask("where is the basil" + " and so on" * 100)


async def test_silent_stream_is_kept_alive_and_ends_with_its_person(start, model, fake):
    fake.mode = Mode.HANG
    program = await start(model=model)
    program.server._site.times.heartbeat_s = 0.01
    async with signed_in(program) as (_, client), await Connection.open(program.port) as waiting:
        body = json.dumps({**CHAT, "stream": True}).encode()
        token = {"Authorization": f"Bearer {client.token}"}
        waiting.write(request_bytes("POST", "/v1/chat/completions", body, token))
        async with asyncio.timeout(5):
            begun = await waiting.reader.readuntil(b": still there\n\n")
            assert b'"role":"assistant"' in begun
            assert (await client("DELETE", "/account", {"current_password": PASSWORD})).status == 202
            await fake.left.wait()
            assert await waiting.reader.readuntil(b'"server_error"')


async def test_crash_of_a_session_ends_its_completions_and_no_others(start, model, fake):
    fake.hangs_on = "wait"
    program = await start(model=model)
    async with signed_in(program) as (sdk, _):

        async def ask(name, text="wait"):
            return await sdk.chat.completions.create(model=name, messages=[{"role": "user", "content": text}])

        doomed, other = asyncio.ensure_future(ask("omi")), asyncio.ensure_future(ask("omi-todos"))
        await eventually(lambda: _is_asked(fake, 2))
        live = program.system._tree.live_sessions.by_key
        session = next(one.handle for key, one in live.items() if key.endswith(":default"))
        # A session whose completion is under way is not put away.
        session.tell(Passivate())
        await ask("omi", "hi")
        assert not doomed.done()

        session.tell("a message that no session knows")
        with pytest.raises(openai.InternalServerError) as failed:
            await doomed
        assert failed.value.status_code == 503
        async with asyncio.timeout(5):
            await fake.left.wait()
        assert not other.done()
        other.cancel()
        assert (await ask("omi", "hi")).choices[0].message.content == "You asked: hi"
