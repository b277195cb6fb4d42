"""Messages and counts between nodes over Redis."""

import asyncio

import pytest
import redis

from tests.backplane.conftest import eventually

pytestmark = pytest.mark.service


async def test_hint_reaches_every_other_node_and_no_stranger(server, join):
    first, *others = [await join(server.url) for _ in range(3)]
    strange = await join(server.url, prefix="other")
    received: list[list[str]] = [[] for _ in range(4)]
    for node, kinds in zip([first, *others, strange], received, strict=True):
        node.on_wake(kinds.append)

    first.wake("answer")
    first.wake("notify")

    await eventually(lambda: received[1] == received[2] == ["answer", "notify"])
    assert received[0] == received[3] == []


async def test_many_hints_of_one_kind_cost_few_messages(server, join):
    first, second = await join(server.url), await join(server.url)
    received: list[str] = []
    second.on_wake(received.append)

    for _ in range(10_000):
        first.wake("answer")
    first.wake("last")

    await eventually(lambda: received[-1:] == ["last"])
    assert received.count("answer") < 3


async def test_counts_expire(server, join):
    node = await join(server.url)

    node.counters.hit("a", limit=1, window_s=60.0)

    with redis.Redis.from_url(server.url) as client:
        await eventually(lambda: len(client.keys("omi:count:*")) == 1)
        assert all(0 < client.ttl(key) <= 86_400 for key in client.keys("*"))


async def test_keys_hold_no_address_and_no_wearers_id(server, join):
    node = await join(server.url)

    node.counters.hit("uid:ada", limit=1, window_s=60.0)

    with redis.Redis.from_url(server.url) as client:
        await eventually(lambda: client.keys("omi:count:*"))
        assert not [key for key in client.keys("*") if b"ada" in key]


async def test_a_hundred_thousand_keys_stay_within_their_bound(server, join):
    node = await join(server.url)
    for number in range(100_000):
        node.counters.hit(f"key {number}", limit=10, window_s=60.0)
    node.counters.hit("one more", limit=10, window_s=60.0)

    assert len(node.counters) <= 100_000


async def test_news_of_answers_reach_every_other_node_in_order(server, join):
    first, *others = [await join(server.url) for _ in range(3)]
    received: list[list[str]] = [[] for _ in range(3)]
    for node, own in zip([first, *others], received, strict=True):
        node.on_answered(own.append)

    job_ids = [f"job-{number}" for number in range(250)]
    for job_id in job_ids:
        first.send_answered(job_id)
        first.send_answered(job_id)

    await eventually(lambda: received[1] == received[2] == job_ids)
    assert received[0] == []


async def test_news_of_a_burst_are_bounded_and_the_latest_stay(server, join):
    first, second = await join(server.url), await join(server.url)
    received: list[str] = []
    second.on_answered(received.append)

    for number in range(5_000):
        first.send_answered(f"job-{number}")

    await eventually(lambda: received[-1:] == ["job-4999"])
    assert len(received) <= 1_000  # hints may be lost; the latest stay


async def test_flood_of_messages_does_not_hold_the_loop(server, join):
    node = await join(server.url)
    received: list[str] = []
    node.on_answered(received.append)
    news = [f'{{"origin":"them","job_id":"job-{number}"}}'.encode() for number in range(20_000)]
    with redis.Redis.from_url(server.url) as client:
        pipeline = client.pipeline(transaction=False)
        for one in news:
            pipeline.publish("omi:answered", one)
        # Counted from the first one on: they come while they are sent.
        sending = asyncio.create_task(asyncio.to_thread(pipeline.execute))
        turns = 0
        async with asyncio.timeout(20):
            while len(received) < len(news):
                await asyncio.sleep(0)
                turns += 1
        await sending

    assert turns > len(news) / 2


async def test_limit_holds_over_all_nodes(server, join):
    first, second = [(await join(server.url)).counters for _ in range(2)]

    def hit(counters):
        return counters.hit("a", limit=10, window_s=60.0)

    assert all(hit(first).is_allowed for _ in range(6))
    with redis.Redis.from_url(server.url) as client:
        await eventually(lambda: [client.get(key) for key in client.keys("omi:count:*")] == [b"6"])
    assert all(hit(second).is_allowed for _ in range(3))
    await eventually(lambda: second.peek("a", limit=10, window_s=60.0).remaining == 1)

    assert [hit(second).is_allowed for _ in range(2)] == [True, False]

    hit(first)  # what the other has counted is learnt with the next hit
    await eventually(lambda: not first.peek("a", limit=10, window_s=60.0).is_allowed)
    assert not hit(first).is_allowed


async def test_windows_of_all_nodes_end_together(server, join):
    first, second = [(await join(server.url)).counters for _ in range(2)]
    first.hit("a", limit=1, window_s=5.0)
    with redis.Redis.from_url(server.url) as client:
        await eventually(lambda: len(client.keys("omi:count:*")) == 1)

    second.hit("a", limit=1, window_s=60.0)

    await eventually(lambda: second.peek("a", limit=1, window_s=60.0).reset_s <= 5.0)


async def test_key_far_from_its_limit_is_not_exchanged(server, join):
    node = await join(server.url)
    for _ in range(24):
        node.counters.hit("a", limit=100, window_s=60.0)
    assert not node.counters.has_unsent

    node.counters.hit("a", limit=100, window_s=60.0)

    with redis.Redis.from_url(server.url) as client:
        await eventually(lambda: [client.get(key) for key in client.keys("omi:count:*")] == [b"25"])


async def test_foreign_values_under_our_keys_are_passed_over(server, join):
    node = await join(server.url)
    count = node._count_name("a")
    with redis.Redis.from_url(server.url) as client:
        client.set(count, b"no number")
        assert node.counters.hit("a", limit=1, window_s=60.0).is_allowed
        await eventually(lambda: client.ttl(count) > 0)
        assert not node.counters.hit("a", limit=1, window_s=60.0).is_allowed
    assert node.state.is_shared


async def test_foreign_messages_are_ignored(server, join):
    node = await join(server.url)
    received: list[str] = []
    node.on_wake(received.append)
    node.on_answered(received.append)
    with redis.Redis.from_url(server.url) as client:
        for foreign in (b"", b"{", b"\xff", b"[" * 5_000, b'{"origin":1,"kind":[]}', b"x" * 100_000, b"null"):
            client.publish("omi:wake", foreign)
            client.publish("omi:answered", foreign)
        client.publish("omi:wake", b'{"origin":"them","kind":"answer"}')
        client.publish("omi:answered", b'{"origin":"them","job_id":"j1"}')

    await eventually(lambda: received == ["answer", "j1"])
