"""Forms of a webhook's body, and their parsing."""

import asyncio
import json
from pathlib import Path

import pytest

from omi_actors.actors.session.messages import IngestSegments, KeepRaw
from tests.web.conftest import UID

SAMPLES = Path(__file__).parents[1] / "samples" / "omi"
INDEX = [sample for sample in json.loads((SAMPLES / "index.json").read_text())["samples"] if sample["method"]]


def segment(text="hello", **members):
    return {"id": "s1", "text": text, "speaker": "SPEAKER_01", "is_user": True, "start": 1.0, "end": 2.5, **members}


@pytest.mark.parametrize("sample", INDEX, ids=lambda sample: sample["file"])
async def test_every_sample_is_answered_200_and_nothing_of_it_is_dropped(sample, connection, system):
    query = "&".join(f"{name}={value}" for name, value in sample["query"].items())
    body = (SAMPLES / sample["file"]).read_bytes()

    reply = await connection.request("POST", f"/omi-webhook?{query}", body, sample["headers"])

    assert (reply.status, reply.json, reply.dropped) == (200, {}, None)
    sent = json.loads(body)
    if sample["kind"] == "realtime_transcript":
        heard = sent if isinstance(sent, list) else sent["segments"]
        assert system.texts == [piece["text"] for piece in heard]
    else:
        (kept,) = system.received
        assert (type(kept), kept.kind, kept.body) == (KeepRaw, sample["kind"], body)


async def test_segment_arrives_whole(post, system):
    await post({"segments": [segment(speaker_id=3, person_id="p1")]})

    (message,) = system.received
    (heard,) = message.segments
    assert (message.session_key, message.uid) == (f"omi:{UID}", UID)
    assert (heard.segment_id, heard.text, heard.speaker, heard.speaker_id) == ("s1", "hello", "SPEAKER_01", 3)
    assert (heard.is_user, heard.person_id, heard.start_s, heard.end_s) == (True, "p1", 1.0, 2.5)


@pytest.mark.parametrize("name", ["speaker", "person_id", "personId"])
async def test_huge_label_becomes_a_short_one_that_is_its_own(name, post, system):
    labels = ["x" * 200, "x" * 1_000_000, "x" * 999_999 + "y"]
    await post({"segments": [segment(**{name: label}) for label in labels]})

    (message,) = system.received
    short, *digests = (heard.speaker if name == "speaker" else heard.person_id for heard in message.segments)
    assert short == labels[0]
    assert [len(digest) < 100 for digest in digests] == [True, True]
    assert digests[0] != digests[1]


async def test_array_in_camel_case_is_understood(post, system):
    await post([{"text": "a", "speakerId": 4, "isUser": True, "personId": "p"}], f"session_id=abc&uid={UID}")

    (heard,) = system.received[0].segments
    assert (heard.speaker_id, heard.is_user, heard.person_id, heard.segment_id) == (4, True, "p", "")


@pytest.mark.parametrize("body", [{"segments": []}, {"segments": None}, []])
async def test_nothing_to_keep_is_nothing_to_ask(body, post, system):
    reply = await post(body)

    assert (reply.status, reply.json, reply.dropped) == (200, {}, None)
    assert system.received == []


@pytest.mark.parametrize(
    ("query", "members", "owner"),
    [
        ("uid=q", {"uid": "b", "session_id": "s"}, "q"),
        ("session_id=qs", {"uid": "b", "session_id": "s"}, "b"),
        ("session_id=qs", {"user_id": "b2", "session_id": "s"}, "b2"),
        ("session_id=qs", {"session_id": "s"}, "s"),
        ("session_id=qs", {}, "qs"),
        ("uid=", {"uid": "b"}, "b"),
        ("uid=old&uid=new", {}, "new"),
        ("uid=%61b", {}, "ab"),
        ("x=y", {"userId": "camel"}, "camel"),
        ("x=y", {"uid": 77}, "77"),
    ],
)
async def test_owner_is_the_querys_uid_else_the_bodys_else_the_session_id(query, members, owner, post, system):
    await post({"segments": [segment()], **members}, query)

    assert system.received[0].uid == owner


