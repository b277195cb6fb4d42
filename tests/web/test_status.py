"""`/health` with and without the operator's rights; `/api/info` and `/help`."""

import asyncio
import re

import pytest

from tests.web.conftest import ADMIN
from tests.web.held_pacer import HeldPacer
from tests.web.http_client import Connection


@pytest.fixture
def get(connection):
    async def get_it(target, method="GET", **headers):
        return await connection.request(method, target, b"", headers)

    return get_it


@pytest.fixture
async def in_production(start):
    async with await Connection.open(await start(APP_ENV="production", HOST="127.0.0.1")) as opened:
        yield opened


@pytest.mark.parametrize("headers", [{}, ADMIN])
@pytest.mark.parametrize(("status", "code"), [("pass", 200), ("warn", 200), ("fail", 503)])
async def test_health_is_503_only_when_something_fails(status, code, headers, get, system):
    system.status = status

    reply = await get("/health", **headers)

    assert (reply.status, reply.json["status"]) == (code, status)


async def test_health_without_operators_rights_has_names_and_states_only(in_production):
    health = (await in_production.request("GET", "/health")).json

    assert health.pop("timestamp").endswith("Z")
    assert health == {
        "status": "pass",
        "ready": True,
        "checks": {"store": {"status": "pass"}, "model": {"status": "warn", "provider": "demo"}},
        "features": {"metrics": "on"},
        "database": {"kind": "sqlite", "status": "pass"},
    }


async def test_health_shows_a_developers_script_uptime_and_memory_without_a_token(get):
    health = (await get("/health")).json

    assert (health["uptime"], health["memory"]) == (12.5, {"rss": 4096})
    assert not {"metrics", "settings", "sessions"} & set(health)


async def test_wrong_token_is_a_stranger(in_production):
    headers = {"Authorization": "Bearer wrong"}

    assert "uptime" not in (await in_production.request("GET", "/health", headers=headers)).json


async def test_operator_sees_everything_by_the_documents_keys(get, system):
    health = (await get("/health", **ADMIN)).json

    document = {"status", "timestamp", "uptime", "memory", "metrics", "activeRequests", "features", "database"}
    assert document <= set(health)
    assert health["checks"] == system.health()["checks"]
    assert (health["metrics"]["requests"]["total"], health["activeRequests"]) == (3, 1)
    assert health["metrics"]["timestamp"] == health["timestamp"]


async def test_info_has_the_originals_keys_and_only_features_that_are_on(start):
    async with await Connection.open(await start(ENABLE_METRICS="false")) as connection:
        info = (await connection.request("GET", "/api/info")).json

    assert {"name", "version", "environment", "features", "timestamp"} <= set(info)
    assert info["environment"] == "development"
    assert "backgroundQueue" in info["features"]
    assert "metrics" not in info["features"]


async def test_every_address_that_info_names_answers_each_method_that_it_names(get, connection):
    routes = (await get("/api/info")).json["routes"]

    assert {route["path"] for route in routes} >= {"/omi-webhook", "/transcript/:sessionId", "/health", "/api/info"}
    for route in routes:
        for method in route["methods"]:
            path = re.sub(r":(?:sessionId|jobId|id)", "x", route["path"])
            path = path.replace("jobs/x/:action", "jobs/x/retry").replace(":action", "pause")
            path = path.replace("/docs/:file", "/docs/docs.js")
            reply = await get(path.replace(":script", "live.js").replace(":file", "main.js"), method, **ADMIN)
            if reply.headers.get("content-type", "").startswith("text/event-stream"):
                await connection.reopen()
            assert reply.status != 405, route
            # 404 is also what an address says of a thing that is not there, in its own words.
            assert b"Nothing is at this address" not in reply.body, route


async def test_addresses_that_a_setting_removes_are_not_listed(start):
    async with await Connection.open(await start(ENABLE_METRICS="false")) as connection:
        info = (await connection.request("GET", "/api/info")).json

    assert not [route for route in info["routes"] if "metrics" in route["path"]]


async def test_help_has_the_originals_keys_and_speaks_of_the_names_that_are_set(start):
    async with await Connection.open(await start(WAKE_NAMES="nova,omi")) as connection:
        told = (await connection.request("GET", "/help")).json

    assert set(told) == {
        *("title", "description", "trigger_phrases", "examples", "help_keywords", "note", "features", "voice_commands")
    }
    assert {"Hey Nova", "Hey Omi"} <= set(told["trigger_phrases"]["phrases"])
    assert told["features"] == {
        "web_search": False,
        "natural_language": True,
        "rate_limiting": True,
        "spaces": True,
        "windows": True,
    }
    assert set(told["voice_commands"]) == {"spaces", "conversations", "memories", "tasks"}


@pytest.mark.parametrize("target", ["/health", "/metrics", "/metrics-dashboard", "/metrics-dashboard/data.json"])
async def test_snapshot_is_paced_and_a_probe_is_not(target, start):
    port = await start()
    turns = start.server._site.snapshot_pacer = HeldPacer()

    async with await Connection.open(port) as one, await Connection.open(port) as other:
        looking = asyncio.ensure_future(one.request("GET", target, b"", ADMIN))
        await asyncio.wait_for(turns.asked.wait(), 5)
        probed = await other.request("GET", "/livez")

        assert (probed.status, looking.done()) == (200, False)
        turns.may_go.set()
        assert (await looking).status == 200
