"""The short way of the addresses that phones poll answers as their handlers do."""

import gzip

import pytest

from omi_actors.store.people import windows
from tests.people.conftest import Client
from tests.people.talks import fill
from web import entry
from web.people.polls import find_poll

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
    found = []

    def find(*args):
        found.append(real(*args) if way.is_open else None)
        return found[-1]

    class Way:
        is_open = True

        def taken(self):
            return [one is not None for one in found]

    real, way = find_poll, Way()
    monkeypatch.setattr(entry, "find_poll", find)
    return way


async def test_short_way_sends_the_same_as_the_handlers(phone, way):
    client, paths = phone
    await client("GET", "/me")  # the token is known from now on
    for more in ({}, APP):
        for path in paths:
            way.is_open = True
            short = await client("GET", path, **more)
            assert way.taken()[-1]
            way.is_open = False
            usual = await client("GET", path, **more)

            assert short.status == 200
            assert {**dict(parts_of(short)[1]), "x-request-id": ""} == {**dict(parts_of(usual)[1]), "x-request-id": ""}
            assert (parts_of(short)[0], parts_of(short)[2]) == (parts_of(usual)[0], parts_of(usual)[2])
            assert set(CHANGING) <= short.headers.keys()
            assert int(usual.headers["ratelimit-remaining"]) == int(short.headers["ratelimit-remaining"]) - 1


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