@pytest.mark.parametrize(
    ("body", "query", "reason"),
    [
        (7, "uid=u", "not_an_object"),
        ("text", "uid=u", "not_an_object"),
        (None, "uid=u", "not_an_object"),
        ({"segments": "all"}, "uid=u", "segments_not_an_array"),
        ({"segments": {}}, "uid=u", "segments_not_an_array"),
        ({"segments": [{"text": "x"}]}, "x=y", "no_owner"),
        ({"segments": [{"text": "x"}]}, "uid=../x", "invalid_owner"),
        ({"segments": [{"text": "x"}]}, f"uid={'u' * 129}", "invalid_owner"),
        ({"segments": [{"text": "x"}]}, "uid=u%0a", "invalid_owner"),
    ],
)
async def test_odd_payload_is_answered_200_with_the_reason(body, query, reason, post, system, metric):
    before = metric("omi_webhooks_dropped_total", reason=reason)

    reply = await post(body, query)

    assert (reply.status, reply.json, reply.dropped) == (200, {}, reason)
    assert system.received == []
    assert metric("omi_webhooks_dropped_total", reason=reason) == before + 1


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b'{"segments": [}', "line 1, column 15"),
        (b"", "line 1, column 1"),
        (b'{"segments": []} x', "line 1, column 18"),
        (b'{\n "text": tru}', "line 2, column 10"),
        (b'{"a": 1', "line 1, column 8"),
    ],
)
async def test_malformed_json_is_answered_400_with_the_place_and_no_quote(body, place, post):
    reply = await post(body)

    assert (reply.status, reply.json["code"], reply.json["error"]) == (
        400,
        "malformed_json",
        f"The body is not JSON: {place}.",
    )


async def test_nesting_without_end_is_malformed(post):
    reply = await post(b'{"a":' + b"[" * 50_000 + b"]" * 50_000 + b"}")

    assert reply.status == 400
    assert "nested too deeply" in reply.json["error"]


async def test_invalid_segments_are_dropped_by_name_and_the_good_ones_kept(post, system, metric):
    before = metric("omi_segments_total", outcome="invalid")

    reply = await post({"segments": [segment("a"), None, {"text": 5}, segment("b")]})

    assert reply.status == 200
    assert reply.dropped == "2 of 4 segments invalid: $.segments[1] expected object, $.segments[2].text expected string"
    assert system.texts == ["a", "b"]
    assert metric("omi_segments_total", outcome="invalid") == before + 2


async def test_many_invalid_segments_are_counted_and_the_first_named(post, system):
    reply = await post([None] * 9)

    assert reply.dropped.startswith("9 of 9 segments invalid: $[0] expected object, $[1]")
    assert reply.dropped.endswith("$[4] expected object, and 4 more")
    assert system.received == []


@pytest.mark.parametrize(
    "odd", ["speaker", "speaker_id", "is_user", "person_id", "start", "end", "id", "translations", "future"]
)
async def test_oddity_beside_the_text_does_not_lose_the_text(odd, post, system):
    reply = await post({"segments": [segment("kept", **{odd: {"a": [1]}})]})

    assert reply.dropped is None
    assert system.texts == ["kept"]


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        (b'"start": NaN, "end": Infinity', (0.0, 0.0)),
        (b'"start": -3, "end": -1', (0.0, 0.0)),
        (b'"start": 1e999, "end": 4', (0.0, 4.0)),
        (b'"start": 5, "end": 4', (5.0, 5.0)),
        (b'"start": null', (0.0, 0.0)),
        (b'"start": "7", "end": true', (0.0, 0.0)),
        (b'"start": 3', (3.0, 3.0)),
        (b'"start": 1' + b"0" * 350, (0.0, 0.0)),
    ],
)
async def test_impossible_times_become_zero_or_the_start(times, expected, post, system):
    await post(b'{"segments": [{"text": "a", ' + times + b"}]}")

    (heard,) = system.received[0].segments
    assert (heard.start_s, heard.end_s) == expected


