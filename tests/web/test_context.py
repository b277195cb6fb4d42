"""`/context/switch` and `/context/status/:sessionId` for chat clients."""

import json

import pytest

from tests.web.conftest import ADMIN
from tests.web.http_client import Connection

KEY = "chat:operator:s1"


async def switch(connection, headers=ADMIN, **fields):
    return await connection.request("POST", "/context/switch", json.dumps(fields).encode(), headers)


async def test_switch_tells_the_space_before_and_the_one_now(connection, system):
    system.spaces[KEY] = "todos"

    reply = await switch(connection, session_id="s1", space=" Memories ")

    assert (reply.status, reply.json) == (
        200,
        {
            "success": True,
            "previousSpace": "todos",
            "currentSpace": "memories",
            "message": "Switched to memories space",
        },
    )
    assert system.spaces == {KEY: "memories"}


async def test_switch_without_a_space_goes_back_to_the_default(connection, system):
    system.spaces[KEY] = "todos"

    assert (await switch(connection, session_id="s1")).json["currentSpace"] == "default"


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({}, "session_id is required"),
        ({"session_id": ""}, "session_id is required"),
        (
            {"session_id": "s1", "space": "moon"},
            "Invalid space. Allowed: default, todos, memories, tasks, agent, friends, notifications",
        ),
        (
            {"session_id": "s1", "space": 7},
            "Invalid space. Allowed: default, todos, memories, tasks, agent, friends, notifications",
        ),
    ],
)
async def test_odd_switch_is_refused_in_the_words_that_clients_know(fields, error, connection, system):
    reply = await switch(connection, **fields)

    assert (reply.status, reply.json["error"]) == (400, error)
    assert system.spaces == {}


async def test_status_of_a_known_and_of_an_unknown_session(connection, system):
    system.spaces[KEY] = "agent"

    known = await connection.request("GET", "/context/status/s1", b"", ADMIN)
    unknown = await connection.request("GET", "/context/status/s2", b"", ADMIN)

    assert known.json == {"space": "agent", "pending": None, "initialized": True}
    assert unknown.json == {"space": "default", "pending": None, "initialized": False}


async def test_session_of_another_owner_is_neither_seen_nor_switched(connection, system):
    system.spaces[KEY] = "agent"

    seen = await connection.request("GET", "/context/status/s1")
    await switch(connection, headers={}, session_id="s1", space="tasks")

    assert seen.json["initialized"] is False
    assert "set-cookie" not in seen.headers
    assert system.spaces[KEY] == "agent"


async def test_anonymous_clients_are_refused_in_production(start):
    async with await Connection.open(await start(APP_ENV="production", HOST="127.0.0.1")) as connection:
        assert (await switch(connection, headers={}, session_id="s1")).status == 401
        assert (await connection.request("GET", "/context/status/s1")).status == 401


async def test_page_of_another_site_may_not_switch(connection, system):
    reply = await switch(connection, headers=ADMIN | {"Origin": "http://evil.example"}, session_id="s1")

    assert reply.status == 403
    assert system.spaces == {}
