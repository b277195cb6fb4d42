"""Unknown fields of a request set nothing; replies have exactly the listed fields."""

import json
from dataclasses import replace

import pytest

from tests.canaries import ADMIN_TOKEN
from tests.web.conftest import ADMIN
from tests.web.http_client import Connection
from web.auth import ChatSecrets

# By names of our own, of the store's columns and of other servers.
GREEDY = {
    "owner": "operator",
    "is_operator": True,
    "isOperator": True,
    "role": "system",
    "session_key": "omi:eve",
    "sessionKey": "omi:eve",
    "key": "given:taken",
    "asker_id": "a1",
    "may_be_known": True,
    "on_delta": None,
    "received_at": 0,
    "needs_news": False,
    "epoch": 99,
    "seq": 1,
    "model": "dear",
    "max_tokens": 10**9,
    "deadline_s": 10**9,
    "createdAt": "2001-01-01T00:00:00Z",
    "__proto__": {"is_operator": True},
}


async def test_chat_takes_message_context_and_label_and_nothing_else(connection, system):
    plain = {"message": "hi", "context": "c", "session_id": "a"}
    secret = {"X-Chat-Secret": ChatSecrets(ADMIN_TOKEN.encode()).issue()}

    for body in (plain, GREEDY | plain):
        assert (await connection.request("POST", "/chat", json.dumps(body).encode(), secret)).status == 200

    modest, greedy = (replace(question, asker_id="", key="") for question in system.questions)
    assert greedy == modest
    assert system.questions[1].key != GREEDY["key"]
    assert system.questions[1].asker_id != GREEDY["asker_id"]


async def test_switch_takes_space_and_label_and_nothing_else(connection, system):
    body = json.dumps(GREEDY | {"session_id": "a", "space": "memories"}).encode()

    reply = await connection.request(
        "POST", "/context/switch", body, {"X-Chat-Secret": ChatSecrets(ADMIN_TOKEN.encode()).issue()}
    )

    assert reply.json["currentSpace"] == "memories"
    assert all(key.startswith("anon:") for key in system.spaces)


@pytest.mark.parametrize("place", ["body", "segment"])
async def test_webhook_takes_known_fields_of_a_segment_only(place, post, system):
    """Omi adds fields every month, so unknown ones are no reason to refuse."""
    segment = {"id": "s1", "text": "hello", "speaker": "SPEAKER_00", "is_user": True, "start": 1.0, "end": 2.0}
    plain = {"session_id": "x", "segments": [segment]}
    odd = {"session_id": "x", "segments": [GREEDY | segment]} if place == "segment" else GREEDY | plain

    for body in (plain, odd):
        assert (await post(body)).dropped is None

    modest, greedy = (replace(message, received_at=0.0) for message in system.received)
    assert greedy == modest


@pytest.mark.parametrize("path", ["/chat", "/context/switch", "/omi-webhook"])
async def test_query_sets_nothing_of_a_body(path, start, system):
    async with await Connection.open(await start()) as connection:
        query = "&".join(f"{name}={value}" for name, value in GREEDY.items() if isinstance(value, str))
        body = json.dumps({"message": "hi", "session_id": "a", "segments": [{"text": "hello"}]}).encode()
        reply = await connection.request("POST", f"{path}?uid=ada&{query}", body)

    assert reply.status == 200
    sessions = [one.session_key for one in (*system.questions, *system.received)] + list(system.spaces)
    assert all(key == "omi:ada" or key.startswith("anon:") for key in sessions)
    assert all(question.key.startswith("made:") for question in system.questions)
    assert sessions


async def test_operators_choice_of_jobs_is_refused_whole_for_one_unknown_field(connection):
    body = json.dumps({"kind": "answer", "sate": "dead"}).encode()

    reply = await connection.request("POST", "/operator/queue/discard", body, ADMIN)

    assert reply.status == 400
