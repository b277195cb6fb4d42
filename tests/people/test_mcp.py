"""`/mcp` over HTTP: the protocol's official client at each revision, ownership, and messages that are none."""

import asyncio
import base64
import json
from contextlib import asynccontextmanager

import httpx2
import pytest
from mcp import Client as Program
from mcp import MCPError
from mcp.client.streamable_http import streamable_http_client

from omi_actors.domain.people.conversations import NEWEST
from omi_actors.store.people.conversations import list_messages
from tests.canaries import SPOKEN
from tests.people.conftest import Client
from tests.people.test_conversations import register
from tests.people.test_messages import RefusingModel
from tests.system.conftest import eventually
from tests.system.test_promises import GatedModel
from tests.web.http_client import Connection, request_bytes

MODERN, MIDDLE, OLD = "2026-07-28", "2025-11-25", "2025-06-18"
META = "io.modelcontextprotocol/"
TOOLS = ["ask", "recall", "search_conversations", "remember", "list_tasks", "add_task", "complete_task"]


@pytest.fixture
def database_url():
    """SQLite: the statements are tested on each database where they stand."""
    return ""


@asynccontextmanager
async def program(running, token, mode="auto"):
    """Open a program with the official client."""
    url = f"http://127.0.0.1:{running.port}/mcp"
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as web,
        Program(streamable_http_client(url, http_client=web), mode=mode) as opened,
    ):
        yield opened


async def use(client, name, **given):
    """Call a tool with the official client, which checks the result by the tool's schema; return the result."""
    result = await client.call_tool(name, given)
    assert not result.is_error, result
    assert json.loads(result.content[0].text) == result.structured_content
    return result.structured_content


def message(method, revision=MODERN, *, rpc_id=1, meta=None, **params):
    """Return a message of a revision as JSON, and its headers."""
    headers = {"MCP-Protocol-Version": revision}
    if revision == MODERN:
        stated = {f"{META}protocolVersion": revision, f"{META}clientCapabilities": {}}
        params["_meta"] = stated if meta is None else meta
        headers |= {"Mcp-Method": method} | ({"Mcp-Name": params["name"]} if "name" in params else {})
    return {"jsonrpc": "2.0", "id": rpc_id, "method": method, "params": params}, headers


async def tell(client, name, revision=MODERN, **given):
    """Call a tool by a plain request; return its result."""
    body, headers = message("tools/call", revision, name=name, arguments=given)
    reply = await client("POST", "/mcp", body, **headers)
    assert reply.status == 200, reply
    return reply.json["result"]


async def refusal(client, name, **given):
    """Call a tool that refuses; return its sentence."""
    result = await tell(client, name, **given)
    assert result["isError"], result
    assert "structuredContent" not in result
    return result["content"][0]["text"]


async def test_official_client_uses_every_tool_at_each_revision(running, ada):
    await register(ada)
    await ada("PATCH", "/preferences", {"injectMemories": True})
    for mode, revision in (("auto", MODERN), ("legacy", MIDDLE)):
        async with program(running, ada.token, mode) as client:
            assert (client.protocol_version, client.server_info.name) == (revision, "omi-actors")
            assert [tool.name for tool in (await client.list_tools()).tools] == TOOLS
            kept = await use(client, "remember", text=f"The boat of {mode} is called Meltemi.")
            again = await use(client, "remember", text=f"The boat of {mode} is called Meltemi.")
            assert again == kept | {"was_known": True}
            found = await use(client, "recall", question=f"How is the boat of {mode} called?")
            assert found["texts"][0]["id"] == kept["id"]
            made = await use(client, "ask", question=f"What is the boat of {mode}?")
            assert "boat" in made["answer"]
            assert kept["id"] in [one["id"] for one in made["sources"]]
            nearly = await use(client, "ask", question=f"What is the boat of {mode}")
            assert nearly["conversation_id"] == made["conversation_id"]
            assert "boat" in nearly["answer"]
            task = await use(client, "add_task", text=f"Paint the boat of {mode}")
            done = await use(client, "complete_task", id=task["id"])
            assert done == task | {"is_done": True, "completed_at": done["completed_at"]}
            page = await use(client, "list_tasks", limit=1)
            assert page["tasks"] == [done]
            assert await use(client, "search_conversations", words="boat", limit=1) is not None
            with pytest.raises(MCPError, match="no such tool"):
                await client.call_tool("no such tool", {})
    older = await use_cursor(ada, page["next_cursor"])
    assert [one["text"] for one in older["tasks"]] == ["Paint the boat of auto"]
    (talk,) = (await ada("GET", "/conversations")).json["items"]
    assert (talk["id"], talk["title"]) == (made["conversation_id"], "MCP")
    assert len((await ada("GET", f"/conversations/{talk['id']}/messages")).json["items"]) == 8


