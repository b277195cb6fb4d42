"""Bodies within the limit of bytes that would take long to read, and real ones that are as large."""

import asyncio
import json
import threading

import pytest

from tests.canaries import WEBHOOK_TOKEN
from tests.web.conftest import ADMIN, UID
from tests.web.held_pacer import HeldPacer
from tests.web.http_client import Connection, request_bytes
from web.edge.limits import BodyReaders
from web.webhook.payloads import MAX_MARKS, MAX_SEGMENTS, MAX_TEXT_CHARS, parse_payload

GIANT_BYTES = 1024 * 1024
HOOK = f"/omi-webhook?uid={UID}&token={WEBHOOK_TOKEN}"
# The body that Omi sends for the shortest utterance.
REAL = {
    "id": "0b4f6bd0-3c1d-4bb0-9a43-1d1f1d3a5f10",
    "text": "Yes.",
    "speaker": "SPEAKER_00",
    "speaker_id": 0,
    "is_user": True,
    "person_id": None,
    "start": 1.0,
    "end": 2.5,
}


def test_body_of_the_largest_size_is_read_if_its_segments_are_real():
    one = json.dumps(REAL, separators=(",", ":"))
    count = 10 * 1024 * 1024 // (len(one) + 1)

    payload = parse_payload(f'{{"segments":[{",".join([one] * count)}]}}'.encode(), "application/json")

    assert (len(payload.segments), payload.invalid_count) == (count, 0)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"segments":[' + b"0," * (MAX_MARKS + 1) + b"0]}", "too_many_values"),
        (b"[" + b"{}," * (MAX_MARKS + 1) + b"{}]", "too_many_values"),
        (b'{"segments":[' + b"[" * (MAX_MARKS + 1), "too_many_values"),
        (b'{"structured":[' + b"[0]," * MAX_MARKS + b"0]}", "too_many_values"),
        (b'{"segments":[' + b"0," * MAX_SEGMENTS + b"0]}", "too_many_segments"),
        (b"[" + b"0," * MAX_SEGMENTS + b"0]", "too_many_segments"),
    ],
)
async def test_body_of_too_many_values_is_dropped_with_the_reason(body, reason, post, system):
    reply = await post(body)

    assert (reply.status, reply.dropped, system.received) == (200, reason, [])


async def test_segment_longer_than_speech_costs_only_itself(post, system):
    texts = ["a" * MAX_TEXT_CHARS, "b" * (MAX_TEXT_CHARS + 1), "c"]

    reply = await post({"segments": [{"text": text} for text in texts]})

    assert reply.dropped == f"1 of 3 segments invalid: $.segments[1].text has more than {MAX_TEXT_CHARS} characters"
    assert system.texts == [texts[0], texts[2]]


async def test_odd_segment_of_too_many_values_costs_only_itself(post, system):
    odd = {"text": "a", "is_user": "yes", "more": [[]] * 200_000}

    reply = await post({"segments": [odd, {"text": "b"}]})

    assert reply.dropped == "1 of 2 segments invalid: $.segments[0] has too many values"
    assert system.texts == ["b"]


async def test_half_pairs_far_into_a_text_are_replaced(post, system):
    text = "a" * 65_535 + "\ud83d" + "b" * 65_535 + "\ud83d"

    await post({"segments": [{"text": text}]})

    assert system.texts == [text.replace("\ud83d", "\ufffd")]


async def test_chat_of_too_many_values_is_refused(start):
    body = b'{"message":"hi","context":[' + b"[]," * 200_000 + b"0]}"
    async with await Connection.open(await start(CHAT_MAX_MESSAGE_CHARS="100000")) as connection:
        reply = await connection.request("POST", "/chat", body, ADMIN)

    assert (reply.status, reply.json["code"]) == (413, "too_large")
    assert "values" in reply.json["error"]


@pytest.mark.parametrize("is_chunked", [False, True])
async def test_large_body_waits_for_its_turn_and_a_small_one_does_not(is_chunked, start, system):
    port = await start()
    turns = start.server._site.body_pacer = HeldPacer()
    large = json.dumps({"segments": [{"text": "x" * 200_000}]}).encode()
    framed = b"%x\r\n%s\r\n0\r\n\r\n" % (len(large), large) if is_chunked else large
    length = {"Transfer-Encoding": "chunked"} if is_chunked else {"Content-Length": str(len(large))}
    head = request_bytes("PUT", HOOK, b"", length).replace(b"PUT", b"POST", 1)

    async with await Connection.open(port) as one, await Connection.open(port) as other:
        one.write(head + framed)
        await asyncio.wait_for(turns.asked.wait(), 5)
        small = await other.request("POST", HOOK, b'{"segments":[{"text":"small"}]}')
        told = system.texts
        turns.may_go.set()

        assert (small.status, told) == (200, ["small"])
        assert (await one.reply()).status == 200
    assert system.texts == ["small", "x" * 200_000]


@pytest.fixture
def readers():
    readers = BodyReaders()
    yield readers
    readers.close()


async def test_giants_are_read_one_at_a_time_and_delay_no_other_body(readers):
    begun, may_end = [], threading.Event()

    def read_giant():
        begun.append(1)
        may_end.wait(5)
        return len(begun)

    giants = [readers.read(GIANT_BYTES, read_giant) for _ in range(3)]
    try:
        assert await readers.read(20_000, lambda: "read") == "read"
        assert len(begun) <= 1
    finally:
        may_end.set()
    assert [await giant for giant in giants] == [1, 2, 3]
