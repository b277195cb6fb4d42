"""Supervision of fixed children: restart types, strategies, intensity, backoff, escalation, shutdown."""

import asyncio
import threading
import time
from typing import Any

import pytest

from omi_actors.errors import ActorUnavailableError, RestartIntensityError
from omi_actors.kit import life
from omi_actors.kit.facts import ChildExited
from omi_actors.kit.handle import Handle
from omi_actors.kit.manual_runtime import ManualRuntime
from omi_actors.kit.spec import Backoff, ChildSpec, ChildState, Intensity, Restart, Strategy
from omi_actors.kit.supervisor import Supervisor
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

STOP_SELF = Do(lambda actor: actor.stop_self())
NAMES = ["a", "b", "c"]


def test_children_start_in_order():
    assert Tree(NAMES).log == ["start a", "start b", "start c"]


def test_children_stop_in_reverse():
    tree = Tree(NAMES)

    stopped = tree.stop()

    assert stopped.done
    assert tree.log == ["stop c", "stop b", "stop a"]
    assert {child.state for child in tree.children.values()} == {ChildState.STOPPED}


def test_a_stopped_tree_refuses_mail_and_fails_what_waited():
    tree = Tree(NAMES)
    tree.stop()

    assert not tree["a"].tell("late")
    with pytest.raises(ActorUnavailableError):
        tree.ask("a")


# --- restart types


@pytest.mark.parametrize(
    ("restart", "ending", "comes_back"),
    [
        (Restart.PERMANENT, fail_with(ValueError()), True),
        (Restart.PERMANENT, STOP_SELF, True),
        (Restart.TRANSIENT, fail_with(ValueError()), True),
        (Restart.TRANSIENT, STOP_SELF, False),
        (Restart.TEMPORARY, fail_with(ValueError()), False),
        (Restart.TEMPORARY, STOP_SELF, False),
    ],
)
def test_restart_type_decides_who_comes_back(restart, ending, comes_back):
    tree = Tree(["a"], restart={"a": restart})

    log = tree.tell("a", ending)

    assert ("start a" in log) is comes_back
    assert tree["a"].state is (ChildState.RUNNING if comes_back else ChildState.STOPPED)


# --- strategies


@pytest.mark.parametrize(
    ("strategy", "log"),
    [
        (Strategy.ONE_FOR_ONE, ["failure b ValueError", "start b"]),
        (Strategy.REST_FOR_ONE, ["failure b ValueError", "stop c", "start b", "start c"]),
        (Strategy.ONE_FOR_ALL, ["failure b ValueError", "stop c", "stop a", "start a", "start b", "start c"]),
    ],
)
def test_strategy_decides_who_else_restarts(strategy, log):
    assert Tree(NAMES, strategy=strategy).crash("b") == log


def test_a_temporary_sibling_is_stopped_and_not_restarted():
    tree = Tree(NAMES, strategy=Strategy.ONE_FOR_ALL, restart={"c": Restart.TEMPORARY})

    assert tree.crash("b") == ["failure b ValueError", "stop c", "stop a", "start a", "start b"]
    assert tree["c"].state is ChildState.STOPPED


def test_a_sibling_that_ended_for_good_is_not_revived():
    tree = Tree(NAMES, strategy=Strategy.ONE_FOR_ALL, restart={"c": Restart.TRANSIENT})
    tree.tell("c", STOP_SELF)

    assert "start c" not in tree.crash("b")


def test_a_sibling_that_ignores_its_stop_is_waited_for_and_then_left_behind():
    def hang(_actor):
        async def wait():
            await new_future()

        return wait()

    tree = Tree(NAMES, strategy=Strategy.REST_FOR_ONE)
    tree.tell("c", Do(hang))

    tree.crash("b")
    assert "start b" not in tree.log
    tree.runtime.advance(5.1)

    assert tree.log[-2:] == ["start b", "start c"]


def test_siblings_that_crash_together_restart_once():
    tree = Tree(NAMES, strategy=Strategy.ONE_FOR_ALL)
    tree.log.clear()
    for name in NAMES:
        tree[name].tell(fail_with(ValueError()))

    tree.runtime.run()

    assert [entry for entry in tree.log if entry.startswith("start")] == ["start a", "start b", "start c"]


# --- mail across a restart


