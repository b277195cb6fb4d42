"""A day of the shipped app with a wearable, against the wire that it was made for; one server for each database.

The shapes and texts come from the original's interface, not from this program. Accounts: test_contract_account.py.
"""

import asyncio
import json
from itertools import pairwise

import pytest

from tests.fakes.omi_server import Mode
from tests.people.conftest import Client
from tests.people.wire import (
    CONVERSATION,
    EVENT,
    ID,
    LINK,
    ME,
    MEMORY,
    MESSAGE,
    NOBODY,
    OK,
    ORIGIN,
    STATS,
    TIME,
    WINDOW,
    App,
    differences,
    in_both_modes,
    maybe,
    offset_page,
    page,
    preflights,
    start_in_mode,
)
from tests.system.conftest import UID
from tests.web.http_client import TIMEOUT_S, Connection, request_bytes

SPACES = ["default", "todos", "memories", "tasks", "agent", "friends", "notifications"]
ROUTES = {
    *("GET /memories", "POST /memories", "DELETE /memories/:id", "POST /memories/import/omi"),
    *("GET /link/omi", "POST /link/omi/start", "POST /link/omi/confirm", "POST /link/omi/resend"),
    *("DELETE /link/omi/unlink", "DELETE /link/omi/unlink/:id", "POST /link/omi/sync-conversations"),
    *("GET /conversations", "GET /conversations/:id", "DELETE /conversations/:id", "GET /conversations/:id/messages"),
    *("GET /conversations/current", "GET /conversations/current/stream", "POST /sessions/link", "GET /me"),
    *("POST /messages/send", "GET /windows", "POST /windows/activate", "GET /spaces", "POST /spaces/switch"),
    *("GET /agent-events", "POST /agent-events", "PATCH /agent-events/:id/complete", "POST /followups", "GET /stats"),
}


@pytest.fixture
async def program(mode, start, database_url, notifier):
    """A server whose web app has another origin, with Omi."""
    return await start_in_mode(start, mode, database_url, notifier=notifier)


@in_both_modes
async def test_shipped_app_gets_through_its_day_as_it_reads_the_wire(program, omi, subtests):
    ada, eve = App(Client(program.connection)), App(Client(program.connection))
    for app, name in ((ada, "ada"), (eve, "eve")):
        await app.client.register(f"{name}@example.com")
    for part in (
        keeps_memories, links_a_wearable, imports_memories, talks_to_the_wearable, reads_conversations, listens,
        writes_messages, uses_windows, uses_spaces, uses_tasks_and_followups, reads_statistics, sends_a_cookie_alone,
        unlinks, deletes_what_it_said,
    ):  # fmt: skip
        with subtests.test(part.__name__):
            await part(ada, eve, program, omi)
    assert await preflights(ada.client.other(), ada.asked) == ROUTES


async def keeps_memories(ada, eve, *_):
    assert await ada.get("/memories", page(MEMORY)) == {"ok": True, "items": [], "nextCursor": None}
    texts = ["Oat milk, please", "The key is under the pot", "Bob sings"]
    made = [
        (await ada.post("/memories", {"text": f" {text} "}, {"ok": True, "memory": MEMORY}, 201))["memory"]
        for text in texts
    ]
    assert [one["text"] for one in made] == texts
    for form in ({}, {"text": ""}, {"text": "  "}):
        await ada.refused("POST", "/memories", form, 400, "text is required")
    first = await ada.get("/memories?limit=2", page(MEMORY))
    rest = await ada.get(f"/memories?limit=2&cursor={first['nextCursor']}", page(MEMORY))
    assert first["items"] + rest["items"] == made[::-1]
    assert rest["nextCursor"] is None
    found = await ada.get("/memories?limit=1&offset=0", offset_page("memories", MEMORY))
    assert (found["total"], found["limit"], found["offset"], found["hasMore"]) == (3, 1, 0, True)
    found = await ada.get("/memories?offset=0&search=OAT", offset_page("memories", MEMORY))
    assert found["memories"] == [made[0]]
    await ada.get("/memories?limit=200", page(MEMORY))
    await ada.refused("GET", "/memories?limit=-1", None, 400, "limit")
    path = f"/memories/{made[1]['id']}"
    await eve.refused("DELETE", path, None, 404, "Not found")
    await ada.call("DELETE", path, None, OK)
    await ada.refused("DELETE", path, None, 404, "Not found")
    await ada.refused("DELETE", "/memories/7", None, 404, "Not found")


