"""Memories and recall over HTTP, by the shapes that clients read, on each database."""

import json

import pytest

from omi_actors.actors import embedder
from omi_actors.actors.maintenance.indexer import NextStep
from omi_actors.clients.model import DemoModel
from omi_actors.store.people import recall_index
from tests.fakes.omi_server import Mode
from tests.people.conftest import Client
from tests.store.vectors import encode
from tests.system.conftest import ADMIN, UID, eventually, notifier, omi

__all__ = ["notifier", "omi"]

OTHER = "otherWearable"


async def add(client, text):
    reply = await client("POST", "/memories", {"text": text})
    assert reply.status == 201, reply
    return reply.json["memory"]


async def link(program, client, uid=UID):
    """Make a wearable the client's, as a confirmed code does."""
    account_id = (await client("GET", "/me")).json["user"]["id"]

    def work(tx):
        tx.run(
            "INSERT INTO omi_link (id, account_id, omi_uid, is_verified, created_at, verified_at)"
            " VALUES (?, ?, ?, TRUE, 0, 0)",
            (f"link-{uid}", account_id, uid),
        )
        tx.run("UPDATE session SET account_id = ? WHERE session_key = ?", (account_id, f"omi:{uid}"))
        tx.run(
            "INSERT INTO user_preference (account_id, meeting_transcribe, inject_memories, mute, created_at,"
            " updated_at) VALUES (?, FALSE, TRUE, FALSE, 0, 0) ON CONFLICT DO NOTHING",
            (account_id,),
        )

    await program.system.store.write(work)
    return account_id


async def test_a_memory_is_made_listed_searched_changed_and_deleted(ada):
    await ada.register()
    milk = await add(ada, "  Buy oat milk ")
    key = await add(ada, "The key is under the pot")

    assert (await ada("GET", "/memories")).json == {"ok": True, "items": [key, milk], "nextCursor": None}
    assert (await ada("GET", "/memories?search=OAT")).json["items"] == [milk]
    assert milk["text"] == "Buy oat milk"
    changed = await ada("PATCH", f"/memories/{milk['id']}", {"text": "Buy soy milk"})
    assert changed.json == {"ok": True, "memory": milk | {"text": "Buy soy milk"}}
    assert (await ada("DELETE", f"/memories/{key['id']}")).json["ok"] is True
    assert (await ada("DELETE", f"/memories/{key['id']}")).status == 404
    assert [one["text"] for one in (await ada("GET", "/memories")).json["items"]] == ["Buy soy milk"]


async def test_both_forms_of_pages_hold_everything_once(ada):
    await ada.register()
    for number in range(5):
        await add(ada, f"memory {number}")
    whole = (await ada("GET", "/memories?limit=200")).json["items"]

    by_offset = (await ada("GET", "/memories?limit=2&offset=2&search=memory")).json
    assert by_offset["items"] == by_offset["memories"] == whole[2:4]
    assert {name: by_offset[name] for name in ("total", "limit", "offset", "hasMore")} == {
        "total": 5, "limit": 2, "offset": 2, "hasMore": True,
    }  # fmt: skip
    pages = [(await ada("GET", "/memories?limit=2")).json]
    while pages[-1]["nextCursor"] is not None:
        pages.append((await ada("GET", f"/memories?limit=2&cursor={pages[-1]['nextCursor']}")).json)
    assert [one for page in pages for one in page["items"]] == whole
    assert (await ada("GET", f"/memories?cursor={whole[-1]['createdAt']}")).json["items"] == []


async def test_the_same_text_again_is_the_same_memory(ada):
    await ada.register()
    first = await add(ada, "Milk")

    again = await ada("POST", "/memories", {"text": "Milk"})

    assert (again.status, again.json) == (200, {"ok": True, "memory": first, "deduped": True})


