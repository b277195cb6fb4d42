"""Typed messages, windows and spaces over HTTP, on each database."""

import asyncio
import json

import pytest

from omi_actors.clients.model import DemoModel, ModelAnswer
from omi_actors.errors import UpstreamRejectedError
from omi_actors.store.people import conversations
from tests.people.conftest import Client
from tests.people.talks import fill, own
from tests.people.test_conversations import register
from tests.system.conftest import eventually
from tests.system.test_promises import GatedModel
from tests.web.http_client import Connection


class RefusingModel(DemoModel):
    """A model that answers nothing."""

    async def answer(self, *_args, **_kwargs) -> ModelAnswer:
        raise UpstreamRejectedError("no", code="refused")


class RememberingModel(DemoModel):
    """A model that keeps the prompts."""

    def __init__(self):
        super().__init__()
        self.prompts = []

    async def answer(self, prompt, **more) -> ModelAnswer:
        self.prompts.append(prompt)
        return await super().answer(prompt, **more)


async def send(client, text="how far is the moon", **where):
    return await client("POST", "/messages/send", {"text": text, **where})


async def messages_of(client, conversation_id):
    return (await client("GET", f"/conversations/{conversation_id}/messages")).json["items"]


async def test_message_in_a_new_slot_begins_a_conversation_and_is_answered(ada):
    await register(ada)

    reply = await send(ada, slot=2)

    assert (reply.status, reply.json.get("ok")) == (200, True), reply
    assert reply.json["assistant_text"] == reply.json["message"]
    conversation_id = reply.json["conversation_id"]
    answer, question = await messages_of(ada, conversation_id)
    assert [(one["role"], one["source"]) for one in (question, answer)] == [
        ("USER", "FRONTEND"),
        ("ASSISTANT", "SYSTEM"),
    ]
    assert (question["text"], answer["text"]) == ("how far is the moon", reply.json["message"])
    assert question["createdAt"] < answer["createdAt"]
    windows = (await ada("GET", "/windows")).json["items"]
    assert [(one["slot"], one["isActive"], one["conversationId"]) for one in windows] == [
        (slot, slot == 2, conversation_id if slot == 2 else None) for slot in range(1, 6)
    ]
    assert (await ada("GET", "/conversations/current")).json["conversation"]["id"] == conversation_id
    again = await send(ada, "and the sun", conversation_id=conversation_id)
    assert again.json["conversation_id"] == conversation_id
    assert len(await messages_of(ada, conversation_id)) == 4


async def test_message_goes_to_the_named_conversation_of_a_wearable_and_not_to_its_latest(running, ada):
    me = await register(ada)
    await running.say("Hey Omi, what is the capital of France?")
    await running.say("Something else entirely.", sid="s2", start=500.0)
    await own(running.system.store, me)
    latest, first = (await ada("GET", "/conversations")).json["items"]

    reply = await send(ada, conversation_id=first["id"])

    assert reply.json["conversation_id"] == first["id"]
    assert len(await messages_of(ada, first["id"])) == 4
    assert await messages_of(ada, latest["id"]) == []


async def test_late_answer_is_promised_not_stored_and_found_among_the_messages(start, database_url):
    model = GatedModel()
    running = await start(database_url, model=model, MESSAGE_REPLY_DEADLINE_MS="100", ENABLE_RATE_LIMIT="false")
    ada = Client(running.connection)
    await register(ada)

    reply = await send(ada, "Wie weit ist der Mond von der Erde?", slot=1)
    assert (reply.status, reply.json["pending"]) == (200, True)
    assert reply.json["message"].startswith("Ich denke noch nach.")
    assert [one["role"] for one in await messages_of(ada, reply.json["conversation_id"])] == ["USER"]

    model.gate.set()
    await eventually(lambda: has_messages(ada, reply.json["conversation_id"], 2))
    answer, _ = await messages_of(ada, reply.json["conversation_id"])
    assert (answer["role"], answer["text"] != reply.json["message"]) == ("ASSISTANT", True)
    # Seen in the conversation: no other channel brings it again.
    await eventually(lambda: has_rows(running, "SELECT state, channel FROM delivery", [("sent", "chat")]))


async def has_messages(client, conversation_id, count):
    return len(await messages_of(client, conversation_id)) == count


async def has_rows(running, sql, rows):
    return await running.system.store.read(lambda tx: tx.fetch(sql)) == rows


