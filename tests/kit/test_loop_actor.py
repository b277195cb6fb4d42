"""Loop actors: turns, replies, crashes, ends."""

import asyncio
from concurrent.futures import CancelledError as ThreadCancelledError

import pytest

from omi_actors.errors import StoreError
from omi_actors.instruments.actor_metrics import ActorMetrics
from omi_actors.kit import life
from omi_actors.kit.errors import ActorUnavailableError
from omi_actors.kit.handle import Handle
from omi_actors.kit.loop_actor import LoopActor
from omi_actors.kit.spec import ChildSpec
from omi_actors.kit.testing import ManualRuntime
from tests.kit.support import Do, Ping, Puppet, counted, fail_with, note_exits, run_alone

NASTY = [ValueError("boom"), SystemExit(3), KeyboardInterrupt(), GeneratorExit(), asyncio.CancelledError()]


@pytest.fixture
def runtime():
    return ManualRuntime(hooks=ActorMetrics())


@pytest.fixture
def parent(runtime):
    return note_exits(runtime)


def started(runtime, parent, actor=None, **spec):
    handle = run_alone(actor or Puppet(), runtime, parent=parent.handle, **spec)
    runtime.run()
    return handle


def ask(handle, message):
    reply = handle.ask(message, timeout_s=1.0)
    handle.runtime.run()
    return reply


def test_messages_are_handled_one_at_a_time_in_order(runtime, parent):
    actor = Puppet()
    handle = started(runtime, parent, actor)
    for number in range(50):
        handle.tell(number)

    runtime.run()

    assert actor.log == ["start alone", *range(50)]


def test_an_expected_error_is_the_reply_of_an_ask_and_no_crash(runtime, parent):
    handle = started(runtime, parent)

    with pytest.raises(StoreError):
        ask(handle, fail_with(StoreError("disk full"))).result()

    assert parent.exits == []
    assert ask(handle, Ping()).result() == "alone"


def test_an_expected_error_in_a_tell_is_a_crash(runtime, parent):
    handle = started(runtime, parent)

    handle.tell(fail_with(StoreError("disk full")))
    runtime.run()

    assert isinstance(parent.exits[0].error, StoreError)


@pytest.mark.parametrize("error", NASTY, ids=repr)
def test_any_other_exception_in_a_tell_ends_this_actor_and_no_other(runtime, parent, error):
    handle = started(runtime, parent)
    other = started(runtime, parent, name="other")

    handle.tell(fail_with(error))
    runtime.run()

    assert [exit_.error for exit_ in parent.exits] == [error]
    assert ask(other, Ping()).result() == "other"


@pytest.mark.parametrize("error", NASTY, ids=repr)
def test_any_other_exception_in_an_ask_ends_the_actor_and_is_the_cause_that_the_asker_gets(runtime, parent, error):
    handle = started(runtime, parent)

    reply = ask(handle, fail_with(error))

    with pytest.raises(ActorUnavailableError) as caught:
        reply.result()
    assert caught.value.__cause__ is error
    assert [exit_.error for exit_ in parent.exits] == [error]


@pytest.mark.parametrize("error", NASTY, ids=repr)
def test_a_failing_start_reaches_the_supervisor(runtime, parent, error):
    def on_start(_actor):
        raise error

    started(runtime, parent, Puppet(on_start=on_start))

    assert [exit_.error for exit_ in parent.exits] == [error]


@pytest.mark.parametrize("error", NASTY, ids=repr)
def test_a_failing_constructor_reaches_the_supervisor(runtime, parent, error):
    def build():
        raise error

    life.start(Handle(ChildSpec("name", "kind", build=build), runtime), parent.handle)
    runtime.run()

    assert [exit_.error for exit_ in parent.exits] == [error]


def test_a_failing_stop_reaches_the_supervisor(runtime, parent):
    handle = started(runtime, parent, Puppet(on_stop=lambda _: 1 / 0))

    handle.tell(Do(lambda actor: actor.stop_self()))
    runtime.run()

    assert isinstance(parent.exits[0].error, ZeroDivisionError)


def test_a_crash_calls_on_failure_and_not_on_stop(runtime, parent):
    actor = Puppet()
    handle = started(runtime, parent, actor)

    handle.tell(fail_with(ValueError()))
    runtime.run()

    assert actor.log == ["start alone", "failure alone ValueError"]


def test_a_failing_on_failure_changes_nothing(runtime, parent):
    class Worse(Puppet):
        def on_failure(self, *_error):
            raise SystemExit

    handle = started(runtime, parent, Worse())

    handle.tell(fail_with(ValueError()))
    runtime.run()

    assert isinstance(parent.exits[0].error, ValueError)


