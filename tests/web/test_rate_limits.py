"""Rate limits: refused senders learn when to retry; a usual wearable stays below the default."""

import json
import timeit

import pytest
from structlog.testing import capture_logs

from omi_actors.backplane.counters import WindowCounters
from omi_actors.clock import ManualClock
from omi_actors.errors import RateLimitedError
from tests.web.conftest import ADMIN, UID
from tests.web.http_client import Connection
from web.edge.limits import RefusedWebhooks, RequestLimit, WebhookLimit

BODY = json.dumps({"segments": [{"text": "a"}]}).encode()


async def get_many(connection, count, target="/nowhere", **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return [await connection.request("GET", target, headers=named) for _ in range(count)]


async def test_sender_of_too_many_requests_learns_when_to_retry(start):
    clock = ManualClock()
    port = await start(clock, RATE_LIMIT_MAX_REQUESTS="2", RATE_LIMIT_WINDOW="30000")
    async with await Connection.open(port) as connection:
        first, _ = await get_many(connection, 2)
        clock.advance(10)
        (refused,) = await get_many(connection, 1)

        assert (first.status, first.headers["ratelimit-remaining"]) == (404, "1")
        assert (first.headers["ratelimit-limit"], first.headers["ratelimit-reset"]) == ("2", "30")
        assert first.headers["ratelimit-policy"] == "2;w=30"
        assert (refused.status, refused.json["code"], refused.headers["retry-after"]) == (429, "rate_limited", "20")
        assert refused.headers["ratelimit-remaining"] == "0"
        clock.advance(20)
        assert (await get_many(connection, 1))[0].status == 404


async def test_each_address_has_its_own_number(start):
    port = await start(RATE_LIMIT_MAX_REQUESTS="1", TRUST_PROXY="1")
    async with await Connection.open(port) as connection:
        for address in ("203.0.113.1", "203.0.113.2"):
            first, second = await get_many(connection, 2, X_Forwarded_For=address)
            assert (first.status, second.status) == (404, 429)


async def test_each_kind_of_route_has_its_own_number(start):
    async with await Connection.open(await start(RATE_LIMIT_MAX_REQUESTS="1")) as connection:
        api = await get_many(connection, 2)
        sign_in = await get_many(connection, 2, "/operator?key=x")

        assert [reply.status for reply in (*api, *sign_in)] == [404, 429, 401, 429]


async def test_health_and_the_operator_are_not_limited(start):
    async with await Connection.open(await start(RATE_LIMIT_MAX_REQUESTS="1")) as connection:
        for target in ("/livez", "/readyz", "/health", "/metrics"):
            assert {reply.status for reply in await get_many(connection, 3, target, **ADMIN)} == {200}
        for target in ("/livez", "/readyz", "/health"):
            assert {reply.status for reply in await get_many(connection, 3, target)} == {200}
        assert {reply.status for reply in await get_many(connection, 3, f"/transcript/{UID}", **ADMIN)} == {404}
        assert [reply.status for reply in await get_many(connection, 2, f"/transcript/{UID}")] == [401, 429]


async def test_limits_can_be_switched_off(start):
    port = await start(ENABLE_RATE_LIMIT="false", RATE_LIMIT_MAX_REQUESTS="1", RATE_LIMIT_MAX_WEBHOOKS="1")
    async with await Connection.open(port) as connection:
        replies = await get_many(connection, 3)
        webhooks = [await connection.request("POST", "/omi-webhook?uid=u", BODY) for _ in range(3)]

    assert [reply.status for reply in replies] == [404] * 3
    assert "ratelimit-limit" not in replies[0].headers
    assert [reply.dropped for reply in webhooks] == [None] * 3


async def test_only_failures_count_by_setting(start, system):
    port = await start(RATE_LIMIT_MAX_REQUESTS="2", RATE_LIMIT_SKIP_SUCCESSFUL="true", RATE_LIMIT_MAX_WEBHOOKS="1")
    async with await Connection.open(port) as connection:
        fine = [await connection.request("OPTIONS", "/transcript/x") for _ in range(5)]
        failed = await get_many(connection, 3)
        webhooks = [await connection.request("POST", "/omi-webhook?uid=u", BODY) for _ in range(3)]

    assert [reply.status for reply in fine] == [204] * 5
    assert [reply.status for reply in failed] == [404, 404, 429]
    assert [reply.dropped for reply in webhooks] == [None] * 3


async def test_flood_of_one_wearable_is_dropped_and_others_are_kept(start, system, metric):
    before = metric("omi_webhooks_dropped_total", reason="rate_limited")
    clock = ManualClock()
    async with await Connection.open(await start(clock, RATE_LIMIT_MAX_WEBHOOKS="2")) as connection:
        mine = [await connection.request("POST", "/omi-webhook?uid=u", BODY) for _ in range(3)]
        other = await connection.request("POST", "/omi-webhook?uid=v", BODY)
        clock.advance(60)
        later = await connection.request("POST", "/omi-webhook?uid=u", BODY)

    assert [(reply.status, reply.dropped) for reply in mine] == [(200, None), (200, None), (200, "rate_limited")]
    assert (other.dropped, later.dropped) == (None, None)
    assert len(system.received) == 4
    assert metric("omi_webhooks_dropped_total", reason="rate_limited") == before + 1


async def test_sender_that_retries_learns_when(start):
    clock = ManualClock()
    async with await Connection.open(await start(clock, RATE_LIMIT_MAX_WEBHOOKS="1")) as connection:
        await connection.request("POST", "/omi-webhook?uid=u", BODY)
        clock.advance(20)
        reply = await connection.request("POST", "/omi-webhook?uid=u", BODY, {"Idempotency-Key": "k"})

    assert (reply.status, reply.json["code"], reply.headers["retry-after"]) == (503, "rate_limited", "40")


async def test_forger_does_not_use_up_a_wearables_limit(start, system):
    async with await Connection.open(await start(RATE_LIMIT_MAX_WEBHOOKS="1")) as connection:
        forged = [await connection.request("POST", "/omi-webhook?uid=u&token=wrong", BODY) for _ in range(3)]
        own = await connection.request("POST", "/omi-webhook?uid=u", BODY)

    assert [reply.status for reply in forged] == [401] * 3
    assert own.dropped is None


@pytest.mark.parametrize("skips", ["false", "true"])
async def test_wrong_webhooks_are_slowed_and_right_ones_never_refused(start, system, metric, skips):
    before = [metric("omi_webhooks_unauthorized_total", reply=reply) for reply in ("told", "slowed")]
    clock = ManualClock()
    port = await start(clock, RATE_LIMIT_MAX_REQUESTS="3", RATE_LIMIT_SKIP_SUCCESSFUL=skips)
    async with await Connection.open(port) as connection:
        replies = []
        for number in range(300):
            replies.append(await connection.request("POST", f"/omi-webhook?uid=u&token=wrong{number}", BODY))
            right = await connection.request(
                "POST", f"/omi-webhook?uid=u{number}&token=hook-token-of-the-tests-alone", BODY
            )
            assert (right.status, right.dropped) == (200, None)
        clock.advance(60)
        later = await connection.request("POST", "/omi-webhook?uid=u&token=wrong", BODY)

    assert [reply.status for reply in replies] == [401] * 3 + [429] * 297
    assert (replies[3].json["code"], replies[3].headers["retry-after"]) == ("rate_limited", "60")
    assert later.status == 401
    after = [metric("omi_webhooks_unauthorized_total", reply=reply) for reply in ("told", "slowed")]
    assert [now - then for now, then in zip(after, before, strict=True)] == [4, 297]


async def test_wrong_signatures_are_slowed_too(start):
    port = await start(RATE_LIMIT_MAX_REQUESTS="1", OMI_SIGNING_SECRETS="whsec_0123456789abcdef0123456789abcdef")
    async with await Connection.open(port) as connection:
        replies = [await connection.request("POST", "/omi-webhook?uid=u", BODY) for _ in range(2)]

    assert [reply.status for reply in replies] == [401, 429]


async def test_each_sender_of_wrong_webhooks_has_its_own_number(start):
    port = await start(RATE_LIMIT_MAX_REQUESTS="1", TRUST_PROXY="1")
    statuses = []
    async with await Connection.open(port) as connection:
        for sender in ("203.0.113.1", "203.0.113.1", "203.0.113.2"):
            named = {"X-Forwarded-For": sender}
            statuses.append((await connection.request("POST", "/omi-webhook?token=no", BODY, named)).status)

    assert statuses == [401, 429, 401]


def test_wrong_webhooks_have_one_line_a_minute():
    clock = ManualClock()
    refused = RefusedWebhooks(None, clock)

    with capture_logs() as lines:
        for seconds in (0, 1, 58, 1, 1):
            clock.advance(seconds)
            refused.count("203.0.113.1", "The webhook's token is wrong.")

    assert [(line["event"], line["count"]) for line in lines] == [("webhooks refused", 1), ("webhooks refused", 3)]


async def test_wearable_at_omis_cadence_is_never_limited_by_default(start):
    """Two webhooks a second without a pause: an app that is installed, and set as developer webhook, too."""
    clock = ManualClock()
    async with await Connection.open(await start(clock)) as connection:
        replies = []
        for _ in range(3 * 60 * 2):
            clock.advance(0.5)
            replies.append((await connection.request("POST", "/omi-webhook?uid=u", BODY)).dropped)

    assert set(replies) == {None}


def test_one_window_is_counted_by_our_clock():
    clock = ManualClock()
    limit = RequestLimit(WindowCounters(clock), 2, 60, only_failed=False)

    assert [limit.begin("api", "a").is_over for _ in range(3)] == [False, False, True]
    assert not limit.begin("api", "b").is_over
    clock.advance(60)
    assert not limit.begin("api", "a").is_over


def test_counting_a_webhook_costs_next_to_nothing():
    limit = WebhookLimit(WindowCounters(ManualClock()), 10**9, 60)

    assert min(timeit.repeat(lambda: limit.count(UID), number=1000, repeat=20)) / 1000 < 5e-6


def test_request_over_the_limit_gets_the_time_of_reset():
    clock = ManualClock()
    limit = WebhookLimit(WindowCounters(clock), 1, 60)
    limit.count("u")
    clock.advance(15)

    with pytest.raises(RateLimitedError) as refused:
        limit.count("u")

    assert refused.value.retry_after_s == 45