async def test_question_that_is_not_stored_yet_is_not_promised_an_answer(start, monkeypatch):
    looks: list[int] = []
    real = conversations.list_messages

    def not_yet(tx, *args, **kwargs):
        looks.append(len(looks))
        return real(tx, *args, **kwargs) if len(looks) > 2 else ()

    monkeypatch.setattr(conversations, "list_messages", not_yet)
    model = GatedModel()
    ada = Client((await start(model=model, MESSAGE_REPLY_DEADLINE_MS="100")).connection)
    await ada.register()

    reply = await ada("POST", "/messages/send", {"text": "How far is the moon?", "slot": 1})

    assert (reply.status, reply.json["pending"], looks) == (200, True, [0, 1, 2])
    model.gate.set()


async def test_message_is_answered_though_its_client_leaves(start, database_url):
    model = GatedModel()
    running = await start(database_url, model=model, ENABLE_RATE_LIMIT="false")
    ada = Client(running.connection)
    await register(ada)
    await ada("POST", "/windows/activate", {"slot": 1})
    phone = Client(await Connection.open(running.port), ada.token)
    asking = asyncio.create_task(send(phone, slot=1))
    async with asyncio.timeout(10):
        await model.asked.wait()
    phone.connection.abort()
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await asking

    model.gate.set()

    conversation_id = (await ada("GET", "/windows")).json["items"][0]["conversationId"]
    await eventually(lambda: has_messages(ada, conversation_id, 2))


async def test_failed_question_is_answered_with_the_reason(start):
    running = await start(model=RefusingModel())
    ada = Client(running.connection)
    await register(ada)

    reply = await send(ada, slot=1)

    assert (reply.status, reply.json["failed"]) == (200, True)
    answer, _ = await messages_of(ada, reply.json["conversation_id"])
    assert (answer["kind"], answer["text"]) == ("failure", reply.json["message"])


async def test_message_with_a_key_is_asked_once(ada):
    await register(ada)

    replies = [
        await ada("POST", "/messages/send", {"text": "how far is the moon", "slot": 1}, Idempotency_Key="k1")
        for _ in range(2)
    ]

    assert replies[0].json == replies[1].json
    assert len(await messages_of(ada, replies[0].json["conversation_id"])) == 2


async def begin_stream(client, key, **form):
    """Ask for a stream; its headers have come."""
    reply = await client("POST", "/messages/send", form, Accept="text/event-stream", Idempotency_Key=key)
    assert (reply.status, reply.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")


async def read_events(client):
    """Return the events of a stream up to its end, as (name, data)."""
    async with asyncio.timeout(10):
        body = (await client.connection._read_chunks()).decode()
    parts = [part.split("\n") for part in body.split("\n\n") if part and not part.startswith(":")]
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in parts]


@pytest.fixture
async def gated(start, database_url):
    """A person, a phone of theirs, a new conversation, and the model, which waits before each answer."""
    model = GatedModel()
    running = await start(database_url, model=model, ENABLE_RATE_LIMIT="false")
    ada = Client(running.connection)
    await register(ada)
    begun = (await ada("POST", "/conversations", {})).json["conversation"]["id"]
    phone = Client(await Connection.open(running.port), ada.token)
    yield ada, phone, begun, model
    await phone.connection.close()


async def test_streamed_message_has_pieces_and_ends_with_the_form_of_the_plain_reply(ada):
    await register(ada)
    plain = await send(ada, slot=1)

    await begin_stream(ada, "k1", text="how far is the sun", slot=1)

    *pieces, (name, done) = await read_events(ada)
    assert name == "done"
    assert {name for name, _ in pieces} == {"delta"}
    assert "".join(data["text"] for _, data in pieces) == done["message"]
    assert done.keys() == plain.json.keys()
    assert done["conversation_id"] == plain.json["conversation_id"]
    assert len(await messages_of(ada, done["conversation_id"])) == 4


async def test_streamed_question_that_fails_ends_with_the_reason(start):
    running = await start(model=RefusingModel())
    ada = Client(running.connection)
    await register(ada)

    await begin_stream(ada, "k1", text="hi there", slot=1)

    *_, (name, problem) = await read_events(ada)
    assert (name, problem["code"]) == ("error", "no_answer")


async def test_streamed_message_is_answered_though_its_client_leaves_and_its_key_finds_the_answer(gated):
    ada, phone, begun, model = gated
    form = {"text": "how far is the moon", "conversation_id": begun}
    await begin_stream(phone, "k1", **form)
    async with asyncio.timeout(10):
        await model.asked.wait()
    phone.connection.abort()

    model.gate.set()

    await begin_stream(ada, "k1", **form)
    *_, (name, done) = await read_events(ada)
    assert name == "done"
    answer, question = await messages_of(ada, begun)
    assert (question["text"], answer["text"]) == (form["text"], done["message"])


