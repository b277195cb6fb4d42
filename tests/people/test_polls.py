"""The short way of the addresses that phones poll answers as their handlers do."""

import gzip

import pytest

from omi_actors.ids import new_id
from omi_actors.instruments import metrics
from omi_actors.store.people import windows
from tests.people.conftest import Client
from tests.people.talks import fill
from web.people.polls import Polls

APP = {"Accept": "application/json", "Accept-Encoding": "gzip", "Connection": "Keep-Alive", "X-Request-Id": "poll-1"}
# Different in two replies.
CHANGING = ("date", "ratelimit-remaining", "ratelimit-reset")


def parts_of(reply):
    """Return status, headers and body of a reply, the headers by name."""
    headers = {name: value for name, value in reply.headers.items() if name not in (*CHANGING, "content-length")}
    is_packed = headers.get("content-encoding") == "gzip"
    return reply.status, sorted(headers.items()), gzip.decompress(reply.body) if is_packed else reply.body


@pytest.fixture
async def phone(start, database_url):
    """The phone of a person with two conversations, one of them in a window; and the addresses that it polls."""
    program = await start(database_url, CORS_ORIGINS="https://app.example")
    phone = Client(program.connection)
    me = (await phone.register())["user"]["id"]
    store = program.system.store
    ids = await store.write(lambda tx: fill(tx, me, conversations=2, messages=30))
    await store.write(windows.put_window, me, 2, ids[0], now_s=1.0)
    messages = f"/conversations/{ids[0]}/messages"
    return phone, ["/conversations/current", "/windows", messages, f"{messages}?limit=3", f"{messages}?limit=999"]


@pytest.fixture
def way(monkeypatch):
    """Counts the requests on the short way by their result, and can close it."""
    found: list[object] = []

    def find(polls, *args):
        found.append(real_find(polls, *args) if way.is_open else None)
        return found[-1]

    def recall(polls, *args):
        known = real_recall(polls, *args) if way.is_open else None
        if known is not None:
            found.append(known)
            way.heads += 1
        return known

    class Way:
        is_open = True
        heads = 0

        def taken(self):
            return [one is not None for one in found]

    real_find, real_recall, way = Polls.find, Polls.recall, Way()
    monkeypatch.setattr(Polls, "find", find)
    monkeypatch.setattr(Polls, "recall", recall)
    return way


async def test_short_way_sends_the_same_as_the_handlers(phone, way):
    client, paths = phone
    await client("GET", "/me")  # the token is known from now on
    for more in ({}, APP):
        for path in paths:
            way.is_open = True
            short = [await client("GET", path, **more) for _ in range(3)]
            assert way.taken()[-3:] == [True, True, True]
            way.is_open = False
            usual = await client("GET", path, **more)

            for one in short:
                assert one.status == 200
                assert {**dict(parts_of(one)[1]), "x-request-id": ""} == {
                    **dict(parts_of(usual)[1]),
                    "x-request-id": "",
                }
                assert (parts_of(one)[0], parts_of(one)[2]) == (parts_of(usual)[0], parts_of(usual)[2])
                assert set(CHANGING) <= one.headers.keys()
            left = [int(one.headers["ratelimit-remaining"]) for one in (*short, usual)]
            assert left == [*range(left[0], left[0] - 4, -1)]
    assert way.heads == 2 * len(paths)  # those with a request id of their own are parsed each time


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/windows", {"Origin": "https://app.example"}, 200),
        ("/windows", {"Cookie": "omi_operator=x"}, 200),
        ("/windows", {"Connection": "close"}, 200),
        ("/windows?x=1", {}, 200),
        ("/conversations/{other}/messages?limit=0", {}, 400),
        ("/conversations/{other}/messages?cursor=x", {}, 400),
        ("/conversations/a%00b/messages", {}, 404),
    ],
)
async def test_unusual_requests_take_the_handlers(phone, way, path, headers, status):
    client, _paths = phone
    await client("GET", "/me")

    reply = await client("GET", path, **headers)

    assert (reply.status, way.taken()[-1]) == (status, False)


