"""REQUEST_TIMEOUT: a late request gets 504, and its work is cancelled."""

import asyncio

from omi_actors.kit.future import Future
from tests.web.conftest import ADMIN, UID
from tests.web.held_pacer import HeldPacer
from tests.web.http_client import Connection


async def test_request_that_takes_too_long_is_504_and_its_work_cancelled(start, system, monkeypatch):
    ended = []

    async def never():
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    monkeypatch.setattr(system, "load_transcript", lambda *_, **__: never())
    async with await Connection.open(await start(REQUEST_TIMEOUT="100")) as connection:
        reply = await connection.request("GET", f"/transcript/{UID}", headers={**ADMIN, "X-Request-Id": "r1"})

        assert (reply.status, reply.json["code"], reply.json["request_id"]) == (504, "timeout", "r1")
        assert ended == [True]
        assert (await connection.request("GET", "/livez")).status == 200
    assert start.traffic.active == 0


async def test_future_of_ours_is_let_go_too(start, system, monkeypatch):
    monkeypatch.setattr(system, "load_transcript", lambda *_, **__: Future())
    async with await Connection.open(await start(REQUEST_TIMEOUT="100")) as connection:
        assert (await connection.request("GET", f"/transcript/{UID}", headers=ADMIN)).status == 504


async def test_webhook_is_given_no_more_time_than_a_request(start, system):
    async with await Connection.open(await start(REQUEST_TIMEOUT="5000")) as connection:
        await connection.request("POST", "/omi-webhook?uid=u", b'{"segments":[{"text":"a"}]}')

    assert 4.9 < system.timeouts[0] <= 5


async def test_snapshot_that_waits_too_long_is_504_too(start):
    port = await start(REQUEST_TIMEOUT="100")
    start.server._site.snapshot_pacer = HeldPacer()

    async with await Connection.open(port) as connection:
        reply = await asyncio.wait_for(connection.request("GET", "/health"), 5)

    assert (reply.status, reply.json["code"]) == (504, "timeout")
    assert start.traffic.active == 0