async def use_cursor(client, cursor):
    return (await tell(client, "list_tasks", OLD, cursor=cursor))["structuredContent"]


async def test_person_reaches_nothing_of_another_person(running, ada):
    await register(ada)
    bob = Client(running.connection)
    await bob.register("bob@example.com")
    mine = (await tell(ada, "ask", question="Where is my key?"))["structuredContent"]
    task = (await tell(ada, "add_task", text="Find the key"))["structuredContent"]
    await tell(ada, "remember", text="The key is under the stone.")

    assert "no such conversation" in await refusal(
        bob, "ask", question="And now?", conversation_id=mine["conversation_id"]
    )
    assert "no task" in await refusal(bob, "complete_task", id=task["id"])
    for name, given in (("recall", {"question": "key"}), ("search_conversations", {"words": "key"})):
        assert (await tell(bob, name, **given))["structuredContent"] == {"texts": []}
    assert (await tell(bob, "list_tasks"))["structuredContent"] == {"tasks": []}
    assert not (await tell(ada, "list_tasks"))["structuredContent"]["tasks"][0]["is_done"]
    # The answer counts as delivered, since the person can read it: it does not come again with another one.
    rows = await running.system.store.read(lambda tx: tx.fetch("SELECT state FROM delivery"))
    assert rows == [("sent",)]
    body, headers = message("tools/list")
    stranger = await Client(running.connection)("POST", "/mcp", body, **headers)
    assert (stranger.status, stranger.headers["www-authenticate"]) == (401, "Bearer")


def encoded(name):
    return f"=?base64?{base64.b64encode(name.encode()).decode()}?="


def without(form, key):
    return {name: value for name, value in form.items() if name != key}


