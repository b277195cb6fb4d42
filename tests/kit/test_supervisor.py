"""Supervision of fixed children: restart types, strategies, intensity, backoff, escalation, shutdown."""

import asyncio
from typing import Any

import pytest

from omi_actors.kit.errors import ActorUnavailableError
from omi_actors.kit.spec import Backoff, ChildState, Intensity, Restart, Strategy
from omi_actors.kit.supervisor import RestartChild
from tests.kit.support import (
    Do,
    Ping,
    Puppet,
    Tree,
    counted,
    fail_with,
    new_future,
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


# --- a restart by hand


def restart(tree, name):
    tree.log.clear()
    done = tree.supervisor.ask(RestartChild(name), timeout_s=60.0)
    tree.runtime.run()
    return done


@pytest.mark.parametrize(
    ("strategy", "log"),
    [
        (Strategy.ONE_FOR_ONE, ["stop b", "start b"]),
        (Strategy.ONE_FOR_ALL, ["stop c", "stop b", "stop a", "start a", "start b", "start c"]),
    ],
)
def test_child_is_restarted_by_hand_with_those_of_its_strategy(strategy, log):
    tree = Tree(NAMES, strategy=strategy, intensity=Intensity(max_restarts=0, period_s=30.0))

    assert restart(tree, "b").result() is True
    assert tree.log == log
    assert restart(tree, "b").result() is True, "a restart by hand counted as a crash"
    assert tree.given_up == []


def test_restart_by_hand_keeps_the_mail_and_leaves_a_child_that_does_not_end_behind():
    tree = Tree(NAMES)
    tree["b"].tell(Do(lambda _actor: never()))
    tree["b"].tell("after")

    done = restart(tree, "b")
    assert not done.done
    tree.runtime.advance(5.1)

    assert done.result() is True
    assert tree.log == ["failure b TimeoutError", "start b", "after"]


async def never():
    await new_future()


def test_unknown_child_and_one_that_has_ended_are_not_restarted():
    tree = Tree(NAMES, restart={"a": Restart.TEMPORARY})
    tree.tell("a", STOP_SELF)

    assert [restart(tree, name).result() for name in ("z", "a")] == [False, False]


def test_child_that_waits_for_its_restart_is_restarted_at_once():
    tree = Tree(["a"], backoff=Backoff(min_s=10.0, max_s=10.0))
    tree.crash("a")
    tree.crash("a")
    assert tree["a"].state is ChildState.BACKING_OFF

    assert restart(tree, "a").result() is True
    tree.runtime.advance(20.0)

    assert tree.log == ["start a"]


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


def test_time_to_the_replacement_is_recorded_with_the_pause():
    pause = Backoff(min_s=8.0, max_s=8.0, jitter=0.0)
    tree = Tree(["recovering"], backoff=pause)

    def recovered_s():
        return counted("omi_actor_recovery_seconds_sum", kind="kind-recovering")

    tree.runtime.advance(3.0)
    tree.crash("recovering")
    before = recovered_s()
    tree.crash("recovering")
    tree.runtime.advance(8.0)

    assert recovered_s() - before == pytest.approx(8.0)
