"""Conversations over HTTP, by the shapes that clients read, on each database."""

import pytest

from omi_actors.store.people import recall_index
from tests.people.conftest import Client
from tests.people.talks import fill, own
from web.problems import iso_time

SIX = {"id", "title", "summary", "createdAt", "openaiConversationId", "omiSessionKey"}
MESSAGE = {"id", "conversationId", "role", "text", "source", "kind", "createdAt"}


@pytest.fixture
async def store(running):
    return running.system.store


async def register(client, **more):
    return (await client.register(**more))["user"]["id"]


async def read_all(client, path, **query):
    """Follow the cursor to the end; return all items, and the number of pages."""
    pages: list[list[dict[str, str]]] = []
    more, cursor = "".join(f"&{name}={value}" for name, value in query.items()), ""
    while True:
        reply = await client("GET", f"{path}?cursor={cursor}{more}")
        assert (reply.status, reply.json["ok"]) == (200, True), reply
        pages.append(reply.json["items"])
        cursor = reply.json["nextCursor"]
        if cursor is None:
            return [one for page in pages for one in page], len(pages)


async def test_spoken_question_and_answer_are_read_as_the_app_reads_them(running, ada, store):
    me = await register(ada)
    assert (await ada("GET", "/conversations/current")).json == {
        "ok": True,
        "conversation": None,
        "messages": [],
        "sessionId": None,
    }
    await running.say("Hey Omi, what is the capital of France?")
    await own(store, me)

    (conversation,) = (await ada("GET", "/conversations")).json["items"]
    assert set(conversation) == SIX
    assert (conversation["title"], conversation["openaiConversationId"]) == (None, "")
    path = f"/conversations/{conversation['id']}"
    assert (await ada("GET", path)).json == {"ok": True, "conversation": conversation}

    reply = (await ada("GET", f"{path}/messages")).json
    answer, question = reply["items"]
    assert (reply["ok"], reply["nextCursor"], set(answer)) == (True, None, MESSAGE)
    assert [(one["role"], one["source"]) for one in (question, answer)] == [
        ("USER", "OMI_TRANSCRIPT"),
        ("ASSISTANT", "SYSTEM"),
    ]
    assert question["createdAt"] < answer["createdAt"]
    current = (await ada("GET", "/conversations/current")).json
    assert (current["conversation"], current["messages"]) == (conversation, [question, answer])
    assert current["sessionId"]


async def test_list_has_both_forms_and_skips_no_row_of_one_time(ada, store):
    me = await register(ada)
    ids = []
    for session in range(3):
        ids += await store.write(fill, me, conversations=5, messages=3, at=1_000.0 + session, step_s=0.0)

    items, pages = await read_all(ada, "/conversations", limit=2)
    assert pages == 8
    assert sorted(one["id"] for one in items) == sorted(ids)
    assert items == sorted(items, key=lambda one: (one["createdAt"], one["id"]), reverse=True)

    first = (await ada("GET", "/conversations?offset=0&limit=10")).json
    second = (await ada("GET", "/conversations?offset=10&limit=10")).json
    assert [one["id"] for one in first["items"] + second["items"]] == [one["id"] for one in items]
    assert first["conversations"] == first["items"]
    assert {name: first[name] for name in ("total", "limit", "offset", "hasMore")} == {
        "total": 15,
        "limit": 10,
        "offset": 0,
        "hasMore": True,
    }
    assert not second["hasMore"]
    assert first["items"][0]["messageCount"] == 3
    assert first["items"][0]["lastMessage"]["text"] == "message 2"


async def test_messages_are_newest_first_and_every_one_comes_once(ada, store):
    me = await register(ada)
    (conversation_id,) = await store.write(fill, me, messages=7)

    items, pages = await read_all(ada, f"/conversations/{conversation_id}/messages", limit=3)
    assert pages == 3
    assert [one["text"] for one in items] == [f"message {number}" for number in reversed(range(7))]

    since = (await ada("GET", f"/conversations/{conversation_id}/messages?cursor={items[3]['createdAt']}")).json
    assert since["items"] == items[4:]


async def test_conversation_is_renamed_and_its_title_removed(ada, store):
    me = await register(ada)
    (conversation_id,) = await store.write(fill, me)
    path = f"/conversations/{conversation_id}"

    assert (await ada("PATCH", path, {"title": "  Our\n holidays "})).json["conversation"]["title"] == "Our holidays"
    assert (await ada("GET", path)).json["conversation"]["title"] == "Our holidays"
    assert (await ada("PATCH", path, {"title": None})).json["conversation"]["title"] is None


