"""The ready queue on the loop."""

import asyncio
import random
import threading
from typing import Any

import pytest

from omi_actors.clock import SystemClock
from omi_actors.instruments.actor_metrics import ActorMetrics
from omi_actors.instruments.logs import LogContext, bound_context, current_context
from omi_actors.kit.runtime import Runtime, TimerHandle
from omi_actors.kit.testing import ManualRuntime
from tests.kit.support import WAIT_S, Ping, Puppet, loop_runtime, run_alone


class CountingLoop:
    """A running loop as the runtime sees it; counts wake-ups."""

    def __init__(self, loop):
        self._loop = loop
        self.soon = 0
        self.threadsafe = 0

    def call_soon(self, *args, **kwargs):
        self.soon += 1
        return self._loop.call_soon(*args, **kwargs)

    def call_soon_threadsafe(self, *args, **kwargs):
        self.threadsafe += 1
        return self._loop.call_soon_threadsafe(*args, **kwargs)


async def test_posts_run_in_order_on_the_loops_thread():
    runtime = loop_runtime(asyncio.get_running_loop())
    seen = []
    for number in range(3):
        runtime.post(lambda number=number: seen.append((number, threading.get_ident())))

    await runtime.pause()

    assert seen == [(number, threading.get_ident()) for number in range(3)]


@pytest.mark.threads
async def test_a_burst_from_another_thread_wakes_the_loop_once():
    loop = CountingLoop(asyncio.get_running_loop())
    runtime = loop_runtime(loop)
    seen = []

    def burst():
        for number in range(256):
            runtime.post(lambda number=number: seen.append(number))

    thread = threading.Thread(target=burst)
    thread.start()
    thread.join(WAIT_S)  # the loop stands still meanwhile
    await runtime.pause()

    assert seen == list(range(256))
    assert loop.threadsafe == 1


async def test_posts_on_the_loops_thread_need_no_self_pipe():
    loop = CountingLoop(asyncio.get_running_loop())
    runtime = loop_runtime(loop)

    runtime.post(lambda: None)
    await runtime.pause()

    assert (loop.soon, loop.threadsafe) == (1, 0)


@pytest.mark.threads
async def test_nothing_posted_by_racing_threads_is_overlooked():
    runtime = loop_runtime(asyncio.get_running_loop())
    done = asyncio.Event()
    count = 0

    def one():
        nonlocal count
        count += 1
        if count == 4000:
            done.set()

    threads = [threading.Thread(target=lambda: [runtime.post(one) for _ in range(1000)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    await asyncio.wait_for(done.wait(), WAIT_S)
    for thread in threads:
        thread.join(WAIT_S)


class PostedJustAfterTheSlice(Runtime):
    """Gets a post when its drain has found nothing more and has not said so yet, as from another thread."""

    posted = False
    on_late: Any = None

    def _run_slice(self):
        more = super()._run_slice()
        if not self.posted:
            self.posted = True
            self.post(self.on_late)
        return more


async def test_a_post_that_comes_while_the_drain_falls_asleep_is_seen():
    runtime = PostedJustAfterTheSlice(SystemClock(), random.Random(0))
    late = asyncio.Event()
    runtime.on_late = late.set

    runtime.post(lambda: None)

    await asyncio.wait_for(late.wait(), WAIT_S)


async def test_posts_see_no_context_of_who_posted():
    runtime = loop_runtime(asyncio.get_running_loop())
    seen: list[Any] = []
    with bound_context(LogContext(session="alice")):
        runtime.post(lambda: seen.append(current_context()))
        runtime.call_later(0.0, lambda: seen.append(current_context()))

    while len(seen) < 2:
        await runtime.pause()

    assert seen == [None, None]


async def test_a_long_ready_queue_lets_the_loop_come_round():
    runtime = loop_runtime(asyncio.get_running_loop(), slice_s=0.0)
    order: list[Any] = []
    for number in range(5):
        runtime.post(lambda number=number: order.append(number))
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_soon(order.append, "socket")

    await runtime.pause()

    assert "socket" in order[:4]
    assert [entry for entry in order if entry != "socket"] == list(range(5))


async def test_a_failing_call_does_not_stop_the_calls_after_it():
    runtime = loop_runtime(asyncio.get_running_loop())
    seen = []

    def bad():
        raise SystemExit

    runtime.post(bad)
    runtime.post(lambda: seen.append("next"))
    await runtime.pause()

    assert seen == ["next"]


def test_posts_after_the_loop_has_closed_are_counted_and_do_not_raise():
    loop = asyncio.new_event_loop()
    runtime = loop_runtime(loop)
    loop.close()

    runtime.post(lambda: None)
    runtime.post(lambda: None)

    assert runtime.dropped_count == 2


async def test_posts_before_the_binding_are_kept():
    runtime = await asyncio.to_thread(Runtime, SystemClock(), random.Random(0))
    seen = []
    await asyncio.to_thread(runtime.post, lambda: seen.append("early"))

    runtime.bind(asyncio.get_running_loop())
    await runtime.pause()

    assert seen == ["early"]


async def test_a_cancelled_timer_never_fires():
    runtime = loop_runtime(asyncio.get_running_loop())
    seen: list[str] = []
    later = asyncio.Event()
    timer = runtime.call_later(0.0, lambda: seen.append("cancelled"))
    runtime.call_later(0.001, later.set)
    timer.cancel()

    await asyncio.wait_for(later.wait(), WAIT_S)

    assert seen == []


def test_a_timer_that_is_due_and_then_cancelled_never_fires():
    runtime = ManualRuntime(hooks=ActorMetrics())
    seen: list[str] = []
    timers: list[TimerHandle] = []

    def cancel_other():
        timers[0].cancel()

    runtime.call_later(1.0, cancel_other)
    timers.append(runtime.call_later(1.0, lambda: seen.append("second")))

    runtime.advance(2.0)

    assert seen == []


@pytest.mark.threads
async def test_a_timer_may_be_set_from_another_thread():
    runtime = loop_runtime(asyncio.get_running_loop())
    fired = asyncio.Event()

    await asyncio.to_thread(runtime.call_later, 0.0, fired.set)

    await asyncio.wait_for(fired.wait(), WAIT_S)


def test_a_flooded_actor_does_not_starve_another():
    runtime = ManualRuntime(hooks=ActorMetrics())
    order: list[Any] = []
    flooded = run_alone(Puppet(order), runtime, name="flooded")
    other = run_alone(Puppet(), runtime, name="other")
    runtime.run()
    for number in range(100):
        flooded.tell(number)
    reply = other.ask(Ping(), timeout_s=1.0)
    reply.add_done_callback(lambda _: order.append("other"))

    runtime.run()

    assert order.index("other") <= 1 + 16
    assert [entry for entry in order if isinstance(entry, int)] == list(range(100))