@pytest.mark.parametrize("speaker_id", [2**31, -(2**31) - 1, 10**400, 1.5, "3", True])
async def test_speaker_number_that_no_column_holds_is_unknown(speaker_id, post, system):
    await post({"segments": [segment(speaker_id=speaker_id)]})

    assert system.received[0].segments[0].speaker_id is None


async def test_number_of_too_many_digits_does_not_lose_the_text(post, system):
    await post(b'{"segments": [{"text": "a", "speaker_id": ' + b"9" * 5000 + b', "id": 1' + b"0" * 5000 + b"}]}")

    assert system.texts == ["a"]


async def test_long_segment_id_is_shortened_and_stays_the_same(post, system):
    await post({"segments": [segment(id="x" * 5000), segment(id="x" * 5000), segment(id="y" * 5000)]})

    first, again, other = (heard.segment_id for heard in system.received[0].segments)
    assert first == again != other
    assert len(first) < 100


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ('{"segments":[{"text":"grüß"}]}'.encode("utf-8-sig"), {}),
        ('{"segments":[{"text":"grüß"}]}'.encode("utf-16"), {}),
        ('{"segments":[{"text":"grüß"}]}'.encode("utf-16-be"), {}),
        ('{"segments":[{"text":"grüß"}]}'.encode("utf-32"), {}),
        ('{"segments":[{"text":"grüß"}]}'.encode("latin-1"), {"Content_Type": "application/json; charset=ISO-8859-1"}),
        ('{"segments":[{"text":"grüß"}]}'.encode(), {"Content_Type": "application/json; charset=utf-8"}),
        ('{"segments":[{"text":"grüß"}]}'.encode(), {"Content_Type": "application/json; charset=klingon"}),
        ('{"segments":[{"text":"grüß"}]}'.encode(), {"Content_Type": "application/json; charset=idna"}),
        ('{"segments":[{"text":"grüß"}]}'.encode(), {"Content_Type": "application/json; charset=undefined"}),
        (b'{"segments":[{"text":"gr\\u00fc\\u00df"}]}', {"Content_Type": "text/plain"}),
    ],
)
async def test_text_is_read_in_any_encoding(body, headers, post, system):
    reply = await post(body, **headers)

    assert reply.dropped is None
    assert system.texts == ["grüß"]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (b"a\\u0000b", "ab"),
        (b"\\ud83d\\ude00", "\U0001f600"),
        (b"\\ud83d!", "\ufffd!"),
        (b"caf\xe9!", "caf\ufffd!"),
        (b"\xed\xa0\x80", "\ufffd\ufffd\ufffd"),
    ],
)
async def test_text_that_no_store_takes_is_mended(text, kept, post, system):
    await post(b'{"segments":[{"text":"' + text + b'"},{"text":"ok"}]}')

    assert system.texts == [kept, "ok"]
    kept.encode()


async def test_both_senders_of_a_conversation_give_it_one_key(connection, system):
    for file in ("12_conversation_created_app.json", "13_conversation_created_dev_webhook.json"):
        headers = next(sample["headers"] for sample in INDEX if sample["file"] == file)
        await connection.request("POST", f"/omi-webhook?uid={UID}", (SAMPLES / file).read_bytes(), headers)

    assert [kept.dedupe_key for kept in system.received] == ["memory_created:098eb133-659e-451c-8a53-cd7bcedff1d9"] * 2


@pytest.mark.parametrize(
    ("body", "headers", "key"),
    [
        ({"summary_json": {"id": "d1"}, "id": "no"}, {}, "day_summary:d1"),
        ({"a": 1}, {"X_Omi_Idempotency_Key": "x", "Idempotency_Key": "i"}, "other:x"),
        ({"a": 1}, {"Idempotency_Key": "i"}, "other:i"),
        ({"a": 1}, {}, "other:sha256:f9d86028c6e0d64e225186f96acb69338b2c59764df79162107f5c4bb34d1310"),
    ],
)
async def test_key_of_an_event_is_its_own_id_else_the_senders_else_its_hash(body, headers, key, post, system):
    await post(body, **headers)

    assert system.received[0].dedupe_key == key


