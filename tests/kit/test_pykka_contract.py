"""What we rely on in Pykka, underscore and all. When one of these fails after an upgrade, read the kit first."""

import asyncio
import inspect
import queue
import threading
from importlib.metadata import version

import pykka
import pytest
from pykka._envelope import Envelope as PykkaEnvelope

from omi_actors.instruments.actor_metrics import ActorMetrics
from omi_actors.kit import life
from omi_actors.kit.errors import ActorUnavailableError
from omi_actors.kit.mailbox import Refusal
from omi_actors.kit.messages import Envelope
from omi_actors.kit.testing import ManualRuntime
from tests.kit.support import (
    WAIT_S,
    Ping,
    Puppet,
    ThreadPuppet,
    fail_with,
    loop_runtime,
    new_future,
    note_exits,
    run_alone,
)


def test_the_version_is_the_one_whose_inside_was_read():
    assert version("pykka").startswith("4.5.")


def test_pykka_envelope_has_the_slots_that_ours_extends():
    assert list(PykkaEnvelope.__slots__) == ["message", "reply_to"]
    assert issubclass(Envelope, PykkaEnvelope)


def test_an_actor_is_abstract_only_in_what_ours_implement():
    assert pykka.Actor.__abstractmethods__ == {"_create_actor_inbox", "_create_future", "_start_actor_loop"}


def test_a_ref_needs_no_more_of_an_actor_than_we_give():
    source = inspect.getsource(pykka.ActorRef.__init__)

    assert {"actor.actor_urn", "actor.actor_inbox", "actor.actor_stopped"} == {
        word for word in source.replace(")", " ").split() if word.startswith("actor.actor_")
    }


def test_the_thread_of_a_threading_actor_runs_its_actor_loop():
    ran = threading.Event()

    class Looped(pykka.ThreadingActor):
        def _actor_loop(self):
            ran.set()

    Looped()._start_actor_loop()

    assert ran.wait(WAIT_S)


def test_pykka_registry_never_hears_of_our_actors():
    runtime = ManualRuntime(hooks=ActorMetrics())

    run_alone(Puppet(), runtime)
    runtime.run()

    assert pykka.ActorRegistry.get_all() == []  # noqa: TID251 (that it stays empty is the test)


def test_a_pykka_ref_of_a_loop_actor_asks_and_tells():
    runtime = ManualRuntime(hooks=ActorMetrics())
    actor = Puppet()
    run_alone(actor, runtime, name="ada")
    runtime.run()

    reply = actor.actor_ref.ask(Ping(), block=False)
    actor.actor_ref.tell("hello")
    runtime.run()

    assert reply.get(timeout=1.0) == "ada"
    assert "hello" in actor.log


def test_a_pykka_ref_is_refused_by_an_error_and_never_hangs():
    runtime = ManualRuntime(hooks=ActorMetrics())
    actor = Puppet()
    handle = run_alone(actor, runtime)
    ref = actor.actor_ref
    life.retire(handle, Refusal.STOPPED)

    with pytest.raises(ActorUnavailableError):
        ref.ask(Ping(), block=False)


def test_a_pykka_ref_of_an_ended_actor_is_dead():
    runtime = ManualRuntime(hooks=ActorMetrics())
    actor = Puppet()
    run_alone(actor, runtime)
    ref = actor.actor_ref
    ref.tell(fail_with(ValueError()))

    runtime.run()

    assert not ref.is_alive()


def test_the_stop_of_a_pykka_ref_lets_earlier_mail_be_handled_even_when_the_mailbox_is_full():
    runtime = ManualRuntime(hooks=ActorMetrics())
    parent = note_exits(runtime)
    actor = Puppet()
    handle = run_alone(actor, runtime, parent=parent.handle, mailbox_capacity=1)
    handle.tell("earlier")

    actor.actor_ref.stop(block=False)
    runtime.run()

    assert actor.log == ["start alone", "earlier", "stop alone"]
    assert [exit_.error for exit_ in parent.exits] == [None]


@pytest.mark.threads
async def test_a_pykka_ref_of_a_thread_actor_stops_it():
    runtime = loop_runtime(asyncio.get_running_loop())
    actor = ThreadPuppet()
    handle = run_alone(actor, runtime)

    actor.actor_ref.stop(block=False)
    await life.stop(handle, drain=True)

    assert not actor.actor_ref.is_alive()


def test_urns_differ_between_incarnations():
    runtime = ManualRuntime(hooks=ActorMetrics())
    handle = run_alone(first := Puppet(), runtime)
    urn = first.actor_urn
    handle.generation += 1

    assert urn != first.actor_urn


def test_our_future_keeps_pykkas_contract_of_settling_once():
    future = new_future()
    future.set(1)

    with pytest.raises(queue.Full):
        future.set(2)
    with pytest.raises(queue.Full):
        future.set_exception((ValueError, ValueError(), None))
    assert future.get(timeout=0) == 1


def test_pykkas_derived_futures_work_on_ours_in_a_thread():
    future = new_future()
    doubled = future.map(lambda value: value * 2)
    future.set(21)

    assert doubled.get(timeout=1.0) == 42
    assert pykka.get_all([future, doubled], timeout=1.0) == [21, 42]


def test_set_exception_takes_the_error_being_handled():
    future = new_future()
    try:
        int("no number")
    except ValueError:
        future.set_exception()

    with pytest.raises(ValueError, match="no number"):
        future.get(timeout=0)