async def links_a_wearable(ada, eve, _, omi):
    form = {"omi_user_id": UID, "code": "123456"}
    await ada.refused("POST", "/link/omi/resend", {"omi_user_id": UID}, 404, "Link not found")
    await ada.refused("POST", "/link/omi/confirm", form, 404, "Link request not found")
    await ada.refused("POST", "/link/omi/start", {}, 400, "omi_user_id")
    begun = {"ok": True, "omi_user_id": UID, "dev_code": str}
    code = (await ada.post("/link/omi/start", {"omi_user_id": UID}, begun))["dev_code"]
    assert omi.texts_of(UID) == [f"Your verification code is {code}. It expires in 10 minutes."]
    code = (await ada.post("/link/omi/resend", {"omiUserId": UID}, begun))["dev_code"]
    links = {"ok": True, "items": [LINK | {"createdAt": TIME}]}
    assert [one["isVerified"] for one in (await ada.get("/link/omi", links))["items"]] == [False]
    await ada.refused("POST", "/link/omi/confirm", {"omi_user_id": UID}, 400, "omi_user_id and code are required")
    await ada.refused("POST", "/link/omi/confirm", {"omi_user_id": UID, "code": "000"}, 401, "Invalid code")
    await eve.refused("POST", "/link/omi/confirm", {"omi_user_id": UID, "code": code}, 404, "Link request not found")
    await ada.post("/link/omi/confirm", {"omi_user_id": UID, "code": code, "omi_session_id": UID}, OK)
    await ada.post("/link/omi/confirm", {"omiUserId": UID, "code": code}, {"ok": True, "already_verified": True})
    await ada.post("/link/omi/start", {"omiUserId": UID}, {"ok": True, "already_linked": True})
    await ada.refused("POST", "/link/omi/resend", {"omi_user_id": UID}, 400, "Already verified")
    taken = "This OMI device is already linked to another account"
    await eve.refused("POST", "/link/omi/start", {"omi_user_id": UID}, 409, taken)
    assert (await ada.get("/me", ME))["omi_links"][0]["omiUserId"] == UID
    assert [one["isVerified"] for one in (await ada.get("/link/omi", links))["items"]] == [True]
    await eve.refused("POST", "/memories/import/omi", {}, 404, "No verified OMI link found")


async def imports_memories(ada, _, program, omi):
    omi.memories[UID] = [
        {"id": f"m{n}", "content": f"At Omi {n}", "created_at": f"2026-0{n}-01T10:00:00Z"} for n in (1, 2)
    ] + [{"id": "m3", "content": ""}]
    shape = {"ok": True, "imported": int, "skipped": int}
    omi.mode = Mode.SERVER_ERROR
    await ada.refused("POST", "/memories/import/omi", {"limit": 50, "max_total": 200}, 400, "OMI read failed: ")
    omi.mode = Mode.NORMAL
    done = await ada.post("/memories/import/omi", {"limit": 50, "max_total": 200}, shape)
    assert done["imported"] == 2
    again = await ada.post("/memories/import/omi", {"limit": 50, "maxTotal": 200}, shape)
    assert again["imported"] == 0
    texts = {one["text"]: one["createdAt"] for one in (await ada.get("/memories", page(MEMORY)))["items"]}
    assert texts["At Omi 2"] == "2026-02-01T10:00:00.000Z"


async def talks_to_the_wearable(ada, _, program, __):
    assert await ada.get("/conversations/current", {"ok": True, "conversation": maybe(CONVERSATION)})
    reply = await program.say("Hi Omi, I'm testing, how high is the moon?")
    assert differences({"message": str}, reply.json) == []
    found = await ada.get(
        "/conversations/current", {"ok": True, "conversation": CONVERSATION, "messages": [MESSAGE], "sessionId": str}
    )
    assert found["conversation"]["omiSessionKey"] == UID
    assert [one["role"] for one in found["messages"]] == ["USER", "ASSISTANT"]
    in_order(found["messages"])
    linked = {"ok": True, "session": {"id": UID, "linked": True, "hasConversations": True}}
    await ada.post("/sessions/link", {"session_id": UID}, linked)
    await ada.post("/sessions/link", {"sessionId": UID}, linked)
    await ada.refused("POST", "/sessions/link", {}, 400, "Validation failed")
    synced = {"ok": True, "message": str, "synced": int}
    await ada.post("/link/omi/sync-conversations", {}, synced)
    await ada.post("/link/omi/sync-conversations", None, synced)


