"""Async turns: driven by hand, not re-entrant, awaiting the kit's futures only."""

import asyncio
import inspect

import pytest

from omi_actors.errors import StoreError
from omi_actors.instruments.actor_metrics import ActorMetrics
from omi_actors.kit import life
from omi_actors.kit.errors import ActorUnavailableError
from omi_actors.kit.mailbox import Refusal
from omi_actors.kit.testing import ManualRuntime
from tests.kit.support import WAIT_S, Do, Ping, Puppet, fail_with, loop_runtime, new_future, note_exits, run_alone


@pytest.fixture
def runtime():
    return ManualRuntime(hooks=ActorMetrics())


@pytest.fixture
def parent(runtime):
    return note_exits(runtime)


@pytest.fixture
def actor():
    return Puppet()


@pytest.fixture
def handle(runtime, parent, actor):
    handle = run_alone(actor, runtime, parent=parent.handle)
    runtime.run()
    return handle


def awaiting(future):
    async def turn(actor):
        value = await future
        actor.log.append(value)
        return value

    return Do(turn)


def test_an_async_turn_replies_when_what_it_awaits_is_settled(runtime, handle):
    future = new_future()
    reply = handle.ask(awaiting(future), timeout_s=1.0)
    runtime.run()
    assert not reply.done

    future.set("value")
    runtime.run()

    assert reply.result() == "value"


def test_while_a_turn_awaits_the_mailbox_buffers(runtime, handle, actor):
    future = new_future()
    handle.tell(awaiting(future))
    handle.tell("second")
    runtime.run()
    assert "second" not in actor.log

    future.set("first")
    runtime.run()

    assert actor.log == ["start alone", "first", "second"]


def test_a_second_wake_up_does_not_begin_a_turn_inside_another(runtime, handle, actor):
    handle.tell(awaiting(new_future()))
    handle.tell("second")
    runtime.run()

    actor.wake_up()  # as two senders may do that saw the same sleeper
    runtime.run()

    assert "second" not in actor.log


def test_awaiting_settled_futures_goes_on_at_once(runtime, handle, actor):
    future = new_future()
    future.set("ready")

    handle.tell(awaiting(future))
    runtime.run()

    assert actor.log[-1] == "ready"


def test_an_error_that_is_awaited_can_be_caught_in_the_turn(runtime, handle):
    future = new_future()

    async def turn(_actor):
        try:
            await future
        except StoreError:
            return "caught"

    reply = handle.ask(Do(turn), timeout_s=1.0)
    runtime.run()
    future.try_fail(StoreError("disk full"))
    runtime.run()

    assert reply.result() == "caught"


def test_an_expected_error_in_an_async_turn_is_the_reply(runtime, handle, parent):
    future = new_future()
    reply = handle.ask(awaiting(future), timeout_s=1.0)
    runtime.run()

    future.try_fail(StoreError("disk full"))
    runtime.run()

    with pytest.raises(StoreError):
        reply.result()
    assert parent.exits == []
    assert handle.ask(Ping(), timeout_s=1.0) is not None


@pytest.mark.parametrize("error", [ValueError(), SystemExit(), asyncio.CancelledError()], ids=repr)
def test_any_other_error_after_an_await_ends_the_actor(runtime, handle, parent, error):
    future = new_future()
    reply = handle.ask(awaiting(future), timeout_s=1.0)
    runtime.run()

    future.try_fail(error)
    runtime.run()

    assert [exit_.error for exit_ in parent.exits] == [error]
    with pytest.raises(ActorUnavailableError):
        reply.result()


async def test_awaiting_anything_else_is_an_error_that_says_so():
    runtime = loop_runtime(asyncio.get_running_loop())
    parent = note_exits(runtime)
    handle = run_alone(Puppet(), runtime, parent=parent.handle)

    async def turn(_actor):
        await asyncio.sleep(0.001)

    reply = handle.ask(Do(turn), timeout_s=WAIT_S)
    with pytest.raises(ActorUnavailableError):
        await reply

    assert "kit's futures" in str(reply._error.__cause__)


async def test_awaiting_anything_else_again_and_again_ends_the_turn():
    runtime = loop_runtime(asyncio.get_running_loop())
    handle = run_alone(Puppet(), runtime)

    async def turn(_actor):
        while True:
            try:
                await asyncio.sleep(0.001)
            except TypeError:
                continue

    with pytest.raises(ActorUnavailableError):
        await handle.ask(Do(turn), timeout_s=WAIT_S)


