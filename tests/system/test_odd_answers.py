"""Odd servers of models, by each way to ask: a chat, a chat that is streamed, the webhook."""

import asyncio
import json

import pytest

from config.settings import load_settings
from omi_actors.cli.server import build_model
from tests.canaries import MODEL_KEY
from tests.fakes.odd_answers import ODD, build_question, serve_odd
from tests.system.conftest import ADMIN
from tests.web.http_client import Connection
from tests.web.test_chat_stream import Stream

CASES = (
    *("end: open after done", "end: open after a reason", "end: torn after done", "end: cut with empty reasons"),
    *("end: reason error", "end: reason SAFETY", "shape: whole body, pretty", "shape: many lines", "shape: empty data"),
    *("shape: choices null", "shape: content as parts", "shape: no number", "shape: broken UTF-8", "shape: NUL"),
    *("shape: half an emoji", "shape: page of a browser", "error: no credit", "error: filter within the answer"),
    *("speech: think", "speech: unopened", "speech: channels of Harmony", "speech: mark <|im_end|>"),
    *("speech: reasoning only", "speech: tool call only", "speech: tokens spent"),
)


@pytest.fixture
async def odd():
    async with serve_odd() as server:
        yield server


@pytest.fixture
async def program(start, odd):
    given = {
        "OPENAI_API_KEY": MODEL_KEY,
        "OPENAI_BASE_URL": odd.url,
        "QUEUE_MAX_RETRIES": "2",
        "MODEL_BREAKER_FAILURES": "100",
    }
    model = build_model(load_settings(overrides=given))
    await model.load()
    yield await start(model=model, **given)
    await model.close()


async def chat(program, connection, question, label):
    body = json.dumps({"message": question, "session_id": label}).encode()
    form = (await connection.request("POST", "/chat", body, ADMIN)).json
    return form.get("response") or form["error"]


async def stream(program, connection, question, label):
    stream = Stream(connection)
    await stream.begin(json.dumps({"message": question, "session_id": label}).encode())
    *events, (_, form) = await stream.rest()
    shown = ""
    for kind, delta in events:
        shown = delta["text"] if kind == "delta" and delta.get("restart") else shown + delta.get("text", "")
    assert "response" not in form or shown.strip() == form["response"]
    return form.get("response") or form["error"]


async def webhook(program, connection, question, label):
    return (await program.say(f"Hey Omi, {question}", uid=label, connection=connection)).json["message"]


@pytest.mark.parametrize("way", [chat, stream, webhook])
async def test_odd_answer_is_told_alike_by_each_way_to_ask(program, odd, way):
    async def ask(number, name):
        async with await Connection.open(program.port) as connection:
            told = await way(program, connection, build_question(name), f"who-{number}")
        return name, told if told == ODD[name].told or ODD[name].told not in told else ODD[name].told

    told = dict(await asyncio.gather(*(ask(number, name) for number, name in enumerate(CASES))))

    assert told == {name: ODD[name].told for name in CASES}
    assert odd.asks == {name: ODD[name].asks for name in CASES}