async def test_stopped_question_gets_no_answer_and_its_stream_ends(gated):
    ada, phone, begun, model = gated
    await begin_stream(phone, "k1", text="how far is the moon", conversation_id=begun)
    async with asyncio.timeout(10):
        await model.asked.wait()

    stops = [
        await ada("POST", "/messages/stop", {"conversation_id": begun}, Idempotency_Key=key)
        for key in ("k2", "k1", "k1")
    ]

    assert [reply.json["stopped"] for reply in stops] == [False, True, False]
    *_, (name, problem) = await read_events(phone)
    assert (name, problem["error"]) == ("error", "The question was stopped.")
    model.gate.set()
    assert (await send(ada, "and the sun", conversation_id=begun)).status == 200
    assert [one["role"] for one in await messages_of(ada, begun)] == ["ASSISTANT", "USER", "USER"]


async def test_new_conversation_is_used_before_another_begins_and_knows_nothing_of_others(start, database_url):
    model = RememberingModel()
    running = await start(database_url, model=model)
    ada = Client(running.connection)
    await register(ada)

    begun = [(await ada("POST", "/conversations", form)).json["conversation"] for form in ({}, {"title": " Moon "})]
    assert (begun[0]["id"], begun[1]["title"]) == (begun[1]["id"], "Moon")
    first = begun[0]["id"]
    await send(ada, "how far is the moon", conversation_id=first)
    second = (await ada("POST", "/conversations", {})).json["conversation"]["id"]
    await send(ada, "what is a prime", conversation_id=second)
    await send(ada, "and the sun", conversation_id=first)

    assert second != first
    said = [str(prompt.messages) for prompt in model.prompts]
    assert "moon" not in said[1]
    assert "moon" in said[2]
    assert "prime" not in said[2]
    assert [len(await messages_of(ada, one)) for one in (first, second)] == [4, 2]


async def test_exactly_one_window_is_active_also_when_all_are_activated_at_once(running, ada):
    await register(ada)
    clients = [Client(await Connection.open(running.port), ada.token) for _ in range(10)]

    replies = await asyncio.gather(
        *(one("POST", "/windows/activate", {"slot": number % 5 + 1}) for number, one in enumerate(clients))
    )

    assert sorted(reply.json["active_slot"] for reply in replies) == sorted([1, 2, 3, 4, 5] * 2)
    windows = (await ada("GET", "/windows")).json["items"]
    assert sum(one["isActive"] for one in windows) == 1
    assert len({one["conversationId"] for one in windows}) == 5
    assert len((await ada("GET", "/conversations")).json["items"]) == 5
    for client in clients:
        await client.connection.close()


async def test_another_window_becomes_active_when_the_active_one_is_deleted(ada):
    await register(ada)
    for slot in (2, 4):
        assert (await ada("POST", "/windows/activate", {"slot": slot})).json == {"ok": True, "active_slot": slot}
    windows = (await ada("GET", "/windows")).json["items"]

    assert (await ada("DELETE", f"/conversations/{windows[3]['conversationId']}")).status == 200
    windows = (await ada("GET", "/windows")).json["items"]
    assert [(one["slot"], one["isActive"]) for one in windows if one["conversationId"]] == [(2, True)]

    reply = await send(ada, slot=4)
    windows = (await ada("GET", "/windows")).json["items"]
    assert [one["slot"] for one in windows if one["isActive"]] == [4]
    assert windows[3]["conversationId"] == reply.json["conversation_id"]


async def test_window_of_a_conversation_that_left_the_person_is_empty(running, ada):
    me = await register(ada)
    store = running.system.store
    (conversation_id,) = await store.write(fill, me)
    sql = "INSERT INTO context_window VALUES (?, 3, ?, TRUE, 0)"
    await store.write(lambda tx: tx.run(sql, (me, conversation_id)))
    assert (await ada("GET", "/windows")).json["items"][2]["conversationId"] == conversation_id

    await store.write(lambda tx: tx.run("UPDATE session SET account_id = NULL"))

    assert (await ada("GET", "/windows")).json["items"][2]["conversationId"] is None
    assert (await send(ada, slot=3)).json["conversation_id"] != conversation_id