async def test_deleted_conversation_is_gone_and_its_wearable_begins_another(running, ada, store):
    me = await register(ada)
    await running.say("Hey Omi, what is the capital of France?")
    await own(store, me)
    (before,) = (await ada("GET", "/conversations")).json["items"]

    assert (await ada("DELETE", f"/conversations/{before['id']}")).json == {"ok": True}
    assert (await ada("GET", "/conversations")).json["items"] == []
    assert (await ada("DELETE", f"/conversations/{before['id']}")).json["error"] == "Conversation not found"
    assert await store.read(lambda tx: tx.fetch("SELECT count(*) FROM message")) == [(0,)]
    assert await store.read(lambda tx: tx.fetch("SELECT count(*) FROM job")) == [(0,)]

    await running.say("Hey Omi, what is the capital of Spain?", sid="s2", start=20.0)
    (after,) = (await ada("GET", "/conversations")).json["items"]
    assert after["id"] != before["id"]
    messages = (await ada("GET", "/conversations/current")).json["messages"]
    assert messages[0]["text"].endswith("Spain?")


async def test_one_entry_is_deleted_and_a_repetition_of_the_wearable_does_not_bring_it_back(running, ada, store):
    me, bob = await register(ada), ada.other()
    await register(bob, email="bob@example.com")
    for sid, text, start in (("s1", "The blue bicycle is in the cellar.", 1.0), ("s2", "Its key is here.", 3.0)):
        await running.say(text, sid=sid, start=start)
    await own(store, me)
    await running.say("Hey Omi, where is the moon?", sid="s3", start=5.0)
    (talk,) = (await ada("GET", "/conversations")).json["items"]
    path = f"/conversations/{talk['id']}"
    await store.write(
        lambda tx: [
            recall_index.index_session(tx, one, until=9e9, limit=9) for (one,) in tx.fetch("SELECT id FROM session")
        ]
    )
    (found, *_) = (await ada("GET", "/conversations/search?q=bicycle")).json["items"]
    entries = (await ada("GET", f"{path}/export?format=json")).json["entries"]
    assert found["id"] == entries[0]["id"] == f"{talk['id']}:1"
    answer = entries[-1]["id"]

    for entry in (found["id"], answer):
        for client, target in ((bob, path), (ada, "/conversations/other"), (bob, "/conversations/other")):
            assert (await client("DELETE", f"{target}/messages/{entry}")).status == 404
        assert (await ada("DELETE", f"{path}/messages/{entry}")).json == {"ok": True}
        again = await ada("DELETE", f"{path}/messages/{entry}")
        assert (again.status, again.json["code"]) == (404, "not_found")

    assert [
        one["text"]
        for one in (await ada("GET", "/conversations/search?q=bicycle")).json["items"]
        if "bicycle" in one["text"]
    ] == []
    for text in ("The blue bicycle is in the cellar.", "The blue bicycle is in the cellar, behind the boiler."):
        await running.say(text, sid="s1", start=1.0)
    await running.say("And its lamp is broken.", sid="s4", start=9.0)
    left = (await ada("GET", f"{path}/export?format=json")).json["entries"]
    asked = "Hey Omi, where is the moon?"
    assert [one["text"] for one in left] == ["Its key is here.", asked, "where is the moon?", "And its lamp is broken."]


async def test_title_that_was_made_of_a_deleted_question_goes_with_it_and_another_stays(ada, store):
    me = await register(ada)
    ids = await store.write(fill, me, conversations=2, messages=2)
    for conversation_id, title in zip(ids, ("mess…", "Our holidays"), strict=True):
        await ada("PATCH", f"/conversations/{conversation_id}", {"title": title})
        answer, question = (await ada("GET", f"/conversations/{conversation_id}/messages")).json["items"]
        assert (await ada("DELETE", f"/conversations/{conversation_id}/messages/{question['id']}")).status == 200
        assert (await ada("GET", f"/conversations/{conversation_id}/messages")).json["items"] == [answer]

    titles = [(await ada("GET", f"/conversations/{one}")).json["conversation"]["title"] for one in ids]
    assert titles == [None, "Our holidays"]


async def test_long_conversation_is_deleted_in_steps_and_others_stay(ada, store):
    me = await register(ada)
    kept, long = await store.write(fill, me, conversations=2, messages=201, segments=450)

    assert (await ada("DELETE", f"/conversations/{long}")).status == 200
    counts = "SELECT (SELECT count(*) FROM message), (SELECT count(*) FROM transcript_segment)"
    assert await store.read(lambda tx: tx.fetch(counts)) == [(201, 450)]
    assert (await ada("GET", f"/conversations/{kept}")).status == 200


