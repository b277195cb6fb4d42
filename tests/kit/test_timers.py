"""Timers of an actor."""

import pytest

from omi_actors.instruments.actor_metrics import ActorMetrics
from omi_actors.kit import life
from omi_actors.kit.testing import ManualRuntime
from tests.kit.support import Do, Puppet, counted, fail_with, note_exits, run_alone


@pytest.fixture
def runtime():
    return ManualRuntime(hooks=ActorMetrics())


@pytest.fixture
def actor():
    return Puppet()


@pytest.fixture
def handle(runtime, actor):
    handle = run_alone(actor, runtime, kind="timed", mailbox_capacity=1)
    runtime.run()
    actor.log.clear()
    return handle


def test_a_message_comes_once_after_its_delay(runtime, actor, handle):
    actor.timers.after(2.0, "due")

    runtime.advance(1.9)
    assert actor.log == []
    runtime.advance(10.0)

    assert actor.log == ["due"]


def test_a_message_comes_again_and_again_until_cancelled(runtime, actor, handle):
    timer = actor.timers.every(2.0, "tick")
    runtime.advance(6.5)
    assert actor.log == ["tick"] * 3

    timer.cancel()
    runtime.advance(10.0)

    assert actor.log == ["tick"] * 3


def test_a_cancelled_message_never_comes(runtime, actor, handle):
    actor.timers.after(2.0, "due").cancel()

    runtime.advance(10.0)

    assert actor.log == []


def test_a_message_may_go_to_another_actor(runtime, actor, handle):
    other = Puppet()
    run_alone(other, runtime, name="other")

    actor.timers.after(2.0, "due", to=other.handle)
    runtime.advance(3.0)

    assert other.log == ["start other", "due"]


@pytest.mark.parametrize(
    "ending", [fail_with(ValueError()), Do(lambda actor: actor.stop_self())], ids=["crash", "stop"]
)
def test_the_timers_of_an_incarnation_end_with_it(runtime, actor, handle, ending):
    actor.timers.after(2.0, "due")
    actor.timers.every(2.0, "tick")
    handle.tell(ending)
    runtime.run()
    replacement = Puppet()
    object.__setattr__(handle.spec, "build", lambda: replacement)
    life.start(handle, note_exits(runtime).handle)

    runtime.advance(10.0)

    assert replacement.log == ["start alone"]


def test_a_full_mailbox_takes_a_deadline_and_misses_a_tick(runtime, actor, handle):
    actor.timers.after(2.0, "due")
    actor.timers.every(2.0, "tick")
    missed = counted("omi_mailbox_full_total", kind="timed")

    def fill(_actor):
        handle.tell("full")
        runtime.manual_clock.advance(0)
        fire_all(runtime)

    handle.tell(Do(fill))
    runtime.run()

    assert actor.log == ["full", "due"]
    assert counted("omi_mailbox_full_total", kind="timed") == missed + 1


def fire_all(runtime):
    """Fire what is due two seconds from now, without running what it causes."""
    for _, _, timer in sorted(runtime._timers):
        timer.fire()