async def test_combined_payload_does_both(post, system):
    await post({"segments": [segment("spoken")], "id": "c1", "structured": {"title": "t"}, "discarded": False})

    heard, kept = system.received
    assert (type(heard), type(kept)) == (IngestSegments, KeepRaw)
    assert (system.texts, kept.kind, kept.dedupe_key) == (["spoken"], "memory_created", "memory_created:c1")


async def test_audio_is_discarded_with_its_reason(post, system, metric):
    before = metric("omi_webhooks_dropped_total", reason="audio_not_kept")

    reply = await post(b"\x00\x01" * 999, f"sample_rate=16000&uid={UID}", Content_Type="application/octet-stream")

    assert (reply.status, reply.json, reply.dropped) == (200, {}, "audio_not_kept")
    assert metric("omi_webhooks_dropped_total", reason="audio_not_kept") == before + 1
    assert system.received == []


async def test_path_with_a_slash_at_its_end_is_the_same(connection, system):
    reply = await connection.request("POST", "/omi-webhook/?uid=u", b'{"segments":[{"text":"a"}]}')

    assert (reply.status, system.texts) == (200, ["a"])


@pytest.mark.parametrize(("begin", "end"), [(1.5e308, 1.6e308), (1.0, 1.5e308), (1e200, 2.0)])
async def test_time_that_no_store_takes_gets_a_harmless_value(begin, end, post, system):
    reply = await post({"segments": [segment(start=begin, end=end)]})

    (heard,) = system.received[0].segments
    assert reply.dropped is None
    assert 0.0 <= heard.start_s <= heard.end_s <= 1e9


async def test_event_id_with_a_lone_surrogate_is_mended(post, system):
    await post(b'{"id": "\\ud800a", "structured": {"title": "x"}}')

    assert system.received[0].dedupe_key == "memory_created:\ufffda"


async def test_body_of_oddities_does_not_hold_the_loop(post):
    body = b"[" + b"{}," * 80_000 + b"{}]"
    loop, late = asyncio.get_running_loop(), []

    def look(due):
        late.append(loop.time() - due)
        watch[0] = loop.call_later(0.005, look, loop.time() + 0.005)

    watch = [loop.call_later(0.005, look, loop.time() + 0.005)]
    reply = await post(body)
    watch[0].cancel()

    assert reply.dropped is not None
    assert max(late) < 0.25


ENDS = [
    {"end": True},
    {"final": True},
    {"is_final": True},
    {"segments": [segment(is_last_segment=True)]},
    {"segments": [segment(), segment(id="s2", segment_type="end")]},
    {"segments": [segment(end=True)]},
]
GOES_ON = [
    {},
    {"end": 1, "final": False, "is_final": None},
    {"segments": [segment('he said "end": true and "final": true')]},
    {"segments": [segment(segment_type="ending", is_last_segment=False)]},
]


@pytest.mark.parametrize(("body", "ends"), [*((body, True) for body in ENDS), *((body, False) for body in GOES_ON)])
@pytest.mark.parametrize("separators", [None, (",", ":")])
async def test_end_of_a_conversation_is_understood_beside_the_segments_and_in_one(
    body, ends, separators, connection, system
):
    sent = json.dumps({"session_id": UID, "segments": [segment()], **body}, separators=separators).encode()

    await connection.request("POST", f"/omi-webhook?uid={UID}", sent)

    assert [message.ends_meeting for message in system.received] == [ends]


async def test_end_of_a_conversation_without_segments_reaches_its_session(post, system):
    await post({"session_id": UID, "segments": [], "end": True})

    (message,) = system.received
    assert (message.segments, message.ends_meeting) == ((), True)
