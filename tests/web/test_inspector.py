"""The webhook inspector: the latest webhooks in bounds, their text only by an audited reveal, no secret ever."""

import asyncio

import pytest

from omi_actors.actors.session.messages import Ingested
from omi_actors.clock import ManualClock
from omi_actors.instruments.webhooks import TEXT_KEPT_S, WEBHOOKS
from tests.canaries import WEBHOOK_TOKEN
from tests.web.conftest import ADMIN, UID
from tests.web.http_client import Connection

SAID = "the words of a person"
BODY = b'{"segments":[{"text":"' + SAID.encode() + b'"}]}'


async def send(connection, body=BODY, token=WEBHOOK_TOKEN):
    return await connection.request("POST", f"/omi-webhook?token={token}&uid={UID}", body)


async def listed(connection):
    return (await connection.request("GET", "/metrics-dashboard/data.json", b"", ADMIN)).json["webhooks"]


async def test_webhooks_are_listed_with_their_fate_and_without_text_or_uid(start):
    async with await Connection.open(await start(APP_ENV="production")) as connection:
        await send(connection)
        await send(connection, b"not json")
        await send(connection, token="wrong")  # noqa: S106 (it is none)
        reply = await connection.request("GET", "/metrics-dashboard/data.json", b"", ADMIN)

    assert [(one["fate"], one["reason"], one["status"], one["hasText"]) for one in reply.json["webhooks"]] == [
        ("refused", "unauthorized", 401, False),
        ("refused", "malformed_json", 400, True),
        ("accepted", "", 200, True),
    ]
    assert not {SAID, UID, WEBHOOK_TOKEN} & set(reply.body.decode().split('"'))


async def test_body_without_the_right_signature_is_not_kept(start):
    async with await Connection.open(
        await start(OMI_SIGNING_SECRETS="whsec_of-the-tests-alone-0123456789")
    ) as connection:
        assert (await send(connection)).status == 401

        assert [(one["fate"], one["hasText"]) for one in await listed(connection)] == [("refused", False)]


async def test_latest_webhooks_are_kept_in_bounds_and_none_when_off(start):
    async with await Connection.open(await start(WEBHOOK_INSPECTOR_SIZE="2")) as connection:
        ids = [(await send(connection)).headers["x-request-id"] for _ in range(3)]
        assert [one["id"] for one in await listed(connection)] == [ids[2], ids[1]]
    async with await Connection.open(await start(WEBHOOK_INSPECTOR_SIZE="0")) as connection:
        await send(connection)
        assert await listed(connection) == []


async def test_webhooks_without_the_right_token_push_out_no_other(start):
    async with await Connection.open(await start(WEBHOOK_INSPECTOR_SIZE="8", APP_ENV="production")) as connection:
        right = (await send(connection)).headers["x-request-id"]
        wrong = [(await send(connection, token="wrong")).headers["x-request-id"] for _ in range(9)]  # noqa: S106

        assert [one["id"] for one in await listed(connection)] == [wrong[8], wrong[7], right]


async def test_bodies_are_bounded_in_bytes(start):
    async with await Connection.open(await start(WEBHOOK_INSPECTOR_BYTES=str(2 * len(BODY)))) as connection:
        for _ in range(3):
            await send(connection)
        await send(connection, BODY + b" " * 2 * len(BODY))

        assert [one["hasText"] for one in await listed(connection)] == [False, True, True, False]


@pytest.mark.parametrize("age_s", [TEXT_KEPT_S, TEXT_KEPT_S + 1])
async def test_bodies_go_after_an_hour(start, age_s):
    clock = ManualClock()
    async with await Connection.open(await start(clock)) as connection:
        await send(connection)
        clock.advance(age_s)
        await send(connection)

        assert [one["hasText"] for one in await listed(connection)] == [True, age_s == TEXT_KEPT_S]
        WEBHOOKS.drop_texts()
        assert [one["hasText"] for one in await listed(connection)] == [False, False]


async def test_webhook_that_was_under_way_at_a_deletion_is_kept_without_its_text(start, system):
    clock, received = ManualClock(), asyncio.Event()
    system.outcomes.append(None)
    system.on_received = received.set
    async with await Connection.open(await start(clock)) as connection:
        sending = asyncio.create_task(send(connection))
        await received.wait()
        clock.advance(1.0)
        WEBHOOKS.drop_texts()
        system.open[0].try_set(Ingested())
        await sending
        await send(connection)

        assert [one["hasText"] for one in await listed(connection)] == [True, False]
