"""What every backplane does, alone in a process or shared by Redis."""

import asyncio

from omi_actors.backplane.interface import Backplane, LiveEvent
from omi_actors.backplane.local_cache import MAX_VALUE_BYTES
from tests.backplane.conftest import eventually

EVENT = LiveEvent("answer", "node-a", 1_790_000_000.5, {"seconds": 1.5, "kind": "answer", "ok": True, "gone": None})


async def test_cache_returns_what_was_set_until_it_is_deleted(backplane: Backplane):
    assert await backplane.get("a") is None

    await backplane.set("a", b"\x00one\xff", ttl_s=60)
    await backplane.set("b", b"", ttl_s=60)
    assert (await backplane.get("a"), await backplane.get("b")) == (b"\x00one\xff", b"")

    await backplane.set("a", b"two", ttl_s=60)
    assert await backplane.get("a") == b"two"

    await backplane.delete("a")
    await backplane.delete("a")
    assert (await backplane.get("a"), await backplane.get("b")) == (None, b"")


async def test_cache_forgets_after_its_time(backplane: Backplane):
    await backplane.set("a", b"one", ttl_s=0.02)

    async with asyncio.timeout(5):
        while await backplane.get("a") is not None:  # noqa: ASYNC110 (time is what it is about)
            await asyncio.sleep(0)

    await backplane.set("b", b"one", ttl_s=60)
    await backplane.set("b", b"two", ttl_s=0)
    assert await backplane.get("b") is None


async def test_value_that_is_too_large_replaces_the_old_one_by_nothing(backplane: Backplane):
    await backplane.set("a", b"x" * MAX_VALUE_BYTES, ttl_s=60)
    assert await backplane.get("a") == b"x" * MAX_VALUE_BYTES

    await backplane.set("a", b"x" * (MAX_VALUE_BYTES + 1), ttl_s=60)

    assert await backplane.get("a") is None


async def test_any_string_is_a_key_and_no_two_are_confused(backplane: Backplane):
    keys = ["", " ", "a:b", "a\r\nFLUSHALL\r\n", "é", "\ud800", "k" * 100_000]
    for key in keys:
        await backplane.set(key, key.encode("utf-8", "surrogatepass")[:10], ttl_s=60)

    for key in keys:
        assert await backplane.get(key) in (key.encode("utf-8", "surrogatepass")[:10], None)
    assert await backplane.get(keys[-1]) == b"k" * 10


async def test_every_feed_gets_every_event_in_order_from_its_opening_on(backplane: Backplane):
    first = backplane.watch()
    backplane.publish(EVENT)
    second = backplane.watch()
    later = LiveEvent("later", "node-a", 2.0)
    backplane.publish(later)

    assert [await first.next(), await first.next()] == [EVENT, later]
    assert await second.next() == later

    second.close()
    second.close()
    backplane.publish(EVENT)
    assert await first.next() == EVENT


async def test_slow_viewer_loses_the_oldest_events_and_knows_how_many(backplane: Backplane):
    slow, reader = backplane.watch(), backplane.watch()
    for number in range(1_000):
        backplane.publish(LiveEvent("n", "node-a", float(number)))
        await reader.next()

    assert slow.lost == 744
    assert (await slow.next()).at == 744.0
    assert reader.lost == 0


async def test_limit_admits_so_many_in_a_window_and_says_when_it_ends(backplane: Backplane):
    hits = [backplane.counters.hit("a", limit=3, window_s=60.0) for _ in range(5)]

    assert [hit.is_allowed for hit in hits] == [True, True, True, False, False]
    assert [hit.remaining for hit in hits] == [2, 1, 0, 0, 0]
    assert all(59.0 < hit.reset_s <= 60.0 for hit in hits)
    assert backplane.counters.hit("b", limit=3, window_s=60.0).is_allowed


async def test_peek_counts_nothing(backplane: Backplane):
    counters = backplane.counters
    assert [counters.peek("a", limit=1, window_s=60.0).is_allowed for _ in range(3)] == [True] * 3

    counters.hit("a", limit=1, window_s=60.0)

    assert not counters.peek("a", limit=1, window_s=60.0).is_allowed
    assert not counters.hit("a", limit=1, window_s=60.0).is_allowed


async def test_window_that_has_ended_begins_anew(backplane: Backplane):
    backplane.counters.hit("a", limit=1, window_s=0.05)

    await eventually(lambda: backplane.counters.peek("a", limit=1, window_s=0.05).is_allowed)

    assert backplane.counters.hit("a", limit=1, window_s=0.05).is_allowed


async def test_wake_up_does_not_come_back_to_who_sent_it(backplane: Backplane):
    heard: list[str] = []
    backplane.on_wake(heard.append)

    backplane.wake("answer")
    await asyncio.sleep(0.05)

    assert heard == []