async def test_another_persons_memory_does_not_exist(ada):
    await ada.register()
    key = await add(ada, "The key is under the pot")
    bob = ada.other()
    await bob.register("bob@example.com")

    assert (await bob("GET", "/memories?search=key")).json["items"] == []
    assert (await bob("GET", "/memories?offset=0")).json["total"] == 0
    for method, form in (("PATCH", {"text": "mine"}), ("DELETE", None)):
        reply = await bob(method, f"/memories/{key['id']}", form)
        assert (reply.status, reply.json["error"]) == (404, "Not found")
    assert (await ada("GET", "/memories")).json["items"] == [key]
    assert (await ada.other()("GET", "/memories")).status == 401


ODD = [
    ("POST", "/memories", {}, 400, "text is required"),
    ("POST", "/memories", {"text": " \n "}, 400, "text is required"),
    ("POST", "/memories", {"text": 5}, 400, "`text`"),
    ("POST", "/memories", {"text": None}, 400, "`text`"),
    ("POST", "/memories", {"text": "x" * 10_001}, 400, "10001 characters"),
    ("POST", "/memories", {"text": "x", "owner": "bob"}, 400, "`owner`"),
    ("POST", "/memories", b"[1]", 400, "JSON"),
    ("PATCH", "/memories/x", {"text": "x"}, 404, "Not found"),
    ("DELETE", "/memories/%00%27", None, 404, "Nothing is at this address"),
    ("PATCH", "/memories/%00", {"text": "x"}, 404, "Nothing is at this address"),
    ("GET", "/messages/%00/sources", None, 404, "Nothing is at this address"),
    ("GET", "/memories?limit=-1", None, 400, "`limit`"),
    ("GET", "/memories?limit=x", None, 400, "`limit`"),
    ("GET", "/memories?offset=-1", None, 400, "`offset`"),
    ("GET", "/memories?cursor=yesterday", None, 400, "`cursor`"),
    ("GET", f"/memories?search={'x' * 201}", None, 400, "`search`"),
    ("GET", "/memories?limit=1000000&cursor=2026-01-01T00:00:00.000Z", None, 200, ""),
    ("POST", "/memories/import/omi", {"limit": 0}, 400, "`limit`"),
    ("POST", "/memories/import/omi", {"limit": "50"}, 400, "`limit`"),
    ("POST", "/memories/import/omi", {"maxTotal": -1}, 400, "`max_total`"),
    ("POST", "/memories/import/omi", {}, 404, "No verified OMI link found"),
]  # fmt: skip


async def test_odd_requests_get_a_clear_answer_and_store_nothing(start, database_url):
    ada = Client((await start(database_url)).connection)
    await ada.register()

    for method, target, form, status, word in ODD:
        reply = await ada(method, target, form)

        assert (reply.status, word in json.dumps(reply.json)) == (status, True), (method, target, form, reply)
    assert (await ada("GET", "/memories")).json["items"] == []


async def test_an_import_takes_what_is_new_once_and_asks_omi_rarely(start, database_url, omi, notifier):
    program = await start(database_url, notifier=notifier)
    ada = Client(program.connection)
    await ada.register()
    await link(program, ada)
    omi.memories[UID] = [
        {"id": str(n), "content": f"fact {n}", "created_at": "2026-01-01T00:00:00Z"} for n in range(5)
    ] + [{"id": "9", "content": " "}]

    first = await ada("POST", "/memories/import/omi", {"limit": 2, "max_total": 3})
    assert first.json == {"ok": True, "imported": 3, "skipped": 0}
    assert omi.calls == 1
    again = await ada("POST", "/memories/import/omi", {"limit": 2, "max_total": 3})
    assert again.json == {"ok": True, "imported": 0, "skipped": 3}
    assert omi.calls == 1
    (one,) = (await ada("GET", "/memories?search=fact%201")).json["items"]
    assert one["createdAt"] == "2026-01-01T00:00:00.000Z"
    await ada("DELETE", f"/memories/{one['id']}")

    everything = await ada("POST", "/memories/import/omi", {"limit": 2})
    assert everything.json == {"ok": True, "imported": 2, "skipped": 3}
    assert (await ada("GET", "/memories?offset=0")).json["total"] == 4


