"""Futures: settled once, awaited without blocking."""

import asyncio
import threading
from typing import Any

import pykka
import pytest
from structlog.testing import capture_logs

from omi_actors.kit.errors import AskTimeoutError
from tests.kit.support import WAIT_S, new_future


def test_first_settler_wins():
    future = new_future()

    assert future.try_set(1)
    assert not future.try_set(2)
    assert not future.try_fail(ValueError())
    assert future.result() == 1


def test_result_of_an_unsettled_future_is_an_error():
    with pytest.raises(RuntimeError, match="not settled"):
        new_future().result()


def test_result_of_a_failed_future_raises_its_error():
    future = new_future()
    future.try_fail(KeyError("lost"))

    with pytest.raises(KeyError):
        future.result()


def test_callbacks_run_in_order_once_settled_and_at_once_afterwards():
    future = new_future()
    seen = []
    future.add_done_callback(lambda _: seen.append("first"))
    future.add_done_callback(lambda _: seen.append("second"))

    future.set(None)
    future.add_done_callback(lambda _: seen.append("late"))

    assert seen == ["first", "second", "late"]


def fail(_future):
    raise ZeroDivisionError


def test_a_failing_callback_harms_neither_settler_nor_the_next():
    future = new_future()
    seen: list[Any] = []
    future.add_done_callback(fail)
    future.add_done_callback(seen.append)

    future.set("value")

    assert seen == [future]


@pytest.mark.threads
def test_of_many_racing_settlers_one_wins_and_each_callback_runs_once():
    for _ in range(50):
        future = new_future()
        calls: list[int] = []
        wins: list[bool] = []
        gate = threading.Barrier(4)

        def settle(number, future=future, wins=wins, gate=gate):
            gate.wait(WAIT_S)
            wins.append(future.try_set(number))

        def add(future=future, calls=calls, gate=gate):
            gate.wait(WAIT_S)
            for number in range(20):
                future.add_done_callback(lambda _, number=number: calls.append(number))

        threads = [threading.Thread(target=settle, args=(n,)) for n in range(3)] + [threading.Thread(target=add)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WAIT_S)

        assert sorted(wins) == [False, False, True]
        assert sorted(calls) == list(range(20))


def test_blocking_get_demands_a_timeout():
    with pytest.raises(ValueError, match="timeout"):
        new_future().get()


def test_blocking_get_gives_up_after_its_timeout():
    with pytest.raises(AskTimeoutError):
        new_future().get(timeout=0.001)


@pytest.mark.threads
def test_blocking_get_wakes_when_another_thread_settles():
    future = new_future()
    thread = threading.Thread(target=future.set, args=("value",))
    thread.start()

    assert future.get(timeout=WAIT_S) == "value"
    thread.join(WAIT_S)


async def test_blocking_get_refuses_to_block_the_loop():
    with pytest.raises(RuntimeError, match="event loop"):
        new_future().get(timeout=1.0)


async def test_get_of_a_settled_future_is_fine_on_the_loop():
    future = new_future()
    future.set(3)

    assert future.get(timeout=1.0) == 3


async def ticks_while(awaitable):
    """Return how often the loop came round until `awaitable` was done."""
    count = 0
    done = asyncio.ensure_future(awaitable)
    while not done.done():
        count += 1
        await asyncio.sleep(0)
    return count


async def awaited(future):
    return await future


def settle_after_ticks(future, gate):
    gate.wait(WAIT_S)
    future.set("value")


@pytest.mark.threads
async def test_awaiting_ours_leaves_the_loop_free():
    future, gate = new_future(), threading.Event()
    thread = threading.Thread(target=settle_after_ticks, args=(future, gate))
    thread.start()
    waiting = asyncio.ensure_future(awaited(future))
    for _ in range(100):
        await asyncio.sleep(0)  # the loop comes round while nothing is settled

    gate.set()

    assert await waiting == "value"
    thread.join(WAIT_S)


@pytest.mark.threads
async def test_awaiting_a_stock_pykka_future_blocks_the_loop_which_is_why_ours_exists():
    future: pykka.Future[str] = pykka.ThreadingFuture()
    order = []

    async def other():
        order.append("other")
        await asyncio.sleep(0)
        order.append("other again")

    def settle():
        order.append("settled")
        future.set("value")

    timer = threading.Timer(0.05, settle)
    timer.start()
    waiting = asyncio.ensure_future(awaited(future))
    task = asyncio.ensure_future(other())
    await waiting
    await task
    timer.join(WAIT_S)

    assert order == ["other", "settled", "other again"]


async def test_a_cancelled_await_leaves_the_future_whole():
    future = new_future()
    waiting = asyncio.ensure_future(awaited(future))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])

    with capture_logs() as lines:
        future.set("value")

    assert lines == []
    assert waiting.cancelled()
    assert await future == "value"


async def test_many_tasks_may_await_one_future():
    future = new_future()
    waiting = [asyncio.ensure_future(awaited(future)) for _ in range(3)]
    await asyncio.sleep(0)

    future.set("value")

    assert await asyncio.gather(*waiting) == ["value"] * 3


async def test_an_awaited_error_is_raised():
    future = new_future()
    future.try_fail(KeyError("lost"))

    with pytest.raises(KeyError):
        await future


async def test_awaiting_a_derived_future_is_refused_since_it_would_block():
    with pytest.raises(RuntimeError, match="derived"):
        await new_future().map(str)


def test_settling_after_the_loop_has_closed_does_not_raise():
    loop = asyncio.new_event_loop()
    future = new_future()
    task = loop.create_task(awaited(future))
    loop.call_soon(loop.stop)
    loop.run_forever()
    task.cancel()
    loop.call_soon(loop.stop)
    loop.run_forever()
    loop.close()

    assert future.try_set("too late")


def test_two_futures_are_never_equal():
    assert new_future() != new_future()
    assert "pending" in repr(new_future())