LIST, LISTED = message("tools/list")
USE, USED = message("tools/call", name="list_tasks")
NEITHER = {"jsonrpc": "2.0", "id": 1}
# What is sent, the headers, and the expected status, code, and id.
MESSAGES = {
    "no JSON": (b"{", LISTED, 400, -32700, None),
    "no UTF-8": (b'{"a":"\xff"}', LISTED, 400, -32700, None),
    "nested deeply": (b"[" * 50_000, LISTED, 400, -32700, None),
    "empty": (b"", LISTED, 400, -32700, None),
    "half a surrogate pair": (b'{"a":"\\ud800"}', LISTED, 400, -32700, None),
    "a batch": ([LIST, LIST], LISTED, 400, -32600, None),
    "an empty batch": ([], LISTED, 400, -32600, None),
    "a batch of an older revision": ([LIST], {"MCP-Protocol-Version": OLD}, 400, -32600, None),
    "a text": ("x", LISTED, 400, -32600, None),
    "another JSON-RPC": (LIST | {"jsonrpc": "1.0"}, LISTED, 400, -32600, 1),
    "no JSON-RPC": (without(LIST, "jsonrpc"), LISTED, 400, -32600, 1),
    "an id of null": (LIST | {"id": None}, LISTED, 400, -32600, None),
    "an id that is true": (LIST | {"id": True}, LISTED, 400, -32600, None),
    "an id of a fraction": (LIST | {"id": 1.5}, LISTED, 400, -32600, None),
    "a huge id": (LIST | {"id": 10**30}, LISTED, 400, -32600, None),
    "a method that is a number": (LIST | {"method": 7}, LISTED, 400, -32600, 1),
    "neither a method nor a response": (NEITHER, LISTED, 400, -32600, 1),
    "a response": (NEITHER | {"result": {}}, LISTED, 400, -32600, 1),
    "params in a list": (LIST | {"params": []}, LISTED, 400, -32602, 1),
    "no _meta": (LIST | {"params": {}}, LISTED, 400, -32602, 1),
    "a _meta that is a text": (LIST | {"params": {"_meta": "x"}}, LISTED, 400, -32602, 1),
    "no capabilities": (message("tools/list", meta={f"{META}protocolVersion": MODERN})[0], LISTED, 400, -32602, 1),
    "no revision": (without(LIST, "params"), {"Mcp-Method": "tools/list"}, 400, -32020, 1),
    "no revision in the headers": (LIST, {"Mcp-Method": "tools/list"}, 400, -32020, 1),
    "two revisions": (LIST, LISTED | {"MCP-Protocol-Version": OLD}, 400, -32020, 1),
    "no method in the headers": (LIST, without(LISTED, "Mcp-Method"), 400, -32020, 1),
    "two methods": (LIST, LISTED | {"Mcp-Method": "tools/call"}, 400, -32020, 1),
    "no tool in the headers": (USE, without(USED, "Mcp-Name"), 400, -32020, 1),
    "two tools": (USE, USED | {"Mcp-Name": "ask"}, 400, -32020, 1),
    "a tool in broken base64": (USE, USED | {"Mcp-Name": "=?base64?x?="}, 400, -32020, 1),
    "a revision of the past": (without(LIST, "params"), {"MCP-Protocol-Version": "2025-03-26"}, 400, -32022, 1),
    "a revision of the future": (
        message("tools/list", meta={f"{META}protocolVersion": "2030-01-01", f"{META}clientCapabilities": {}})[0],
        LISTED | {"MCP-Protocol-Version": "2030-01-01"},
        *(400, -32022, 1),
    ),
    "an unknown method": (*message("resources/list"), 404, -32601, 1),
    "a method of the past": (*message("ping"), 404, -32601, 1),
    "initialize of the newest revision": (*message("initialize"), 404, -32601, 1),
    "an unknown method of an older revision": (*message("resources/list", OLD), 200, -32601, 1),
    "a method of the future": (*message("server/discover", OLD), 200, -32601, 1),
    "an unknown tool": (*message("tools/call", name="forget"), 400, -32602, 1),
    "an unknown tool of an older revision": (*message("tools/call", OLD, name="forget"), 200, -32602, 1),
    "a tool that is a number": (message("tools/call", OLD, name=7)[0], {"MCP-Protocol-Version": OLD}, 200, -32602, 1),
    "arguments in a list": (*message("tools/call", name="list_tasks", arguments=[1]), 400, -32602, 1),
    "a cursor of the tools": (*message("tools/list", cursor="x"), 400, -32602, 1),
    "initialize without a revision": (*message("initialize", OLD), 200, -32602, 1),
}
ACCEPTED = {
    "a text as id": (*message("tools/list", rpc_id="x"), 200),
    "a tool in base64": (USE, USED | {"Mcp-Name": encoded("list_tasks")}, 200),
    "a notification": (without(LIST, "id") | {"method": "notifications/x"}, {"MCP-Protocol-Version": MODERN}, 202),
    "a notification of an older revision": (without(message("notifications/initialized", OLD)[0], "id"), {}, 202),
    "a response of an older revision": (NEITHER | {"result": {}}, {"MCP-Protocol-Version": OLD}, 202),
}
ACCEPTED["a notification of an older revision"][1]["MCP-Protocol-Version"] = OLD


async def test_malformed_messages_are_answered_as_the_protocol_says(ada):
    await register(ada)
    wrong = {}

    for name, (body, headers, *expected) in MESSAGES.items():
        reply = await ada("POST", "/mcp", body, **headers)
        got = [reply.status, reply.json.get("error", {}).get("code"), reply.json.get("id")]
        if got != expected:
            wrong[name] = (got, expected)
    for name, (body, headers, status) in ACCEPTED.items():
        reply = await ada("POST", "/mcp", body, **headers)
        if reply.status != status or (status == 202 and reply.body):
            wrong[name] = reply

    assert wrong == {}
    for method in ("GET", "DELETE", "PUT"):
        reply = await ada(method, "/mcp")
        assert (reply.status, reply.headers["allow"]) == (405, "POST")
    batch = (await ada("POST", "/mcp", [LIST, LIST], **LISTED)).json["error"]["message"]
    assert "each message as a request of its own" in batch
    assert (await ada("POST", "/mcp", b" " * 300_000, **LISTED)).status == 413