async def test_export_has_all_that_was_said_in_the_order_of_time(ada, store):
    me = await register(ada)
    _, conversation_id, _ = await store.write(fill, me, conversations=3, messages=401, segments=250, step_s=10.0)
    await ada("PATCH", f"/conversations/{conversation_id}", {"title": "About <b> & *stars*"})

    form = await ada("GET", f"/conversations/{conversation_id}/export?format=json")
    assert set(form.json) == SIX | {"entries"}
    assert len(form.json["entries"]) == 651
    times = [one["createdAt"] for one in form.json["entries"]]
    assert times == sorted(times)
    assert times[0] == iso_time(1_020.0)

    text = await ada("GET", f"/conversations/{conversation_id}/export")
    lines = text.body.decode().split("\n\n")
    assert lines[0] == r"# About \<b\> & \*stars\*"
    assert lines[2:5] == ["00:17:00 **You:** message 0", "00:17:00 **Ada:** segment 1", "00:17:00 **Omi:** message 1"]
    assert len([line for line in lines if line]) == 653
    assert text.headers["content-disposition"] == f'attachment; filename="conversation-{conversation_id}.md"'


async def test_search_finds_what_was_said_and_written_and_not_what_others_did(ada, store):
    me = await register(ada)
    bob = ada.other()
    other = await register(bob, email="bob@example.com")
    for account_id in (me, other):
        await store.write(fill, account_id, messages=2, segments=2)
        for sql in (
            "UPDATE message SET text = 'the lighthouse is far' WHERE text = 'message 0'",
            "UPDATE transcript_segment SET text = 'we saw a lighthouse' WHERE text = 'segment 1'",
        ):
            await store.write(lambda tx, sql=sql: tx.run(sql))
        await ada("POST", "/memories", {"text": "the lighthouse keeper"})
    for (session_id,) in await store.read(lambda tx: tx.fetch("SELECT id FROM session")):
        await store.write(recall_index.index_session, session_id, until=1e9, limit=100)

    found = (await ada("GET", "/conversations/search?q=lighthouse")).json["items"]

    # Their neighbours follow: a text matches by the words around it, too.
    assert sorted((one["kind"], one["text"]) for one in found[:2]) == [
        ("message", "the lighthouse is far"),
        ("segment", "we saw a lighthouse"),
    ]
    mine = {one["id"] for one in (await ada("GET", "/conversations")).json["items"]}
    assert {one["conversationId"] for one in found} == mine
    assert len((await ada("GET", "/conversations/search?q=lighthouse&limit=1")).json["items"]) == 1
    assert (await ada("GET", "/conversations/search?q=zebra")).json["items"] == []


async def test_conversations_of_others_are_as_if_they_did_not_exist(ada, store):
    me = await register(ada)
    bob = ada.other()
    await register(bob, email="bob@example.com")
    (conversation_id,) = await store.write(fill, me, messages=2)
    nobodys = (await store.write(fill, None, messages=2))[0]

    for named in (conversation_id, nobodys, "nonsense", "%00", "a" * 300):
        path = f"/conversations/{named}"
        for method, more in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("GET", "/messages"), ("GET", "/export")):
            reply = await bob(method, path + more, {"title": "mine"} if method == "PATCH" else None)
            assert (reply.status, reply.json["code"]) == (404, "not_found"), (method, path)
    assert (await bob("GET", "/conversations")).json["items"] == []
    assert (await ada("GET", f"/conversations/{conversation_id}")).status == 200


@pytest.mark.parametrize(
    "query",
    [
        "/conversations/search",
        "/conversations/search?q=%20",
        f"/conversations/search?q={'x' * 501}",
        "/conversations/search?q=x&limit=0",
        "/conversations?limit=-1",
        "/conversations?limit=0",
        "/conversations?limit=ten",
        "/conversations?limit=1.5",
        "/conversations?offset=-1",
        "/conversations?offset=99999999",
        "/conversations?cursor=yesterday",
        "/conversations?cursor=1e999_00000000-0000-0000-0000-000000000000",
        "/conversations?cursor=99999-01-01",
        "/conversations/{id}/messages?limit=-1",
        "/conversations/{id}/export?format=exe",
    ],
)
async def test_odd_query_is_refused_with_its_field(query, start):
    running = await start()
    ada = Client(running.connection)
    me = await register(ada)
    (conversation_id,) = await running.system.store.write(fill, me)

    reply = await ada("GET", query.format(id=conversation_id))

    assert reply.status == 400, reply
    assert reply.json["error"].split("`")[1] in f"{query}?q"
    assert reply.json["hint"]


async def test_odd_title_is_refused_with_its_field(start):
    running = await start()
    ada = Client(running.connection)
    me = await register(ada)
    (conversation_id,) = await running.system.store.write(fill, me)
    bodies = [{}, {"title": 1}, {"title": "x" * 201}, {"title": "a\x00"}, {"name": "x"}, b'{"title":"a","title":"b"}']

    replies = [await ada("PATCH", f"/conversations/{conversation_id}", body) for body in bodies]

    assert [reply.status for reply in replies] == [400] * len(bodies)
    assert all("title" in reply.json["error"] + reply.json["hint"] for reply in replies)
    assert (await ada("GET", f"/conversations/{conversation_id}")).json["conversation"]["title"] is None
