"""Behaviour of every backplane, of one node and over Redis."""

import asyncio

from omi_actors.backplane.interface import Backplane
from tests.backplane.conftest import eventually


async def test_limit_admits_its_number_in_a_window_and_tells_the_windows_end(backplane: Backplane):
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


async def test_ended_window_begins_again(backplane: Backplane):
    backplane.counters.hit("a", limit=1, window_s=0.05)

    await eventually(lambda: backplane.counters.peek("a", limit=1, window_s=0.05).is_allowed)

    assert backplane.counters.hit("a", limit=1, window_s=0.05).is_allowed


async def test_nodes_own_messages_do_not_come_back(backplane: Backplane):
    received: list[str] = []
    backplane.on_wake(received.append)
    backplane.on_answered(received.append)

    backplane.wake("answer")
    backplane.send_answered("j1")
    await asyncio.sleep(0.05)

    assert received == []