def test_the_message_that_killed_is_not_run_again_and_the_rest_of_the_mail_is():
    tree = Tree(["a"])
    tree["a"].tell("before")
    tree["a"].tell(fail_with(ValueError()))
    tree["a"].tell("after")

    log = tree.tell("a", "last")

    assert log == ["before", "failure a ValueError", "start a", "after", "last"]


def test_asks_waiting_behind_a_crash_are_answered_by_the_replacement():
    tree = Tree(["a"])
    tree["a"].tell(fail_with(ValueError()))

    assert tree.ask("a") == "a"


def test_a_handle_stays_the_same_across_restarts():
    tree = Tree(["a"])
    handle = tree["a"]

    tree.crash("a")

    supervisor: Any = tree.supervisor.actor
    assert supervisor.handle_of("a") is handle
    assert handle.generation == 2
    with pytest.raises(KeyError):
        supervisor.handle_of("nobody")


def test_siblings_keep_their_mail_when_they_are_restarted():
    tree = Tree(["a", "b"], strategy=Strategy.ONE_FOR_ALL)
    tree["a"].tell(fail_with(ValueError()))
    for number in range(40):  # more than a slot's worth
        tree["b"].tell(number)

    tree.runtime.run()

    assert [entry for entry in tree.log if isinstance(entry, int)] == list(range(40))


def test_a_crash_leaves_others_undisturbed():
    tree = Tree(NAMES)
    actor = tree["c"].actor

    tree.crash("a")

    assert tree["c"].actor is actor


@pytest.mark.parametrize("error", [SystemExit(), KeyboardInterrupt(), asyncio.CancelledError()], ids=repr)
def test_base_exceptions_are_restarted_like_any_crash(error):
    tree = Tree(NAMES)

    tree.crash("a", error)

    assert [tree.ask(name) for name in NAMES] == NAMES


# --- backoff


def test_the_first_restart_is_at_once_and_the_next_ones_back_off():
    tree = Tree(["a"], backoff=Backoff(min_s=0.2, max_s=30.0, jitter=0.0))
    assert "start a" in tree.crash("a")

    assert "start a" not in tree.crash("a")
    assert tree["a"].state is ChildState.BACKING_OFF
    tree.runtime.advance(0.19)
    assert "start a" not in tree.log
    tree.runtime.advance(0.02)

    assert "start a" in tree.log


def test_mail_waits_through_a_backoff():
    tree = Tree(["a"], backoff=Backoff(min_s=1.0, max_s=30.0, jitter=0.0))
    tree.crash("a")
    tree.crash("a")
    reply = tree["a"].ask(Ping(), timeout_s=60.0)

    tree.runtime.advance(1.1)

    assert reply.result() == "a"


def test_after_a_quiet_time_a_restart_is_at_once_again():
    tree = Tree(["a"], backoff=Backoff(min_s=1.0, max_s=3.0))
    tree.crash("a")
    tree.runtime.advance(2.1)

    assert "start a" in tree.crash("a")


def test_failing_starts_back_off_too_and_the_last_good_one_counts():
    fails = [None, ValueError(), ValueError(), None]
    log: list[str] = []

    def on_start(_actor):
        error = fails.pop(0)
        if error is not None:
            raise error

    tree = Tree(
        ["a"],
        builds={"a": lambda: Puppet(log, on_start=on_start)},
        backoff=Backoff(min_s=0.2, max_s=30.0, jitter=0.0),
    )
    tree.crash("a")
    tree.runtime.advance(0.7)

    assert tree.ask("a") == "a"
    assert fails == []


def test_a_group_restarts_in_order_after_the_backoff():
    tree = Tree(NAMES, strategy=Strategy.REST_FOR_ONE, backoff=Backoff(min_s=1.0, max_s=30.0, jitter=0.0))
    tree.crash("b")
    tree.crash("b")
    assert {tree["b"].state, tree["c"].state} == {ChildState.BACKING_OFF}

    tree.log.clear()
    tree.runtime.advance(1.1)

    assert tree.log == ["start b", "start c"]


def test_an_earlier_siblings_crash_during_a_backoff_keeps_the_start_order():
    tree = Tree(NAMES, strategy=Strategy.REST_FOR_ONE, backoff=Backoff(min_s=1.0, max_s=30.0, jitter=0.0))
    tree.crash("a")
    tree.crash("b")
    tree.crash("b")
    tree.crash("a")
    tree.log.clear()

    tree.runtime.advance(60.0)

    assert tree.log == ["start a", "start b", "start c"]


# --- intensity and escalation


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
    runtime = ManualRuntime()
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
