"""What every backplane does, alone in a process or shared by Redis."""

import asyncio

from omi_actors.backplane.interface import Backplane
from tests.backplane.conftest import eventually


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


async def test_what_is_told_does_not_come_back_to_who_told_it(backplane: Backplane):
    heard: list[str] = []
    backplane.on_wake(heard.append)
    backplane.on_answered(heard.append)

    backplane.wake("answer")
    backplane.tell_answered("j1")
    await asyncio.sleep(0.05)

    assert heard == []
