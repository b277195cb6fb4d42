"""What nodes share through Redis."""

import asyncio

import pytest
import redis

from tests.backplane.conftest import eventually

pytestmark = pytest.mark.service


async def test_wake_up_reaches_every_other_node_and_only_these(server, join):
    first, *others = [await join(server.url) for _ in range(3)]
    strange = await join(server.url, prefix="other")
    heard: list[list[str]] = [[] for _ in range(4)]
    for node, kinds in zip([first, *others, strange], heard, strict=True):
        node.on_wake(kinds.append)

    first.wake("answer")
    first.wake("notify")

    await eventually(lambda: heard[1] == heard[2] == ["answer", "notify"])
    assert heard[0] == heard[3] == []


async def test_many_wake_ups_of_one_kind_cost_few_messages(server, join):
    first, second = await join(server.url), await join(server.url)
    heard: list[str] = []
    second.on_wake(heard.append)

    for _ in range(10_000):
        first.wake("answer")
    first.wake("last")

    await eventually(lambda: heard[-1:] == ["last"])
    assert heard.count("answer") < 3


async def test_counts_do_not_stay_for_ever(server, join):
    node = await join(server.url)

    node.counters.hit("a", limit=1, window_s=60.0)

    with redis.Redis.from_url(server.url) as client:
        await eventually(lambda: len(client.keys("omi:count:*")) == 1)
        assert all(0 < client.ttl(key) <= 86_400 for key in client.keys("*"))


async def test_keys_hold_nothing_of_what_they_are_made_of(server, join):
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
    heard: list[list[str]] = [[] for _ in range(3)]
    for node, job_ids in zip([first, *others], heard, strict=True):
        node.on_answered(job_ids.append)

    told = [f"job-{number}" for number in range(250)]
    for job_id in told:
        first.tell_answered(job_id)
        first.tell_answered(job_id)

    await eventually(lambda: heard[1] == heard[2] == told)
    assert heard[0] == []


async def test_news_of_a_burst_are_bounded_and_the_latest_stay(server, join):
    first, second = await join(server.url), await join(server.url)
    heard: list[str] = []
    second.on_answered(heard.append)

    for number in range(5_000):
        first.tell_answered(f"job-{number}")

    await eventually(lambda: heard[-1:] == ["job-4999"])
    assert len(heard) == 1_000


async def test_flood_of_messages_does_not_hold_the_loop(server, join):
    node = await join(server.url)
    heard: list[str] = []
    node.on_answered(heard.append)
    news = [f'{{"origin":"them","job_id":"job-{number}"}}'.encode() for number in range(20_000)]
    with redis.Redis.from_url(server.url) as client:
        pipeline = client.pipeline(transaction=False)
        for one in news:
            pipeline.publish("omi:answered", one)
        await asyncio.to_thread(pipeline.execute)

    turns = 0
    async with asyncio.timeout(20):
        while len(heard) < len(news):
            await asyncio.sleep(0)
            turns += 1

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


async def test_key_far_from_its_limit_is_not_told(server, join):
    node = await join(server.url)
    for _ in range(24):
        node.counters.hit("a", limit=100, window_s=60.0)
    assert not node.counters.has_unsent

    node.counters.hit("a", limit=100, window_s=60.0)

    with redis.Redis.from_url(server.url) as client:
        await eventually(lambda: [client.get(key) for key in client.keys("omi:count:*")] == [b"25"])


async def test_foreign_values_under_our_keys_are_nothing(server, join):
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
    heard: list[str] = []
    node.on_wake(heard.append)
    node.on_answered(heard.append)
    with redis.Redis.from_url(server.url) as client:
        for foreign in (b"", b"{", b"\xff", b"[" * 5_000, b'{"origin":1,"kind":[]}', b"x" * 100_000, b"null"):
            client.publish("omi:wake", foreign)
            client.publish("omi:answered", foreign)
        client.publish("omi:wake", b'{"origin":"them","kind":"answer"}')
        client.publish("omi:answered", b'{"origin":"them","job_id":"j1"}')

    await eventually(lambda: heard == ["answer", "j1"])
