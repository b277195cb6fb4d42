"""Supervision of children that come and go: counted each for itself, quarantined, never escalated."""

import pytest

from omi_actors.instruments.actor_metrics import ActorMetrics
from omi_actors.kit import life
from omi_actors.kit.dynamic_supervisor import (
    ChildQuarantined,
    ChildReleased,
    ChildStopped,
    DynamicSupervisor,
    StartChild,
)
from omi_actors.kit.errors import ActorUnavailableError
from omi_actors.kit.handle import Handle
from omi_actors.kit.spec import Backoff, ChildSpec, ChildState, Intensity, Restart
from omi_actors.kit.testing import ManualRuntime
from tests.kit.support import (
    NO_BACKOFF,
    Do,
    Parent,
    Ping,
    Puppet,
    counted,
    fail_with,
    new_future,
    note_exits,
    run_alone,
)

TWO_IN_30_S = Intensity(max_restarts=2, period_s=30.0)
STOP_SELF = Do(lambda actor: actor.stop_self())
CRASH = fail_with(ValueError("boom"))


class Household:
    """A dynamic supervisor on a manual runtime, with an observer."""

    def __init__(self, *, intensity=TWO_IN_30_S, backoff=NO_BACKOFF):
        self.runtime = ManualRuntime(hooks=ActorMetrics())
        self.parent = note_exits(self.runtime)
        self.observer = Parent()
        run_alone(self.observer, self.runtime, name="observer", kind="observer")
        build = lambda: DynamicSupervisor(  # noqa: E731
            intensity=intensity, backoff=backoff, quarantine_s=60.0, observer=self.observer.handle
        )
        self.supervisor = run_alone_by(build, self.runtime, self.parent)
        self.runtime.run()

    def child(self, name="child", *, kind="child", restart=Restart.TRANSIENT, build=Puppet, start=True):
        handle = Handle(ChildSpec(name, kind, build=build, restart=restart), self.runtime)
        if start:
            self.supervisor.tell(StartChild(handle))
            self.runtime.run()
        return handle

    def tell(self, handle, message, *, times=1):
        for _ in range(times):
            handle.tell(message)
            self.runtime.run()

    def facts(self, kind):
        return [fact.handle for fact in self.observer.exits if isinstance(fact, kind)]

    def ask(self, handle):
        reply = handle.ask(Ping(), timeout_s=600.0)
        self.runtime.run()
        return reply


def run_alone_by(build, runtime, parent):
    handle = Handle(ChildSpec("dynamic", "dynamic", build=build, shutdown_timeout_s=float("inf")), runtime)
    life.start(handle, parent.handle)
    return handle


def test_a_child_handles_mail_that_came_before_its_start():
    household = Household()
    child = household.child(start=False)
    reply = child.ask(Ping(), timeout_s=1.0)

    household.supervisor.tell(StartChild(child))
    household.runtime.run()

    assert reply.result() == "child"


def test_starting_a_running_child_again_changes_nothing():
    household = Household()
    child = household.child()
    actor = child.actor

    household.supervisor.tell(StartChild(child))
    household.runtime.run()

    assert child.actor is actor


def test_starts_are_admitted_to_a_full_mailbox():
    household = Household()
    children = [household.child(str(number), start=False) for number in range(2000)]

    assert all(household.supervisor.tell(StartChild(child)) for child in children)
    household.runtime.run()

    assert all(child.state is ChildState.RUNNING for child in children)


def test_a_child_that_ends_normally_is_let_go_and_the_observer_told():
    household = Household()
    child = household.child()

    household.tell(child, STOP_SELF)

    assert child.state is ChildState.STOPPED
    assert household.facts(ChildStopped) == [child]
    assert not child.tell("late")


def test_a_child_that_ends_normally_with_mail_waiting_starts_again_at_once():
    household = Household()
    child = household.child()
    child.tell(STOP_SELF)

    reply = household.ask(child)

    assert reply.result() == "child"
    assert child.generation == 2
    assert household.facts(ChildStopped) == []


def test_a_stopped_child_can_be_started_again():
    household = Household()
    child = household.child()
    household.tell(child, STOP_SELF)

    household.supervisor.tell(StartChild(child))
    household.runtime.run()

    assert household.ask(child).result() == "child"


def test_a_crashed_child_is_replaced_and_the_message_that_killed_it_is_not_run_again():
    household = Household()
    log: list[str] = []
    child = household.child(build=lambda: Puppet(log))
    child.tell(CRASH)
    child.tell("rest")

    household.runtime.run()

    assert log == ["start child", "failure child ValueError", "start child", "rest"]


def test_a_temporary_child_is_let_go_after_a_crash():
    household = Household()
    child = household.child(restart=Restart.TEMPORARY)

    household.tell(child, CRASH)

    assert household.facts(ChildStopped) == [child]


