"""Omi's payloads, as they come, through the whole system."""

import json
from pathlib import Path
from urllib.parse import urlencode

import pytest

from omi_actors.clients.completion_request import RequestOptions
from omi_actors.clients.openai_model import OpenAIModel
from tests.canaries import MODEL_KEY
from tests.fakes.openai_server import FakeOpenAI

SAMPLES = Path(__file__).parents[1] / "samples" / "omi"
INDEX = [sample for sample in json.loads((SAMPLES / "index.json").read_text())["samples"] if sample["method"]]
UIDS = ("vT5mQ2rJx8NnPzK4eWcLh7sYb1D3", "Zk9aPq3LmT0vWxR7yB2nC5dE8fG1")


async def send(program, sample):
    body = (SAMPLES / sample["file"]).read_bytes()
    return await program.post(body, urlencode(sample["query"]), **sample["headers"])


def heard_in(sample):
    """Return what a sample says, without blank pieces, as (owner, text)."""
    payload = json.loads((SAMPLES / sample["file"]).read_text())
    pieces = payload if isinstance(payload, list) else payload.get("segments", [])
    if sample["kind"] != "realtime_transcript":
        return []
    texts = [piece["text"] for piece in pieces if any(char.isalnum() for char in piece["text"])]
    return [(sample["query"]["uid"], text) for text in texts]


@pytest.mark.parametrize("times", ["one after the other", "all and then all again"])
async def test_every_sample_sent_twice_is_answered_200_and_stands_once_in_the_transcript(start, database_url, times):
    program = await start(database_url)
    order = [s for s in INDEX for _ in range(2)] if times == "one after the other" else INDEX * 2

    replies = [await send(program, sample) for sample in order]

    assert {reply.status for reply in replies} == {200}
    assert {reply.dropped for reply in replies} == {None}
    expected = sorted(spoken for sample in INDEX for spoken in heard_in(sample))
    # 03b is a longer version of 03a: it takes its place.
    expected.remove((UIDS[0], "Hey Omi, remind me"))
    stored = sorted([(uid, text) for uid in UIDS for text in await program.texts(uid)])
    assert stored == expected


async def test_first_sample_is_answered_in_its_own_reply_by_the_demo_model(start, database_url):
    program = await start(database_url)

    reply = await send(program, INDEX[0])

    assert reply.json["message"].startswith("[demo] You asked: what's the capital of Australia?")
    roles = [(m["role"], m["kind"]) for m in (await program.transcript())["messages"]]
    assert roles == [("user", "question"), ("assistant", "answer")]


async def test_first_sample_is_answered_by_an_openai_compatible_server(start, database_url):
    fake = FakeOpenAI()
    server = fake.listen()
    model = OpenAIModel(
        api_key=MODEL_KEY, base_url=fake.url, name="gpt-5-mini-2025-08-07", concurrency=4, options=RequestOptions()
    )
    program = await start(database_url, model=model)

    reply = await send(program, INDEX[0])
    again = await send(program, INDEX[0])

    assert reply.json == {"message": "You asked: what's the capital of Australia?"}
    assert again.json == {}
    assert len(fake.calls) == 1
    await model.close()
    server.stop()
    await server.close_all_connections()


async def test_times_that_fall_back_open_another_conversation(start, database_url):
    program = await start(database_url)
    for name in ("02_rt_multi_speakers.json", "09_rt_new_conversation_reset.json"):
        await send(program, next(sample for sample in INDEX if sample["file"] == name))

    pieces = (await program.transcript())["transcripts"]

    assert len({piece["conversationId"] for piece in pieces[:4]}) == 1
    assert pieces[4]["conversationId"] != pieces[0]["conversationId"]


async def test_speaker_who_is_corrected_afterwards_stands_in_the_transcript_and_is_asked_nothing_again(
    start, database_url
):
    program = await start(database_url)
    spoken = json.loads((SAMPLES / "01_rt_single_segment.json").read_text())
    corrected = [piece | {"speaker": "SPEAKER_7", "is_user": False} for piece in spoken["segments"]]
    answered = await send(program, INDEX[0])

    reply = await program.post(spoken | {"segments": corrected}, urlencode(INDEX[0]["query"]))

    transcript = await program.transcript()
    assert answered.json["message"].startswith("[demo]")
    assert (reply.status, reply.json) == (200, {})
    assert [(piece["speaker"], piece["isUser"]) for piece in transcript["transcripts"]] == [("SPEAKER_7", False)]
    assert [message["role"] for message in transcript["messages"]] == ["user", "assistant"]