def test_a_cancellation_with_stop_requested_is_a_normal_end(runtime, parent):
    actor = Puppet()
    handle = started(runtime, parent, actor)

    def stop_then_cancelled(actor):
        actor.stop_self()
        raise asyncio.CancelledError

    handle.tell(Do(stop_then_cancelled))
    runtime.run()

    assert [exit_.error for exit_ in parent.exits] == [None]
    assert actor.log[-1] == "stop alone"


def test_a_threads_cancellation_is_a_crash_like_any_other(runtime, parent):
    handle = started(runtime, parent)

    handle.tell(fail_with(ThreadCancelledError()))
    runtime.run()

    assert isinstance(parent.exits[0].error, ThreadCancelledError)


def test_stopping_itself_ends_after_the_turn_and_leaves_the_rest_of_the_mail(runtime, parent):
    actor = Puppet()
    handle = started(runtime, parent, actor)
    handle.tell(Do(lambda actor: [actor.stop_self(), actor.log.append("turn")]))
    handle.tell("rest")

    runtime.run()

    assert actor.log == ["start alone", "turn", "stop alone"]
    assert len(handle.mailbox) == 1
    assert [exit_.error for exit_ in parent.exits] == [None]


def test_a_taken_reply_is_settled_by_a_later_turn(runtime, parent):
    slots = []
    handle = started(runtime, parent)
    reply = ask(handle, Do(lambda actor: slots.append(actor.take_reply())))
    assert not reply.done

    handle.tell(Do(lambda _: slots[0].set("later")))
    runtime.run()

    assert reply.result() == "later"


@pytest.mark.parametrize(
    "ending", [fail_with(ValueError()), Do(lambda actor: actor.stop_self())], ids=["crash", "stop"]
)
def test_taken_replies_fail_when_the_actor_ends(runtime, parent, ending):
    handle = started(runtime, parent)
    reply = ask(handle, Do(lambda actor: actor.take_reply() and None))

    handle.tell(ending)
    runtime.run()

    with pytest.raises(ActorUnavailableError):
        reply.result()


def test_an_expected_error_after_the_reply_was_taken_still_reaches_the_asker(runtime, parent):
    def take_and_fail(actor):
        actor.take_reply()
        raise StoreError("disk full")

    handle = started(runtime, parent)

    with pytest.raises(StoreError):
        ask(handle, Do(take_and_fail)).result()
    assert parent.exits == []


def test_settled_slots_are_not_remembered(runtime, parent):
    actor = Puppet()
    handle = started(runtime, parent, actor)

    for _ in range(10):
        ask(handle, Do(lambda actor: actor.take_reply().set("done")))

    assert not actor._open_replies


def test_a_tell_has_no_reply_to_take(runtime, parent):
    taken = []
    handle = started(runtime, parent)

    handle.tell(Do(lambda actor: taken.append(actor.take_reply())))
    runtime.run()

    assert taken == [None]


def test_outside_a_turn_there_is_no_envelope(runtime, parent):
    actor = Puppet()
    started(runtime, parent, actor)

    with pytest.raises(RuntimeError):
        _ = actor.current_envelope


def test_an_unknown_message_is_a_crash_by_default(runtime, parent):
    handle = started(runtime, parent, LoopActor())

    handle.tell("what?")
    runtime.run()

    assert isinstance(parent.exits[0].error, TypeError)


def test_an_actor_is_never_used_twice(runtime, parent):
    actor = Puppet()
    handle = started(runtime, parent, actor)
    handle.tell(fail_with(ValueError()))
    runtime.run()

    life.start(handle, parent.handle)
    runtime.run()

    assert isinstance(parent.exits[-1].error, RuntimeError)


def test_live_actors_crashes_and_recovery_are_counted(runtime, parent):
    kind = "counted"
    handle = started(runtime, parent, kind=kind)
    assert counted("omi_actors_live", kind=kind) == 1

    handle.tell(fail_with(ValueError()))
    runtime.run()
    assert counted("omi_actors_live", kind=kind) == 0
    assert counted("omi_actor_crashes_total", kind=kind) == 1


def test_an_ended_actor_ignores_late_wake_ups(runtime, parent):
    actor = Puppet()
    handle = started(runtime, parent, actor)
    handle.tell(fail_with(ValueError()))
    runtime.run()

    actor.wake_up()
    actor.halt()
    runtime.run()

    assert len(parent.exits) == 1