async def test_poll_shows_what_the_store_has_at_that_moment(start, database_url, way):
    program = await start(database_url)
    phone, store = Client(program.connection), program.system.store
    me = (await phone.register())["user"]["id"]
    (talk,) = await store.write(lambda tx: fill(tx, me, messages=3))
    await store.write(windows.put_window, me, 2, talk, now_s=1.0)

    async def look():
        current, page, slots = [
            (await phone("GET", path)).json
            for path in ("/conversations/current", f"/conversations/{talk}/messages", "/windows")
        ]
        texts = [one["text"] for one in current["messages"]]
        assert texts == [one["text"] for one in reversed(page["items"])]
        assert current["conversation"]["title"] == slots["items"][1]["title"]
        return current["conversation"]["title"], texts

    # Changes go to the store behind the server's back, as those of another node do.
    before = made_bodies()
    for _ in range(3):
        assert await look() == (None, ["message 0", "message 1", "message 2"])
    assert made_bodies() - before == 3  # one of each address: the others were kept
    await store.write(lambda tx: tx.run("DELETE FROM message WHERE text = 'message 1'"))
    assert await look() == (None, ["message 0", "message 2"])
    await store.write(lambda tx: tx.run("UPDATE conversation SET title = 'Moon'"))
    assert await look() == ("Moon", ["message 0", "message 2"])
    await store.write(_say, talk, "new")
    assert await look() == ("Moon", ["message 0", "message 2", "new"])
    assert way.heads > 10
    await store.write(lambda tx: tx.run("UPDATE session SET account_id = NULL"))

    assert (await phone("GET", "/conversations/current")).json["conversation"] is None
    assert (await phone("GET", f"/conversations/{talk}/messages")).status == 404
    assert [one["conversationId"] for one in (await phone("GET", "/windows")).json["items"]] == [None] * 5


async def test_poll_of_a_stranger_shows_nothing_that_is_not_theirs(phone, way):
    ada, paths = phone
    eve = ada.other()
    await eve.register("eve@example.com")
    for _ in range(3):
        for path in paths:
            seen, theirs = await ada("GET", path), await eve("GET", path)
            assert seen.status == 200
            assert theirs.status == (404 if "messages" in path else 200)
            assert "message" not in theirs.json or theirs.json["messages"] == []
    assert way.heads > 10
    assert not any(one["conversationId"] for one in (await eve("GET", "/windows")).json["items"])


def made_bodies():
    """Return the number of bodies that were made on the short way."""
    return metrics.REGISTRY.get_sample_value("omi_store_read_seconds_count", {"query": "stamp_load"}) or 0


def _say(tx, talk, text):
    tx.run(
        "INSERT INTO message (id, session_id, conversation_id, role, kind, source, text, model, created_at)"
        " SELECT ?, session_id, id, 'user', 'question', 'frontend', ?, '', 2e9 FROM conversation WHERE id = ?",
        (new_id(), text, talk),
    )


async def test_what_is_not_there_ended_or_too_much_is_refused_by_the_handlers(start, database_url, way):
    program = await start(database_url, RATE_LIMIT_MAX_REQUESTS="3")
    phone = Client(program.connection)
    await phone.register()
    assert (await phone("GET", "/windows")).status == 200
    token = {"Authorization": f"Bearer {phone.token}"}

    missing = await phone("GET", "/conversations/none/messages")
    refused = [await phone("GET", "/windows") for _ in range(3)]
    await phone("POST", "/auth/logout")
    ended = await program.connection.request("GET", "/windows", headers=token)

    assert (missing.status, missing.json["error"]) == (404, "Conversation not found")
    assert [one.status for one in refused][-1] == 429
    assert (ended.status, ended.json["error"]) == (401, "Invalid session")
    assert any(way.taken())