def in_order(messages):
    """Hold that each message is later than the one before."""
    assert len(messages) > 1
    assert all(one["createdAt"] < later["createdAt"] for one, later in pairwise(messages))


async def reads_conversations(ada, eve, *_):
    (one,) = (await ada.get("/conversations?limit=100", page(CONVERSATION)))["items"]
    item = {"id": ID, "createdAt": TIME, "messageCount": int, "lastMessage": maybe({})}
    assert (await ada.get("/conversations?offset=0", offset_page("conversations", item)))["total"] == 1
    path = f"/conversations/{one['id']}"
    assert (await ada.get(path, {"ok": True, "conversation": CONVERSATION}))["conversation"] == one
    first = await ada.get(f"{path}/messages?limit=1", page(MESSAGE))
    rest = await ada.get(f"{path}/messages?limit=50&cursor={first['nextCursor']}", page(MESSAGE))
    in_order((first["items"] + rest["items"])[::-1])
    for method, target in (("GET", path), ("GET", f"{path}/messages"), ("DELETE", path)):
        await eve.refused(method, target, None, 404, "Conversation not found")
    await ada.refused("GET", "/conversations/7", None, 404, "Conversation not found")
    assert (await eve.get("/conversations", page(CONVERSATION)))["items"] == []
    nothing = await eve.get("/conversations/current", {"ok": True, "conversation": None})
    assert "messages" not in nothing or nothing["messages"] == []


async def listens(ada, _, program, __):
    path = "/conversations/current/stream"
    guest = App(Client(program.connection), ada.asked)
    for target, text in ((path, "No session token provided"), (f"{path}?sid={NOBODY}", "Invalid session")):
        await guest.refused("GET", target, None, 401, text)
    client = guest.client
    head = await client("HEAD", f"{path}?sid={ada.client.token}", Origin=ORIGIN)
    assert (head.status, head.headers["content-type"].split(";")[0]) == (200, "text/event-stream")
    async with await Connection.open(program.port) as connection, asyncio.timeout(TIMEOUT_S):
        asked = {"Origin": ORIGIN, "Sec-Fetch-Site": "cross-site", "Accept-Encoding": "gzip"}
        connection.write(request_bytes("GET", f"{path}?sid={ada.client.token}", b"", asked))
        reply = await connection.reply()
        assert (reply.status, reply.headers["access-control-allow-origin"]) == (200, ORIGIN)
        assert "content-encoding" not in reply.headers
        assert await next_event(connection, "connected") == {"type": "connected"}
        await ada.post("/messages/send", {"text": "how high is the sky", "slot": 5}, OK)
        changed = await next_event(connection, "conversation_changed")
        assert differences({"conversationId": ID}, changed) == []
        news = await next_event(connection, "new_messages")
        assert differences({"messages": [MESSAGE]}, news) == []


async def next_event(connection, kind):
    """Return the next event of a kind, as `onmessage` hears it: an event with a name would not be heard."""
    while True:
        line = (await connection.reader.readline()).decode()
        assert line, "the stream ended"
        assert not line.startswith("event:"), line
        if line.startswith("data:") and (event := json.loads(line[5:]))["type"] == kind:
            return event


async def writes_messages(ada, eve, *_):
    path, answer = "/messages/send", {"ok": True, "conversation_id": ID, "assistant_text": str, "message": str}
    await ada.refused("POST", path, {"slot": 1}, 400, "text is required")
    await ada.refused("POST", path, {"text": " ", "slot": 1}, 400, "text is required")
    await ada.refused("POST", path, {"text": "hello"}, 400, "Provide conversation_id or slot (1-5)")
    await ada.refused("POST", path, {"text": "hello", "slot": 6}, 400, "slot must be 1-5")
    await ada.refused("POST", path, {"text": "hello", "conversation_id": NOBODY}, 404, "Conversation not found")
    sent = await ada.post(path, {"text": "how wide is the sea", "slot": 1, "conversation_id": None}, answer)
    where = sent["conversation_id"]
    await ada.post(path, {"text": "how deep is the sea", "conversation_id": where}, answer)
    await ada.post(path, {"text": "how old is the sea", "conversationId": where}, answer)
    await eve.refused("POST", path, {"text": "mine", "conversation_id": where}, 404, "Conversation not found")
    kept = (await ada.get(f"/conversations/{where}/messages", page(MESSAGE)))["items"][::-1]
    in_order(kept)
    assert [(one["role"], one["source"]) for one in kept[:2]] == [("USER", "FRONTEND"), ("ASSISTANT", "SYSTEM")]


