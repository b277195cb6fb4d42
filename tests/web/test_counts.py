"""Counts of requests and webhooks: each once, by its fate; a request's time is among the latencies of its group."""

import asyncio

import pytest

from omi_actors.actors.session.messages import Ingested
from omi_actors.errors import StoreUnavailableError
from omi_actors.instruments.counts import count, growth
from omi_actors.instruments.latencies import RECORDERS, group_of
from omi_actors.instruments.metrics import REGISTRY
from omi_actors.instruments.readings import take_readings
from tests.web.conftest import ADMIN, UID
from tests.web.http_client import TIMEOUT_S, Connection
from web.handlers import pages
from web.handlers.base import BaseHandler

ONE = {"segments": [{"text": "one"}]}


@pytest.fixture
def grown():
    """Return what has grown since the fixture was made, or since the last call."""
    before = count(take_readings(REGISTRY))

    def since():
        nonlocal before
        now = count(take_readings(REGISTRY))
        added, before = growth(now, before), now
        return {name: value for name, value in added.items() if value}

    return since


async def test_28_requests_show_as_28_and_pages_are_apart(connection, post, grown):
    for _ in range(28):
        await post(ONE)
    for target in ("/style.css", "/metrics-dashboard/data.json", "/health", "/"):
        await connection.request("GET", target, b"", ADMIN)

    assert grown() == {"requests": 28, "ok": 28, "webhooks": 28, "accepted": 28, "pages": 4}


async def test_a_500_is_a_failure_and_a_callers_error_is_not(connection, system, grown):
    system.health = lambda: 1 / 0
    await connection.request("GET", "/health")
    assert grown() == {"pages": 1}

    system.load_transcript = lambda *_, **__: 1 / 0
    await connection.request("GET", f"/transcript/{UID}", b"", ADMIN)
    await connection.request("GET", "/nowhere")

    assert grown() == {"requests": 2, "failed": 1, "client_errors": 1}


@pytest.mark.parametrize(
    ("outcome", "sent", "fates"),
    [
        (Ingested(), (ONE,), ("ok", "accepted")),
        (StoreUnavailableError("down"), (ONE,), ("ok", "dropped")),
        (Ingested(), ({"segments": [{"text": "one"}, {"text": 5}]},), ("ok", "dropped_in_part")),
        (Ingested(), (ONE, ""), ("ok", "dropped")),
        (Ingested(), (b"{",), ("client_errors", "refused")),
        (Ingested(), (ONE, "uid=u&token=wrong"), ("client_errors", "refused")),
    ],
)
async def test_webhook_has_one_fate(outcome, sent, fates, system, post, grown):
    system.outcomes.append(outcome)

    await post(*sent)

    assert grown() == dict.fromkeys(("requests", "webhooks", *fates), 1)


@pytest.mark.parametrize(
    ("body", "query", "reason"),
    [(b"{", "uid=u", "malformed_json"), (b"{}", "uid=u&token=wrong", "unauthorized")],
)
async def test_refusal_has_its_reason(body, query, reason, post, metric):
    before = metric("omi_webhooks_refused_total", reason=reason)

    await post(body, query)

    assert metric("omi_webhooks_refused_total", reason=reason) == before + 1


async def test_webhook_that_ends_before_its_body_is_cut_off(start, grown):
    port = await start()
    connection = await Connection.open(port)
    connection.write(b"POST /omi-webhook?uid=u HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n{")
    await connection.close()

    found: dict[str, float] = {}
    async with asyncio.timeout(TIMEOUT_S), await Connection.open(port) as other:
        while "cut" not in found:
            await other.request("GET", "/livez")
            for name, value in grown().items():
                found[name] = found.get(name, 0) + value

    assert {name: found[name] for name in ("requests", "closed", "webhooks", "cut")} == dict.fromkeys(
        ("requests", "closed", "webhooks", "cut"), 1
    )


async def test_requests_time_is_among_those_of_its_group(connection, post):
    for recorder in RECORDERS.values():
        recorder.take()

    await post(ONE)
    await connection.request("GET", "/livez")
    await connection.request("GET", "/nowhere")

    taken = {name: len(recorder.take()) for name, recorder in RECORDERS.items()}
    assert {name: number for name, number in taken.items() if number} == {"webhook": 1, "pages": 1, "people": 1}


def test_every_part_of_a_page_counts_as_a_page():
    handlers = [kind for kind in vars(pages).values() if isinstance(kind, type) and issubclass(kind, BaseHandler)]

    assert {group_of(kind.route) for kind in handlers if kind.route != "other"} == {"pages"}
