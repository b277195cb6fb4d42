"""What nodes share through Redis."""

import asyncio

import pytest
import redis

from omi_actors.backplane import local_cache
from omi_actors.backplane.interface import LiveEvent
from tests.backplane.conftest import eventually

pytestmark = pytest.mark.service


def viewers_of(server):
    """Return how many nodes listen to events."""
    with redis.Redis.from_url(server.url) as client:
        return client.pubsub_numsub("omi:events")[0][1]


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


async def test_event_reaches_viewers_on_other_nodes_once(server, join):
    first, second = await join(server.url), await join(server.url)
    here, there = first.watch(), second.watch()
    await eventually(lambda: viewers_of(server) == 2)

    events = [LiveEvent("turn", "node-a", float(number), {"n": number}) for number in range(250)]
    for event in events:
        first.publish(event)

    async with asyncio.timeout(5):
        assert [await there.next() for _ in events] == events
        assert [await here.next() for _ in events] == events
    last = LiveEvent("last", "node-b", 0.0)
    second.publish(last)
    async with asyncio.timeout(5):
        assert await here.next() == await there.next() == last


async def test_node_without_viewers_is_not_bothered_with_events(server, join):
    first, second = await join(server.url), await join(server.url)
    feed = second.watch()
    await eventually(lambda: viewers_of(server) == 1)

    feed.close()

    await eventually(lambda: viewers_of(server) == 0)
    assert (first.state.is_shared, second.state.is_shared) == (True, True)


async def test_what_one_node_caches_another_finds_and_forgets(server, join):
    first, second = await join(server.url), await join(server.url)

    await first.set("a", b"one", ttl_s=60)
    assert await second.get("a") == b"one"

    await second.delete("a")
    assert await first.get("a") is None


async def test_cached_values_and_counts_do_not_stay_for_ever(server, join):
    node = await join(server.url)

    await node.set("a", b"one", ttl_s=1e9)
    node.counters.hit("a", limit=1, window_s=60.0)

    with redis.Redis.from_url(server.url) as client:
        await eventually(lambda: len(client.keys("omi:count:*")) == 1)
        assert len(client.keys("omi:cache:*")) == 1
        assert all(0 < client.ttl(key) <= 86_400 for key in client.keys("*"))


async def test_keys_hold_nothing_of_what_they_are_made_of(server, join):
    node = await join(server.url)

    await node.set("uid:ada", b"one", ttl_s=60)
    node.counters.hit("uid:ada", limit=1, window_s=60.0)

    with redis.Redis.from_url(server.url) as client:
        await eventually(lambda: len(client.keys("*")) == 2)
        assert not [key for key in client.keys("*") if b"ada" in key]


async def test_a_hundred_thousand_keys_stay_within_their_bound(server, join):
    node = await join(server.url)
    slots = {node._slot_of(f"key {number}") for number in range(100_000)}
    assert local_cache.MAX_ENTRIES * 0.9 < len(slots) <= local_cache.MAX_ENTRIES

    for number in range(100_000):
        node._own.cache.set(f"key {number}", b"x" * 1_000, 60.0)
        node.counters.hit(f"key {number}", limit=10, window_s=60.0)
    node.counters.hit("one more", limit=10, window_s=60.0)

    assert len(node._own.cache) <= local_cache.MAX_ENTRIES
    assert node._own.cache._size_bytes <= 16 * 1024 * 1024
    assert len(node.counters) <= 100_000


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
    slot, count = node._slot_of("a"), node._count_name("a")
    with redis.Redis.from_url(server.url) as client:
        for foreign in (b"", b"plain", b"\x01" * 100):
            client.set(slot, foreign)
            assert await node.get("a") is None
        client.delete(slot)
        client.rpush(slot, b"a list")
        assert await node.get("a") is None
        await node.set("a", b"ours", ttl_s=60)
        assert await node.get("a") == b"ours"

        client.set(count, b"no number")
        assert node.counters.hit("a", limit=1, window_s=60.0).is_allowed
        await eventually(lambda: client.ttl(count) > 0)
        assert not node.counters.hit("a", limit=1, window_s=60.0).is_allowed
    assert node.state.is_shared


async def test_foreign_messages_are_ignored(server, join):
    node = await join(server.url)
    heard: list[str] = []
    node.on_wake(heard.append)
    feed = node.watch()
    await eventually(lambda: viewers_of(server) == 1)
    with redis.Redis.from_url(server.url) as client:
        for foreign in (b"", b"{", b"\xff", b"[" * 5_000, b'{"origin":1,"kind":[]}', b"x" * 100_000, b"null"):
            client.publish("omi:wake", foreign)
            client.publish("omi:events", foreign)
        client.publish("omi:wake", b'{"origin":"them","kind":"answer"}')
        client.publish("omi:events", b'{"origin":"them","event":{"topic":"t","node":"n","at":1}}')

    async with asyncio.timeout(5):
        assert await feed.next() == LiveEvent("t", "n", 1.0)
    await eventually(lambda: heard == ["answer"])
    assert feed.lost == 0


async def test_two_keys_of_one_slot_push_each_other_out_and_are_never_confused(server, join, monkeypatch):
    monkeypatch.setattr("omi_actors.backplane.redis_backplane.MAX_ENTRIES", 1)
    node = await join(server.url)

    await node.set("a", b"of a", ttl_s=60)
    await node.set("b", b"of b", ttl_s=60)

    assert (await node.get("a"), await node.get("b")) == (None, b"of b")