async def test_an_import_that_is_too_long_for_a_request_goes_on_with_the_next_one(start, omi, notifier, monkeypatch):
    monkeypatch.setattr("web.people.memories._TIME_SHARE", 0.0)  # a page each
    program = await start(notifier=notifier)
    ada = Client(program.connection)
    await ada.register()
    await link(program, ada)
    omi.memories[UID] = [{"id": str(n), "content": f"fact {n}"} for n in range(5)]

    replies = [(await ada("POST", "/memories/import/omi", {"limit": 2})).json for _ in range(4)]

    some = {"ok": True, "imported": 2, "skipped": 0, "hasMore": True}
    assert replies == [
        some,
        some,
        {"ok": True, "imported": 1, "skipped": 0},
        {"ok": True, "imported": 0, "skipped": 5},
    ]
    assert omi.calls == 3


async def test_a_failing_omi_is_told_and_what_came_before_is_kept(start, omi, notifier):
    program = await start(notifier=notifier)
    ada = Client(program.connection)
    await ada.register()
    await link(program, ada)
    omi.mode = Mode.NOT_ENABLED

    reply = await ada("POST", "/memories/import/omi", {})
    assert (reply.status, reply.json["error"][:16]) == (400, "OMI read failed:")

    omi.mode, omi.memories[UID] = Mode.NORMAL, [{"id": "1", "content": "fact"}]
    assert (await ada("POST", "/memories/import/omi", {})).json["imported"] == 1


async def test_without_a_key_of_omis_api_an_import_says_so(running, ada):
    await ada.register()
    await link(running, ada)

    reply = await ada("POST", "/memories/import/omi", {})

    assert (reply.status, "OMI_APP_ID" in reply.json["hint"]) == (409, True)


class Listening(DemoModel):
    """The demo model, which keeps the prompts."""

    def __init__(self):
        super().__init__()
        self.prompts = []

    async def answer(self, prompt, *, deadline_s, on_text=None):
        self.prompts.append(prompt)
        return await super().answer(prompt, deadline_s=deadline_s, on_text=on_text)


async def test_what_was_said_is_recalled_in_the_prompt_and_shown_as_the_answers_sources(start, database_url):
    model = Listening()
    program = await start(database_url, model=model)
    ada = Client(program.connection)
    await ada.register()
    await program.say("The plumber asked ninety euros for the boiler.", OTHER)  # no part of this session's transcript
    await program.say("Hello.")
    await link(program, ada, OTHER)
    await link(program, ada)
    key = await add(ada, "The key is under the blue pot")
    await index(program)

    body = {"session_id": f"omi:{UID}", "message": "How much did the plumber ask for the boiler?"}
    reply = await program.connection.request("POST", "/chat", json.dumps(body).encode(), ADMIN)

    (notes,) = (one.text for one in model.prompts[0].messages if one.text.startswith("BEGIN MEMORIES"))
    assert "The plumber asked ninety euros for the boiler." in notes
    assert key["text"] not in notes
    (source,) = reply.json["sources"]
    assert (source["kind"], source["text"]) == ("segment", "The plumber asked ninety euros for the boiler.")
    body["message"] = "Where is my key?"
    await program.connection.request(
        "POST", "/chat", json.dumps(body).encode(), ADMIN | {"Accept": "text/event-stream"}
    )
    stream = (await program.connection.reader.readuntil(b"\r\n0\r\n\r\n")).decode()
    done = json.loads(stream.partition("event: done\ndata: ")[2].partition("\n")[0])
    assert done["sources"] == [{"kind": "memory", "id": key["id"], "text": key["text"], "createdAt": key["createdAt"]}]


