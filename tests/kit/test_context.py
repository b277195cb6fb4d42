"""The context of a turn, across mailboxes, awaits and threads; it does not reach other turns."""

import asyncio
from contextvars import ContextVar

import pytest

from omi_actors.instruments.actor_metrics import ActorMetrics
from omi_actors.instruments.logs import LogContext, add_context, bound_context, current_context
from omi_actors.kit import life
from omi_actors.kit.testing import ManualRuntime
from tests.kit.support import WAIT_S, Do, Puppet, ThreadPuppet, loop_runtime, new_future, run_alone

ALICE = LogContext(request_id="r-1", session="alice")
OWN: ContextVar[str | None] = ContextVar("own", default=None)


def look(_actor=None):
    return current_context()


@pytest.fixture
def runtime():
    return ManualRuntime(hooks=ActorMetrics())


@pytest.fixture
def handle(runtime):
    return run_alone(Puppet(), runtime, name="ada")


def ask(handle, fn):
    reply = handle.ask(Do(fn), timeout_s=1.0)
    handle.runtime.run()
    return reply


def test_a_turn_has_its_senders_context(handle):
    with bound_context(ALICE):
        reply = handle.ask(Do(look), timeout_s=1.0)
    handle.runtime.run()

    assert reply.result() == ALICE


def test_a_turn_leaves_no_context_to_the_next(handle):
    with bound_context(ALICE):
        ask(handle, look)

    assert ask(handle, look).result() is None


def test_what_a_turn_binds_itself_the_next_does_not_see(handle):
    ask(handle, lambda _: OWN.set("secret"))

    assert ask(handle, lambda _: OWN.get()).result() is None


def test_the_drains_own_context_does_not_reach_a_turn(handle):
    handle.tell("something")
    reply = handle.ask(Do(look), timeout_s=1.0)

    with bound_context(ALICE):
        handle.runtime.run()

    assert reply.result() is None
    assert current_context() is None


def test_a_resumed_turn_has_its_context_again(handle):
    future = new_future()

    async def turn(_actor):
        await future
        return current_context()

    with bound_context(ALICE):
        reply = ask(handle, turn)
    future.set(None)
    handle.runtime.run()

    assert reply.result() == ALICE


def test_context_travels_on_through_asks_and_forwards(runtime, handle):
    second = run_alone(Puppet(), runtime, name="second")

    async def turn(_actor):
        return await second.ask(Do(look), timeout_s=1.0)

    with bound_context(ALICE):
        reply = ask(handle, turn)

    assert reply.result() == ALICE


def test_lines_name_the_actor_whose_turn_it_is(handle):
    with bound_context(ALICE):
        reply = ask(handle, lambda _: add_context(None, "info", {"event": "x"}))

    assert reply.result() == {"event": "x", "request_id": "r-1", "session": "alice", "actor": "ada"}


@pytest.mark.threads
async def test_context_reaches_a_thread_actor_and_does_not_stay():
    runtime = loop_runtime(asyncio.get_running_loop())
    handle = run_alone(ThreadPuppet(), runtime, name="thread")
    with bound_context(ALICE):
        first = handle.ask(Do(lambda _: add_context(None, "info", {})), timeout_s=WAIT_S)

    assert await first == {"request_id": "r-1", "session": "alice", "actor": "thread"}
    assert await handle.ask(Do(look), timeout_s=WAIT_S) is None
    await life.stop(handle, drain=True)


async def test_a_request_handlers_context_variables_do_not_leak_into_actors():
    runtime = loop_runtime(asyncio.get_running_loop())
    handle = run_alone(Puppet(), runtime)
    OWN.set("of the request")

    assert await handle.ask(Do(lambda _: OWN.get()), timeout_s=WAIT_S) is None