async def test_a_task_started_in_a_turn_may_await_ours_in_asyncios_way():
    runtime = loop_runtime(asyncio.get_running_loop())
    handle = run_alone(Puppet(), runtime)
    future = new_future()
    tasks = []

    async def work():
        return await future

    handle.tell(Do(lambda _: tasks.append(asyncio.get_running_loop().create_task(work()))))
    await runtime.pause()
    await asyncio.sleep(0)
    future.set("value")

    assert await tasks[0] == "value"


async def test_an_async_turn_runs_on_the_loop():
    runtime = loop_runtime(asyncio.get_running_loop())
    handle = run_alone(Puppet(), runtime)
    future = new_future()
    reply = handle.ask(awaiting(future), timeout_s=WAIT_S)
    await runtime.pause()

    await asyncio.to_thread(future.set, "from a thread")

    assert await reply == "from a thread"


def test_a_stop_lets_the_turn_and_the_earlier_mail_end_first(runtime, handle, actor):
    future = new_future()
    handle.tell(awaiting(future))
    handle.tell("second")
    runtime.run()

    stopped = life.stop(handle, drain=True)
    runtime.run()
    assert not stopped.done
    future.set("first")
    runtime.run()

    stopped.result()
    assert actor.log == ["start alone", "first", "second", "stop alone"]


def test_a_turn_that_outlives_the_shutdown_timeout_is_cancelled(runtime, handle, actor):
    async def turn(actor):
        try:
            await new_future()
        finally:
            actor.log.append("cleaned up")

    reply = handle.ask(Do(turn), timeout_s=60.0)
    runtime.run()

    stopped = life.stop(handle, drain=True)
    runtime.advance(4.9)
    assert not stopped.done
    runtime.advance(0.2)

    stopped.result()
    assert "cleaned up" in actor.log
    with pytest.raises(ActorUnavailableError):
        reply.result()


def test_a_turn_that_resists_its_cancellation_is_closed(runtime, handle):
    async def turn(_actor):
        while True:
            try:
                await new_future()
            except asyncio.CancelledError:
                continue

    coroutines = [turn(None)]
    handle.tell(Do(lambda _: coroutines[0]))
    runtime.run()

    stopped = life.stop(handle, drain=True)
    runtime.advance(6.0)

    stopped.result()
    assert inspect.getcoroutinestate(coroutines[0]) == inspect.CORO_CLOSED


def test_what_an_abandoned_turn_awaited_no_longer_matters(runtime, handle, parent):
    future = new_future()
    handle.tell(awaiting(future))
    runtime.run()
    life.stop(handle, drain=False)
    runtime.advance(6.0)

    future.set("late")
    runtime.run()

    assert handle.actor is None
    assert parent.exits == []


def test_an_async_start_keeps_mail_waiting(runtime, parent):
    ready = new_future()

    async def on_start(actor):
        actor.log.append(await ready)

    actor = Puppet(on_start=on_start)
    handle = run_alone(actor, runtime, parent=parent.handle)
    handle.tell("mail")
    runtime.run()

    ready.set("ready")
    runtime.run()

    assert actor.log == ["start alone", "ready", "mail"]


def test_an_async_start_that_fails_is_a_crash(runtime, parent):
    ready = new_future()

    async def on_start(_actor):
        await ready

    run_alone(Puppet(on_start=on_start), runtime, parent=parent.handle)
    runtime.run()
    ready.try_fail(StoreError("no disk"))
    runtime.run()

    assert isinstance(parent.exits[0].error, StoreError)


def test_the_next_message_after_a_crash_in_an_async_turn_is_left_in_the_mailbox(runtime, handle):
    future = new_future()
    handle.tell(awaiting(future))
    handle.tell("rest")
    runtime.run()

    future.try_fail(ValueError())
    runtime.run()

    assert len(handle.mailbox) == 1


def test_an_abandoned_turns_mail_is_rejected_when_the_child_retires(runtime, handle):
    handle.tell(awaiting(new_future()))
    rest = handle.ask(Ping(), timeout_s=60.0)
    runtime.run()

    life.stop(handle, drain=True)
    runtime.advance(6.0)
    life.retire(handle, Refusal.STOPPED)

    with pytest.raises(ActorUnavailableError):
        rest.result()


def test_a_crash_cannot_be_hidden_by_a_stop(runtime, handle, parent):
    handle.tell(fail_with(ValueError()))
    handle.tell(Do(lambda actor: actor.stop_self()))

    runtime.run()

    assert isinstance(parent.exits[0].error, ValueError)