async def uses_windows(ada, eve, *_):
    shape = {"ok": True, "items": [WINDOW]}
    for form in ({}, {"slot": None}, {"slot": 0}, {"slot": 6}, {"slot": 1.5}, {"slot": "two"}, {"slot": True}):
        await ada.refused("POST", "/windows/activate", form, 400, "slot must be 1-5")
    await ada.post("/windows/activate", {"slot": 3}, {"ok": True, "active_slot": 3})
    windows = (await ada.get("/windows", shape))["items"]
    assert [one["slot"] for one in windows] == [1, 2, 3, 4, 5]
    assert [one["slot"] for one in windows if one["isActive"]] == [3]
    assert windows[2]["conversationId"]
    assert [one["conversationId"] for one in (await eve.get("/windows", shape))["items"]] == [None] * 5


async def uses_spaces(ada, *_):
    spaces = await ada.get("/spaces", {"ok": True, "active": str, "spaces": [str]})
    assert (spaces["active"], spaces["spaces"]) == ("default", SPACES)
    await ada.post("/spaces/switch", {"space": " Todos "}, {"ok": True, "active": "todos"})
    web = {"Origin": ORIGIN, "Sec-Fetch-Site": "cross-site"}
    reply = await ada.client("POST", "/spaces/switch", {"space": "tasks"}, **web)
    assert (reply.status, reply.headers["access-control-allow-origin"]) == (200, ORIGIN)
    assert (await ada.get("/spaces", OK))["active"] == "tasks"
    await ada.refused("POST", "/spaces/switch", {"space": "elsewhere"}, 400, "Invalid space")


async def uses_tasks_and_followups(ada, eve, _, omi):
    path = "/agent-events"
    await ada.refused("POST", path, {"payload": {}}, 400, "type is required")
    event = {"ok": True, "event": EVENT}
    bare = (await ada.post(path, {"type": "note"}, event, 201))["event"]
    form = {"type": "task_created", "payload": {"text": "buy milk"}}
    made = (await ada.post(path, form, event, 201))["event"]
    done = f"{path}/{made['id']}/complete"
    await eve.refused("PATCH", done, None, 404, "Not found")
    await ada.call("PATCH", done, None, OK)
    items = (await ada.get(f"{path}?limit=200", page(EVENT)))["items"]
    assert [one["id"] for one in items] == [made["id"], bare["id"]]
    assert differences({"text": "buy milk", "done": True, "completedAt": TIME}, items[0]["payload"]) == []
    assert (await eve.get(path, page(EVENT)))["items"] == []

    await ada.refused("POST", "/followups", {}, 400, "message is required")
    await ada.refused("POST", "/followups", {"message": "x", "conversationId": NOBODY}, 404, "not found")
    await ada.post("/followups", {"message": "water the plants"}, {"ok": True, "followup_id": ID, "message": str})


async def reads_statistics(ada, *_):
    stats = await ada.get("/stats", STATS)
    assert 0 < len(stats["recentActivity"]) <= 10
    assert len(stats["dailyStats"]) == len({day["date"] for day in stats["dailyStats"]}) > 0
    assert stats["overall"]["memories"] == 4


async def sends_a_cookie_alone(ada, _, program, __):
    script = App(Client(program.connection, headers={"Cookie": f"sid={ada.client.token}"}))
    await script.post("/sessions/link", {"session_id": UID}, OK)
    await script.post("/link/omi/start", {"omi_user_id": UID}, {"ok": True, "already_linked": True})
    await script.get("/me", ME)


async def unlinks(ada, *_):
    await ada.refused("DELETE", "/link/omi/unlink", {"omi_user_id": "nobody"}, 404, "Link not found")
    await ada.call("DELETE", f"/link/omi/unlink/{UID}", None, OK)
    assert await ada.get("/link/omi", OK) == {"ok": True, "items": []}


async def deletes_what_it_said(ada, *_):
    for one in (await ada.get("/conversations", page(CONVERSATION)))["items"]:
        await ada.call("DELETE", f"/conversations/{one['id']}", None, OK)
        await ada.refused("DELETE", f"/conversations/{one['id']}", None, 404, "Conversation not found")