async def test_older_revisions_begin_with_initialize_and_get_no_session(start):
    running = await start("", CORS_ORIGINS="https://chat.example")
    ada = Client(running.connection)
    await register(ada)

    for asked, revision in ((OLD, OLD), (MIDDLE, MIDDLE), ("2024-11-05", MIDDLE), (MODERN, MIDDLE)):
        body, _ = message("initialize", OLD, protocolVersion=asked, capabilities={}, clientInfo={"name": "x"})
        reply = await ada("POST", "/mcp", body)
        assert (reply.status, reply.json["result"]["protocolVersion"]) == (200, revision), reply
        assert "mcp-session-id" not in reply.headers
    body, headers = message("ping", OLD)
    assert (await ada("POST", "/mcp", body, **headers)).json == {"jsonrpc": "2.0", "id": 1, "result": {}}
    body, headers = message("tools/list", OLD)
    assert set((await ada("POST", "/mcp", body, **headers)).json["result"]) == {"tools"}
    body, headers = message("server/discover")
    found = (await ada("POST", "/mcp", body, **headers)).json["result"]
    assert (found["resultType"], found["supportedVersions"]) == ("complete", [MODERN, MIDDLE, OLD])
    for origin, status in (("https://elsewhere.example", 403), ("https://chat.example", 200)):
        assert (await ada("POST", "/mcp", LIST, Origin=origin, **LISTED)).status == status
    before = await ada("OPTIONS", "/mcp", Origin="https://chat.example", Access_Control_Request_Method="POST")
    assert set(LISTED) <= set(before.headers["access-control-allow-headers"].split(", "))


async def test_tool_that_cannot_do_its_work_says_why(start):
    running = await start("", model=RefusingModel(), RATE_LIMIT_MAX_REQUESTS="20")
    ada = Client(running.connection)
    await register(ada)
    bad: tuple[tuple[str, dict[str, object], str], ...] = (
        ("ask", {}, "`question`"),
        ("ask", {"question": "  "}, "1 to 8000"),
        ("ask", {"question": "x" * 8_001}, "1 to 8000"),
        ("ask", {"question": 7}, "`int`"),
        ("ask", {"question": "x", "depth": 1}, "`depth`"),
        ("recall", {"question": "x", "limit": 0}, ">= 1"),
        ("recall", {"question": "a\0b"}, "NUL"),
        ("remember", {"text": " "}, "blank"),
        ("remember", {"text": "x" * 10_001}, "10000"),
        ("add_task", {"text": " "}, "blank"),
        ("list_tasks", {"cursor": "x"}, "cursor"),
        # The model refuses.
        ("ask", {"question": SPOKEN}, "Ask again later."),
    )
    for name, given, words in bad:
        assert words in await refusal(ada, name, **given), (name, given)
    # Questions count as those of chats do, too.
    for _ in range(20 - 3):
        await ada("POST", "/chat", {})
    assert "Too many requests" in await refusal(ada, "ask", question=SPOKEN)


async def test_answer_that_is_late_is_fetched_by_its_key(start):
    model = GatedModel()
    running = await start("", model=model, CHAT_REPLY_DEADLINE_MS="100")
    ada = Client(running.connection)
    await register(ada)

    late = await refusal(ada, "ask", question=SPOKEN)

    key = late.rpartition("the key ")[2].removesuffix(".")
    model.gate.set()
    answered = await tell(ada, "ask", question=SPOKEN, key=key)
    assert not answered["isError"], answered
    assert model.calls == 1
    assert "was used for another" in await refusal(ada, "ask", question="How far is the sun?", key=key)


async def test_question_of_a_client_that_leaves_stops_at_the_newest_revision_and_goes_on_at_an_older_one(start):
    model = GatedModel()
    running = await start("", model=model)
    ada = Client(running.connection)
    me = await register(ada)
    left = 'omi_chats_total{outcome="left"}'
    before = await running.metric(left)

    async def ask_and_leave(question, revision):
        body, headers = message("tools/call", revision, name="ask", arguments={"question": question})
        signed = headers | {"Authorization": f"Bearer {ada.token}"}
        leaving = await Connection.open(running.port)
        leaving.write(request_bytes("POST", "/mcp", json.dumps(body).encode(), signed))
        await asyncio.wait_for(model.asked.wait(), 5)
        model.asked.clear()
        await leaving.close()

    async def has_left():
        return await running.metric(left) == before + 1

    async def is_answered():
        said = await running.system.store.read(list_messages, me, talk["id"], before=NEWEST, limit=9)
        return [one.kind for one in said] == ["answer", "question", "question"]

    await ask_and_leave("How old is the house?", MODERN)
    await eventually(has_left)
    await ask_and_leave("How far is the moon?", OLD)
    (talk,) = (await ada("GET", "/conversations")).json["items"]
    model.gate.set()
    await eventually(is_answered)
    assert await running.metric(left) == before + 1
