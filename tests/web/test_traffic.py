"""Requests under way are counted, and one timer ends slow bodies."""

import asyncio

import pytest

from omi_actors.clock import SystemClock
from web.edge.limits import Traffic

TIMEOUT_S = 5


class Body:
    def __init__(self):
        self.given_up = asyncio.Event()

    def time_out(self):
        self.given_up.set()


@pytest.fixture
async def traffic():
    watch = Traffic(SystemClock(), body_timeout_s=0.05)
    yield watch
    watch.close()


async def test_every_body_is_given_up_in_its_own_time(traffic):
    first, second = Body(), Body()

    traffic.body_begins(first)
    await asyncio.sleep(0.03)
    traffic.body_begins(second)
    await asyncio.wait_for(first.given_up.wait(), TIMEOUT_S)

    assert not second.given_up.is_set()
    await asyncio.wait_for(second.given_up.wait(), TIMEOUT_S)


async def test_body_that_ended_is_left_alone(traffic):
    ended, late = Body(), Body()
    traffic.body_begins(ended)
    traffic.body_begins(late)

    traffic.body_ends(ended)
    traffic.body_ends(ended)

    await asyncio.wait_for(late.given_up.wait(), TIMEOUT_S)
    assert not ended.given_up.is_set()


async def test_watch_begins_anew_after_a_quiet_time(traffic):
    for _ in range(2):
        body = Body()
        traffic.body_begins(body)
        await asyncio.wait_for(body.given_up.wait(), TIMEOUT_S)

    assert traffic._timer is None


async def test_draining_waits_for_the_last_request(traffic):
    traffic.begin()
    traffic.begin()
    draining = asyncio.create_task(traffic.drain(TIMEOUT_S))

    traffic.end()
    await asyncio.sleep(0)
    assert not draining.done()
    traffic.end()

    assert await draining is True


async def test_draining_gives_up_after_its_grace(traffic):
    traffic.begin()

    assert await traffic.drain(0.01) is False
    assert traffic.is_draining
