"""Of many tasks that could go on at once, one does in each turn of the loop."""

import asyncio

import pytest

from omi_actors.kit.pacer import Pacer
from tests.kit.loop_turns import counted_turns


async def run(tasks):
    """Run tasks that take a turn each; return who passed in which turn of the loop."""
    pacer, passed = Pacer(), []
    with counted_turns() as now:

        async def pass_once(name):
            await pacer.wait()
            passed.append((now(), name))

        async with asyncio.timeout(5):
            await tasks(pass_once)
    return passed


async def test_one_task_passes_in_each_iteration_in_order_of_arrival():
    async def many(pass_once):
        await asyncio.gather(*(pass_once(name) for name in range(60)))

    passed = await run(many)

    assert [name for _, name in passed] == list(range(60))
    assert len({turn for turn, _ in passed}) == 60


async def test_task_that_is_alone_does_not_wait():
    begun = Pacer().wait()

    with pytest.raises(StopIteration):
        begun.send(None)


async def test_cancelled_task_does_not_hold_up_the_next():
    async def leaving(pass_once):
        first = asyncio.ensure_future(pass_once("first"))
        gone = [asyncio.ensure_future(pass_once("gone")) for _ in range(3)]
        last = asyncio.ensure_future(pass_once("last"))
        await asyncio.sleep(0)
        for task in gone:
            task.cancel()
        await asyncio.gather(first, last, *gone, return_exceptions=True)
        await pass_once("later")

    assert [name for _, name in await run(leaving)] == ["first", "last", "later"]
