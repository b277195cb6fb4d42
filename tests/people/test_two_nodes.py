"""A person whose phone reaches two nodes of one database, now this one, now that one."""

import asyncio
from contextlib import aclosing
from itertools import count

import pytest

from tests.canaries import PASSWORD
from tests.people.conftest import Client
from tests.people.talks import UID
from tests.people.test_messages import messages_of, send
from tests.people.test_stream import Stream, texts
from tests.system.conftest import eventually
from tests.system.test_backplane import are_shared
from tests.system.test_owners import share
from tests.web.http_client import Connection

pytestmark = pytest.mark.service

# In place of 5 s: how long a node remembers a token, and how often it looks for another one's news.
_SOON_S = 0.2
_NEVER_S = 10_000.0
# Some tests ask on and on until something is so.
_UNLIMITED = {"RATE_LIMIT_MAX_REQUESTS": "1000000"}


@pytest.fixture
async def nodes(postgres_url, start, tmp_path, monkeypatch):
    """Two nodes, whose sessions go to and fro."""
    monkeypatch.setattr("web.site.REMEMBERED_S", _SOON_S)
    monkeypatch.setattr("web.site._LOOK_S", _SOON_S)
    return await start_two(start, postgres_url, tmp_path)


async def start_two(start, url, folder, **given):
    given |= _UNLIMITED
    return [await start(url, NODE_NAME=name, DATA_DIR=str(folder / name), **given) for name in ("a", "b")]


@pytest.fixture
async def phones(nodes):
    """A person at both nodes, with one token."""
    here, there = (Client(node.connection) for node in nodes)
    await here.register()
    there.token = here.token
    return here, there


async def has_status(client, path, status):
    return (await client("GET", path)).status == status


async def test_what_is_stored_at_one_node_is_there_at_the_other(phones):
    here, there = phones

    kept = (await here("POST", "/memories", {"text": "Ada likes green tea"})).json["memory"]
    assert (await there("GET", "/memories?search=green")).json["items"] == [kept]
    await there("PATCH", f"/memories/{kept['id']}", {"text": "Ada likes black tea"})
    assert (await here("GET", "/memories?search=black")).json["items"][0]["id"] == kept["id"]
    assert (await here("DELETE", f"/memories/{kept['id']}")).status == 200
    assert (await there("DELETE", f"/memories/{kept['id']}")).status == 404
    await here("PATCH", "/preferences", {"listen_mode": "ALWAYS"})
    assert (await there("GET", "/preferences")).json["preferences"]["listenMode"] == "ALWAYS"


async def test_typed_conversation_goes_on_at_the_other_node_in_its_order(phones):
    here, there = phones

    first = (await send(here, "how far is the moon", slot=1)).json
    second = (await send(there, "how old is the sun", slot=1)).json
    third = (await send(here, "who painted the ceiling", slot=1)).json

    assert first["conversation_id"] == second["conversation_id"] == third["conversation_id"]
    seen = [await messages_of(client, first["conversation_id"]) for client in phones]
    assert seen[0] == seen[1]
    asked = [one["text"] for one in reversed(seen[0]) if one["role"] == "USER"]
    assert asked == ["how far is the moon", "how old is the sun", "who painted the ceiling"]
    counts = [(await client("GET", "/stats")).json["overall"] for client in phones]
    assert counts[0] == counts[1]
    assert counts[0]["messages"] == 6


async def test_one_email_at_two_nodes_at_once_is_one_account(nodes):
    clients = [Client(await Connection.open(node.port)) for node in nodes for _ in range(2)]
    form = {"email": "ada@example.com", "password": PASSWORD}

    replies = await asyncio.gather(*(client("POST", "/auth/register", form) for client in clients))
    for client in clients:
        await client.connection.close()

    assert sorted(reply.status for reply in replies) == [201, 409, 409, 409]


async def test_token_that_is_revoked_at_one_node_opens_nothing_at_the_other_soon_after(nodes, phones):
    here, there = phones
    assert await has_status(there, "/me", 200)
    stream = await Stream.open(nodes[1].port, there.token)

    assert (await here("POST", "/auth/logout")).status == 200

    assert await has_status(here, "/me", 401)
    await eventually(lambda: has_status(there, "/me", 401))
    assert await stream.ends()


async def test_wearable_that_is_linked_at_one_node_hears_by_its_persons_preferences_at_the_other(nodes, phones):
    here, there = phones
    assert (await nodes[1].say("Good morning.")).json == {}
    begun = (await here("POST", "/link/omi/start", {"omi_user_id": UID})).json
    reply = await there("POST", "/link/omi/confirm", {"omi_user_id": UID, "code": begun["dev_code"]})
    assert reply.status == 200, reply

    await here("PATCH", "/preferences", {"mute": True})

    numbers = count(1)

    async def is_mute():
        number = next(numbers)
        said = await nodes[1].say("Hey Omi, how far is the moon?", sid=f"q{number}", start=9.0 * number)
        return said.json == {}

    await eventually(is_mute)
    (talk,) = (await here("GET", "/conversations")).json["items"]
    assert "Good morning." in (await here("GET", f"/conversations/{talk['id']}/export?format=md")).body.decode()


async def test_stream_at_one_node_shows_what_is_typed_at_the_other(nodes, phones):
    here, there = phones
    await here("POST", "/windows/activate", {"slot": 1})
    async with aclosing(await open_stream(nodes[0], here)) as stream:
        reply = await send(there, "how far is the moon", slot=1)

        assert texts(await stream.messages(2)) == ["how far is the moon", reply.json["message"]]


async def test_streams_at_both_nodes_show_by_hints_over_redis_what_is_stored_at_either(
    redis_server, postgres_url, start, tmp_path, monkeypatch
):
    monkeypatch.setattr("web.site._LOOK_S", _NEVER_S)
    nodes = await start_two(start, postgres_url, tmp_path, REDIS_URL=redis_server.url)
    await eventually(lambda: are_shared(*nodes))
    await eventually(lambda: share(2, *nodes))
    here, there = (Client(node.connection) for node in nodes)
    await here.register()
    there.token = here.token
    await here("POST", "/windows/activate", {"slot": 1})

    # One of the nodes owns the session; the stream at the other one has nothing but its hints.
    async with (
        aclosing(await open_stream(nodes[0], here)) as one,
        aclosing(await open_stream(nodes[1], there)) as other,
    ):
        await eventually(lambda: know_of_each_other(*nodes))
        for client, text in ((here, "how far is the moon"), (there, "how old is the sun")):
            reply = await send(client, text, slot=1)
            for stream in (one, other):
                assert texts(await stream.messages(2)) == [text, reply.json["message"]]


async def open_stream(node, client):
    stream = await Stream.open(node.port, client.token)
    assert await stream.events(1) == [{"type": "connected"}]
    return stream


async def know_of_each_other(*nodes):
    """Tell whether each node has been asked by the other for hints of the person's sessions."""
    return all(node.system._tree.owners._room._other_nodes._watching for node in nodes)


async def test_account_that_is_deleted_at_one_node_is_gone_at_the_other(phones):
    here, there = phones
    await send(there, "how far is the moon", slot=1)

    begun = await here("DELETE", "/account", {"current_password": PASSWORD})
    assert begun.status in (200, 202), begun

    await eventually(lambda: has_status(there, "/me", 401))

    async def is_erased():
        return (await there("GET", begun.json["statusPath"])).json["status"] != "erasing"

    await eventually(is_erased)
    assert (await there.login()).status == 401
