"""What a supervisor does when restarting is not enough: giving up, escalation; and supervision of threads."""

import asyncio
import threading
import time
from typing import Any

import pytest

from omi_actors.instruments.actor_metrics import ActorMetrics
from omi_actors.kit import life
from omi_actors.kit.errors import RestartIntensityError
from omi_actors.kit.handle import Handle
from omi_actors.kit.life import ChildExited
from omi_actors.kit.spec import ChildSpec, Intensity
from omi_actors.kit.supervisor import Supervisor
from omi_actors.kit.testing import ManualRuntime
from tests.kit.support import (
    NO_BACKOFF,
    WAIT_S,
    Do,
    Ping,
    Puppet,
    ThreadPuppet,
    Tree,
    counted,
    fail_with,
    loop_runtime,
    new_future,
    note_exits,
    supervise,
    thread_ended,
)

# --- intensity and escalation


NAMES = ["a", "b", "c"]


def test_more_crashes_than_the_intensity_allows_stop_all_children_and_the_supervisor():
    tree = Tree(NAMES, intensity=Intensity(max_restarts=2, period_s=30.0))
    for _ in range(2):
        tree.crash("a")
    assert tree.given_up == []

    log = tree.crash("a")

    assert log == ["failure a ValueError", "stop c", "stop b"]
    assert [type(error) for error in tree.given_up] == [RestartIntensityError]
    assert isinstance(tree.given_up[0].__cause__, ValueError)
    assert [type(fact.error) for fact in tree.parent.exits] == [RestartIntensityError]


def test_crashes_spread_over_time_never_give_up():
    tree = Tree(["a"], intensity=Intensity(max_restarts=2, period_s=30.0))

    for _ in range(10):
        tree.crash("a")
        tree.runtime.advance(15.0)

    assert tree.given_up == []
    assert tree.ask("a") == "a"


def test_a_supervisor_that_gives_up_is_restarted_by_its_parent_and_keeps_its_childrens_mail():
    runtime = ManualRuntime(hooks=ActorMetrics())
    log: list[str] = []
    leaf = Handle(ChildSpec("leaf", "leaf", build=lambda: Puppet(log)), runtime)
    inner = Handle(
        ChildSpec(
            "inner",
            "inner",
            build=lambda: Supervisor([leaf], intensity=Intensity(1, 30.0), backoff=NO_BACKOFF),
            shutdown_timeout_s=float("inf"),
        ),
        runtime,
    )
    parent = note_exits(runtime)
    supervise([inner], runtime, parent=parent.handle)
    for _ in range(2):
        leaf.tell(fail_with(ValueError()))
    reply = leaf.ask(Ping(), timeout_s=60.0)

    runtime.run()

    assert inner.generation == 2
    assert reply.result() == "leaf"
    assert parent.exits == []


def test_a_broken_supervisor_leaves_no_child_running_unsupervised():
    tree = Tree(NAMES)

    not_a_handle: Any = "not a handle"
    tree.supervisor.tell(ChildExited(not_a_handle, 1, None))
    tree.runtime.run()

    assert tree.log[-3:] == ["stop c", "stop b", "stop a"]
    assert isinstance(tree.parent.exits[0].error, AttributeError)


def test_a_replaced_supervisor_waits_for_the_end_of_what_its_predecessor_left_running():
    runtime = ManualRuntime(hooks=ActorMetrics())
    log: list[str] = []
    leaf = Handle(ChildSpec("leaf", "leaf", build=lambda: Puppet(log)), runtime)
    inner = Handle(ChildSpec("inner", "inner", build=lambda: Supervisor([leaf])), runtime)
    supervise([inner], runtime)

    async def hang(actor):
        try:
            await new_future()
        finally:
            actor.log.append("ended")

    leaf.tell(Do(hang))
    runtime.run()
    not_a_handle: Any = "not a handle"
    inner.tell(ChildExited(not_a_handle, 1, None))
    runtime.advance(5.1)

    assert [entry for entry in log if entry in {"start leaf", "ended"}] == ["start leaf", "ended", "start leaf"]


def test_a_stray_message_to_a_supervisor_is_counted_and_harmless():
    tree = Tree(["a"])

    tree.supervisor.tell("hello")
    tree.runtime.run()

    assert tree.ask("a") == "a"
    assert counted("omi_undeliverable_total", kind="supervisor", reason="unexpected") >= 1


def test_the_exit_of_an_incarnation_that_is_no_longer_current_is_ignored():
    tree = Tree(["a"])
    tree.crash("a")
    actor = tree["a"].actor

    tree.supervisor.tell(ChildExited(tree["a"], 1, ValueError("old news")))
    tree.runtime.run()

    assert tree["a"].actor is actor


def test_restarts_are_counted():
    tree = Tree(["counted-restart"])

    tree.crash("counted-restart")

    assert counted("omi_actor_restarts_total", kind="kind-counted-restart") == 1
    assert counted("omi_actor_recovery_seconds_count", kind="kind-counted-restart") == 1


# --- threads


def thread_tree(runtime, names, log, **spec):
    children = [Handle(ChildSpec(name, name, build=lambda: ThreadPuppet(log), **spec), runtime) for name in names]
    return supervise(children, runtime), children


@pytest.mark.threads
async def test_a_crashed_thread_actor_is_replaced_and_its_mail_handled():
    runtime = loop_runtime(asyncio.get_running_loop())
    supervisor, (child,) = thread_tree(runtime, ["t"], [])
    child.tell(fail_with(SystemExit()))

    assert await child.ask(Ping(), timeout_s=WAIT_S) == "t"
    await life.stop(supervisor, drain=True)


@pytest.mark.threads
async def test_thread_actors_stop_in_reverse_each_within_its_shutdown_timeout():
    runtime = loop_runtime(asyncio.get_running_loop())
    log: list[str] = []
    supervisor, (a, b) = thread_tree(runtime, ["a", "b"], log, shutdown_timeout_s=0.01)
    gate = threading.Event()
    await a.ask(Ping(), timeout_s=WAIT_S)
    b.tell(Do(lambda _: gate.wait(WAIT_S)))

    await life.stop(supervisor, drain=True)

    assert log[-1] == "stop a"
    assert runtime.zombies.count == 1
    gate.set()
    await thread_ended(b)
    assert runtime.zombies.count == 0


async def test_a_replacement_answers_well_under_five_milliseconds_after_the_crash():
    runtime = loop_runtime(asyncio.get_running_loop())
    child = Handle(ChildSpec("a", "a", build=Puppet), runtime)
    supervisor = supervise([child], runtime, intensity=Intensity(1000, 1.0))
    await child.ask(Ping(), timeout_s=WAIT_S)
    seconds = []
    for _ in range(20):
        crash, began_s = fail_with(ValueError()), time.perf_counter()
        child.tell(crash)
        await child.ask(Ping(), timeout_s=WAIT_S)
        seconds.append(time.perf_counter() - began_s)

    assert sorted(seconds)[10] < 0.005
    await life.stop(supervisor, drain=True)
