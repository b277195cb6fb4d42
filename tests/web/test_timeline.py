"""One request's timeline, the errors and the requests under way: for the operator, in two steps from any error."""

import pytest

from omi_actors.instruments.requests import REQUESTS
from tests.web.conftest import ADMIN, UID
from tests.web.http_client import Connection

HTML = {"Accept": "text/html"}


@pytest.fixture
def get(connection):
    async def get_it(target, **headers):
        return await connection.request("GET", target, b"", headers or ADMIN)

    return get_it


async def test_webhook_has_a_timeline_as_json_and_as_a_page(post, get):
    reply = await post({"uid": UID, "segments": []})
    request_id = reply.headers["x-request-id"]

    timeline = (await get(f"/metrics-dashboard/requests/{request_id}")).json
    page = await get(f"/metrics-dashboard/requests/{request_id}", **ADMIN, **HTML)

    assert (timeline["method"], timeline["route"], timeline["status"]) == ("POST", "/omi-webhook", 200)
    assert [stage["stage"] for stage in timeline["stages"]] == ["received", "replied"]
    assert page.headers["content-type"].startswith("text/html")
    assert b"Answered with 200" in page.body
    assert b"<svg" in page.body


async def test_error_leads_the_operator_to_its_timeline_and_nobody_else(get, connection):
    for headers in (ADMIN, {**ADMIN, **HTML}):
        failed = await get("/transcript/nobody", **headers)
        address = f"/metrics-dashboard/requests/{failed.headers['x-request-id']}"
        assert address in failed.body.decode()
        found = (await get(address)).json
        assert (found["status"], found["error"]) == (404, "NotFoundError")

    refused = await connection.request("GET", "/transcript/nobody", b"", HTML)
    assert "metrics-dashboard" not in refused.body.decode()
    assert (await connection.request("GET", address, b"", {})).status == 401


async def test_errors_stand_on_the_dashboard_by_type_and_place(post, get):
    await post(b"not json")
    refused = await post(b"not json")
    await get("/transcript/nobody")

    errors = (await get("/metrics-dashboard/data.json")).json["errors"]

    assert [(group["type"], group["where"], group["count"]) for group in errors] == [
        ("NotFoundError", "/transcript/:sessionId", 1),
        ("MalformedJsonError", "/omi-webhook", 2),
    ]
    assert errors[1]["request"] == refused.headers["x-request-id"]


async def test_request_under_way_is_shown_with_its_age_and_marked_when_slow(start, system):
    port = await start(SLOW_REQUEST_THRESHOLD="1")
    async with await Connection.open(port) as waiting, await Connection.open(port) as operator:
        waiting.write(b"POST /omi-webhook HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n")
        await operator.request("GET", "/livez", b"", {})
        data = (await operator.request("GET", "/metrics-dashboard/data.json", b"", ADMIN)).json

    (active,) = data["active"]
    assert (active["method"], active["route"], active["stage"]) == ("POST", "/omi-webhook", "received")


async def test_what_an_open_page_reads_again_and_again_is_not_kept(get):
    for target in ("/metrics-dashboard/data.json", "/style.css"):
        reply = await get(target)
        assert REQUESTS.find(reply.headers["x-request-id"]) is None


async def test_only_as_many_finished_requests_are_kept_as_the_setting_says(start):
    async with await Connection.open(await start(REQUEST_LOG_SIZE="2")) as connection:
        ids = [(await connection.request("GET", "/livez", b"", ADMIN)).headers["x-request-id"] for _ in range(4)]

    assert [REQUESTS.find(request_id) is not None for request_id in ids] == [False, False, True, True]