async def test_a_typed_message_shows_its_sources_now_and_later_to_its_person_alone(running, ada):
    await ada.register()
    await link(running, ada)  # which allows memories in prompts
    key = await add(ada, "The key is under the blue pot")

    sent = (await ada("POST", "/messages/send", {"text": "Where is my key?", "slot": 1})).json

    assert [one["id"] for one in sent["sources"]] == [key["id"]]
    listed = (await ada("GET", f"/conversations/{sent['conversation_id']}/messages")).json["items"]
    shown = {one["role"]: (await ada("GET", f"/messages/{one['id']}/sources")).json for one in listed}
    assert shown == {"ASSISTANT": {"ok": True, "items": sent["sources"]}, "USER": {"ok": True, "items": []}}
    bob = ada.other()
    await bob.register("bob@example.com")
    assert (await bob("GET", f"/messages/{listed[0]['id']}/sources")).status == 404
    await ada("DELETE", f"/memories/{key['id']}")
    assert (await ada("GET", f"/messages/{listed[0]['id']}/sources")).json["items"] == []


async def test_nothing_is_recalled_without_consent_or_for_another_voice(start):
    model = Listening()
    program = await start(model=model, WAKE_BY="ANYONE")
    ada = Client(program.connection)
    await ada.register()
    await program.say("The plumber asked ninety euros for the boiler.", OTHER)
    await program.say("Hello.")
    await link(program, ada, OTHER)
    account_id = await link(program, ada)
    await index(program)

    await program.say("Hey Omi, what did the plumber ask?", sid="s2", start=5.0, speaker="SPEAKER_01", is_user=False)
    await program.system.store.write(
        lambda tx: tx.run("UPDATE user_preference SET inject_memories = FALSE WHERE account_id = ?", (account_id,))
    )
    await program.say("Hey Omi, what did the plumber ask for it?", sid="s3", start=9.0)

    assert len(model.prompts) == 2
    assert not any("MEMORIES" in one.text for prompt in model.prompts for one in prompt.messages)


@pytest.mark.parametrize("is_on", [True, False])
async def test_with_the_extra_a_memory_without_a_word_of_the_question_is_recalled_by_its_meaning(
    start, monkeypatch, is_on
):
    monkeypatch.setattr(embedder, "find_installed", lambda: "1.0")
    monkeypatch.setattr(embedder, "load_encoder", lambda: encode)
    model = Listening()
    program = await start(model=model, ENABLE_SEMANTIC_RECALL=str(is_on))
    ada = Client(program.connection)
    await ada.register()
    await link(program, ada)
    await add(ada, "My flight leaves at seven")
    if is_on:
        program.system._tree._handles["indexer"].tell(NextStep())
        await eventually(lambda: has_vector(program))

    await ada("POST", "/messages/send", {"text": "When does the plane take off?", "slot": 1})

    assert any("My flight" in one.text for one in model.prompts[0].messages) is is_on


async def has_vector(program):
    return await program.system.store.read(lambda tx: tx.fetch("SELECT no FROM recall_vector")) != []


async def index(program):
    """Index what was said at once; the indexer waits until it is settled."""
    store = program.system.store
    for (session_id,) in await store.read(lambda tx: tx.fetch("SELECT id FROM session WHERE account_id IS NOT NULL")):
        await store.write(recall_index.index_session, session_id, until=float("inf"), limit=10)


async def test_a_conversation_that_omi_created_becomes_a_memory_of_its_wearer(start, database_url):
    program = await start(database_url)
    ada = Client(program.connection)
    await ada.register()
    await program.say("Hello.")
    await link(program, ada)

    body = {"id": "c\0\ud800", "structured": {"title": "Boiler", "overview": "The plumber comes on Monday."}}
    reply = await program.post(body)
    assert (reply.status, reply.json) == (200, {})
    await program.post(body)

    store = program.system.store

    async def is_kept():
        program.system._tree._handles["indexer"].tell(NextStep())
        return await store.read(lambda tx: tx.fetch("SELECT text FROM memory")) != []

    await eventually(is_kept)
    (one,) = (await ada("GET", "/memories")).json["items"]
    assert one["text"] == "Boiler: The plumber comes on Monday."