async def test_space_of_the_person_changes_answers_in_sessions_without_one_of_their_own(start, database_url):
    model = RememberingModel()
    running = await start(database_url, model=model)
    ada = Client(running.connection)
    await register(ada)
    names = ["default", "todos", "memories", "tasks", "agent", "friends", "notifications"]
    assert (await ada("GET", "/spaces")).json == {"ok": True, "active": "default", "spaces": names}
    await send(ada, slot=1)

    assert (await ada("POST", "/spaces/switch", {"space": " Todos "})).json == {"ok": True, "active": "todos"}

    assert (await ada("GET", "/spaces")).json["active"] == "todos"
    await send(ada, "and what is next", slot=1)
    before, after = (str(prompt.messages) for prompt in model.prompts)
    assert "things to do" in after
    assert "things to do" not in before


async def test_messages_to_conversations_of_others_are_refused_and_not_stored(running, ada):
    me = await register(ada)
    bob = ada.other()
    await register(bob, email="bob@example.com")
    store = running.system.store
    (mine,) = await store.write(fill, me)
    (nobodys,) = await store.write(fill, None)

    replies = [await send(bob, conversation_id=one) for one in (mine, nobodys, "nonsense")]

    assert [(reply.status, reply.json["error"]) for reply in replies] == [(404, "Conversation not found")] * 3
    assert await store.read(lambda tx: tx.fetch("SELECT count(*) FROM message")) == [(0,)]


BODIES = [
    ("/messages/send", {}, "text is required"),
    ("/messages/send", {"text": " \n", "slot": 1}, "text is required"),
    ("/messages/send", {"text": "hi"}, "Provide conversation_id or slot (1-5)"),
    ("/messages/send", {"text": "hi", "slot": 1, "conversation_id": "x"}, "Provide conversation_id or slot (1-5)"),
    ("/messages/send", {"text": 5, "slot": 1}, "`text` must be a string."),
    ("/messages/send", {"text": "hi", "slot": 6}, "slot must be 1-5"),
    ("/messages/send", {"text": "hi", "slot": 0}, "slot must be 1-5"),
    ("/messages/send", {"text": "hi", "slot": "1"}, "`slot` must be a whole number."),
    ("/messages/send", {"text": "hi", "slot": 1.5}, "`slot` must be a whole number."),
    ("/messages/send", {"text": "hi", "slot": True}, "`slot` must be a whole number."),
    ("/messages/send", {"text": "a\x00b", "slot": 1}, "`text` must be text."),
    ("/messages/send", {"text": "hi", "conversation_id": "x" * 65}, "`conversation_id` has 65 characters."),
    ("/messages/send", {"text": "x" * 51, "slot": 1}, "`text` has 51 characters."),
    ("/messages/send", {"text": "hi", "slot": 1, "role": "system"}, "`role` is not a field here."),
    ("/messages/stop", {}, "Idempotency-Key and conversation_id are required"),
    ("/conversations", {"title": 5}, "`title` must be a string."),
    ("/windows/activate", {}, "slot must be 1-5"),
    ("/windows/activate", {"slot": -1}, "slot must be 1-5"),
    ("/windows/activate", {"slot": 10**30}, "slot must be 1-5"),
    ("/windows/activate", {"slot": None}, "slot must be 1-5"),
    ("/windows/activate", {"slot": 1.5}, "slot must be 1-5"),
    ("/windows/activate", {"slot": True}, "slot must be 1-5"),
    ("/windows/activate", b'{"slot":1,"slot":2}', "`slot` is given twice."),
    ("/spaces/switch", {}, "Invalid space"),
    ("/spaces/switch", {"space": "kitchen"}, "Invalid space"),
    ("/spaces/switch", {"space": 1}, "`space` must be a string."),
]


async def test_odd_body_is_refused_with_its_field_and_begins_nothing(start):
    running = await start(CHAT_MAX_MESSAGE_CHARS="50", ENABLE_RATE_LIMIT="false")
    ada = Client(running.connection)
    await register(ada)

    replies = [await ada("POST", path, body) for path, body, _ in BODIES]

    assert [(reply.status, reply.json["error"]) for reply in replies] == [(400, error) for *_, error in BODIES]
    assert all(reply.json["hint"] for reply in replies)
    assert (await ada("GET", "/conversations")).json["items"] == []
    assert (await ada("GET", "/spaces")).json["active"] == "default"


async def test_polling_has_a_limit_of_its_own_for_each_account(start):
    running = await start(RATE_LIMIT_MAX_REQUESTS="3")
    ada, bob = Client(running.connection), Client(running.connection)
    await register(ada)
    await register(bob, email="bob@example.com")

    polled = [(await ada("GET", path)).status for path in ("/windows", "/conversations/current") * 2]
    others = [(await ada("GET", "/spaces")).status, (await bob("GET", "/windows")).status]

    assert (polled, others) == ([200, 200, 200, 429], [200, 200])