def test_a_permanent_child_that_ends_normally_comes_back():
    household = Household()
    child = household.child(restart=Restart.PERMANENT)

    household.tell(child, STOP_SELF)

    assert household.ask(child).result() == "child"


def test_a_child_backs_off_and_its_mail_waits():
    household = Household(
        intensity=Intensity(max_restarts=9, period_s=30.0), backoff=Backoff(min_s=1.0, max_s=9.0, jitter=0.0)
    )
    child = household.child()
    household.tell(child, CRASH, times=2)
    reply = household.ask(child)
    assert child.state is ChildState.BACKING_OFF

    household.runtime.advance(1.1)

    assert reply.result() == "child"


def test_over_its_limit_a_child_is_quarantined_and_the_others_run_on():
    household = Household()
    bad = household.child("bad", kind="bad-kind")
    good = household.child("good")

    household.tell(bad, CRASH, times=3)

    assert bad.state is ChildState.QUARANTINED
    assert household.facts(ChildQuarantined) == [bad]
    assert counted("omi_quarantines_total", kind="bad-kind") == 1
    assert counted("omi_actors_quarantined", kind="bad-kind") == 1
    assert household.ask(good).result() == "good"
    assert household.parent.exits == []


def test_in_quarantine_waiting_mail_is_rejected_and_new_mail_refused():
    household = Household()
    child = household.child(kind="isolated")
    household.tell(child, CRASH, times=2)
    child.tell(CRASH)
    waiting = child.ask(Ping(), timeout_s=600.0)
    child.tell("told")

    household.runtime.run()

    with pytest.raises(ActorUnavailableError, match="quarantined"):
        waiting.result()
    with pytest.raises(ActorUnavailableError, match="quarantined"):
        household.ask(child).result()
    assert counted("omi_undeliverable_total", kind="isolated", reason="quarantined") == 3


def test_a_start_during_quarantine_is_ignored():
    household = Household()
    child = household.child()
    household.tell(child, CRASH, times=3)

    household.supervisor.tell(StartChild(child))
    household.runtime.run()

    assert child.state is ChildState.QUARANTINED


def test_after_its_quarantine_the_next_message_starts_the_child_with_a_clean_record():
    household = Household(intensity=Intensity(max_restarts=2, period_s=3600.0))
    child = household.child(kind="released")
    household.tell(child, CRASH, times=3)
    household.runtime.advance(59.0)
    assert household.facts(ChildReleased) == []

    household.runtime.advance(1.5)

    assert household.facts(ChildReleased) == [child]
    assert counted("omi_actors_quarantined", kind="released") == 0
    assert child.actor is None
    assert household.ask(child).result() == "child"
    household.tell(child, CRASH, times=2)
    assert household.ask(child).result() == "child"


def test_no_number_of_crashing_children_makes_it_give_up():
    household = Household()
    children = [household.child(str(number)) for number in range(100)]

    for child in children:
        household.tell(child, CRASH, times=3)

    assert {child.state for child in children} == {ChildState.QUARANTINED}
    assert household.parent.exits == []


def test_a_stray_message_is_counted_and_harmless():
    household = Household()

    household.supervisor.tell("hello")
    household.runtime.run()

    assert household.parent.exits == []
    assert counted("omi_undeliverable_total", kind="dynamic", reason="unexpected") >= 1


def hang(_actor):
    async def wait():
        await new_future()

    return wait()


def test_it_stops_all_children_in_parallel():
    household = Household()
    children = [household.child(str(number)) for number in range(600)]
    for child in children:
        child.tell(Do(hang))
    household.runtime.run()

    stopped = life.stop(household.supervisor, drain=True)
    household.runtime.run()
    assert not stopped.done
    household.runtime.advance(5.1)  # one shutdown timeout, not 600

    stopped.result()
    assert {child.state for child in children} == {ChildState.STOPPED}


def test_children_handle_their_mail_before_they_stop():
    household = Household()
    log: list[str] = []
    child = household.child(build=lambda: Puppet(log))
    child.tell("mail")

    life.stop(household.supervisor, drain=True)
    household.runtime.run()

    assert log == ["start child", "mail", "stop child"]


def test_killed_it_leaves_no_child_running_unsupervised():
    household = Household()
    child = household.child()

    household.supervisor.actor.abandon()
    household.runtime.run()

    assert child.actor is None
    assert child.state is ChildState.STOPPED
    assert household.facts(ChildStopped) == [child]


def test_stopped_during_a_quarantine_it_counts_it_as_over():
    household = Household()
    child = household.child(kind="half-way")
    household.tell(child, CRASH, times=3)

    life.stop(household.supervisor, drain=True)
    household.runtime.run()

    assert counted("omi_actors_quarantined", kind="half-way") == 0
    assert not child.tell("late")
