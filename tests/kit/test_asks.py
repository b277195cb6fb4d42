"""Tells and asks through a handle: refusals, timeouts, forwarding."""

import asyncio
import sys
import threading

import pytest

from omi_actors.instruments.actor_metrics import ActorMetrics
from omi_actors.kit import life
from omi_actors.kit.errors import ActorUnavailableError, AskTimeoutError, MailboxFullError
from omi_actors.kit.handle import Handle
from omi_actors.kit.mailbox import Refusal
from omi_actors.kit.spec import ChildSpec
from omi_actors.kit.testing import ManualRuntime
from tests.kit.support import WAIT_S, Do, Ping, Puppet, ThreadPuppet, counted, loop_runtime, note_exits, run_alone


@pytest.fixture
def runtime():
    return ManualRuntime(hooks=ActorMetrics())


def unstarted(runtime, kind="unstarted", capacity=10):
    return Handle(ChildSpec("name", kind, build=Puppet, mailbox_capacity=capacity), runtime)


def test_mail_waits_for_an_actor_that_does_not_run_yet(runtime):
    handle = unstarted(runtime)
    reply = handle.ask(Ping(), timeout_s=1.0)

    life.start(handle, None)
    runtime.run()

    assert reply.result() == "name"


def test_a_tell_to_a_full_mailbox_is_refused_and_counted(runtime):
    handle = unstarted(runtime, "full-tell", capacity=1)

    assert handle.tell("first")
    assert not handle.tell("second")

    assert counted("omi_mailbox_full_total", kind="full-tell") == 1
    assert counted("omi_undeliverable_total", kind="full-tell", reason="full") == 1


def test_an_ask_of_a_full_mailbox_fails_at_once_and_says_when_to_retry(runtime):
    handle = unstarted(runtime, capacity=1)
    handle.tell("first")

    reply = handle.ask(Ping(), timeout_s=1.0)

    with pytest.raises(MailboxFullError) as caught:
        reply.result()
    assert caught.value.retry_after_s > 0


@pytest.mark.parametrize("refusal", [Refusal.STOPPED, Refusal.QUARANTINED])
def test_a_closed_mailbox_refuses_and_counts_why(runtime, refusal):
    kind = f"closed-{refusal}"
    handle = unstarted(runtime, kind)
    life.retire(handle, refusal)

    assert not handle.tell("late")
    with pytest.raises(ActorUnavailableError, match=refusal.value):
        handle.ask(Ping(), timeout_s=1.0).result()
    assert counted("omi_undeliverable_total", kind=kind, reason=refusal.value) == 2


def test_what_waited_in_a_mailbox_that_closes_for_good_fails_or_is_counted(runtime):
    handle = unstarted(runtime, "leftover")
    reply = handle.ask(Ping(), timeout_s=1.0)
    handle.tell("left")

    life.retire(handle, Refusal.STOPPED)

    with pytest.raises(ActorUnavailableError):
        reply.result()
    assert counted("omi_undeliverable_total", kind="leftover", reason="stopped") == 2


def test_an_ask_fails_when_its_timeout_has_passed_and_not_before(runtime):
    handle = unstarted(runtime, "slow")
    reply = handle.ask(Ping(), timeout_s=2.0)

    runtime.advance(1.99)
    assert not reply.done
    runtime.advance(0.03)

    with pytest.raises(AskTimeoutError):
        reply.result()
    assert counted("omi_ask_timeouts_total", kind="slow") == 1


def test_work_whose_asker_has_timed_out_is_never_begun(runtime):
    handle = unstarted(runtime)
    done = []
    handle.ask(Do(lambda _: done.append("work")), timeout_s=1.0)
    runtime.advance(1.1)

    life.start(handle, None)
    handle.ask(Do(lambda _: done.append("other work")), timeout_s=1.0)
    runtime.run()

    assert done == ["other work"]


def test_a_settled_ask_leaves_no_deadline_behind(runtime):
    handle = run_alone(Puppet(), runtime)

    for _ in range(100):
        handle.ask(Ping(), timeout_s=10.0)
    assert len(runtime.deadlines) == 100
    runtime.run()

    assert len(runtime.deadlines) == 0


def test_a_forwarded_ask_is_answered_by_the_receiver(runtime):
    target = run_alone(Puppet(), runtime, name="target")
    router = run_alone(Puppet(), runtime, name="router")

    reply = router.ask(Do(lambda actor: pass_on(actor, target)), timeout_s=1.0)
    runtime.run()

    assert reply.result() == "target"


def pass_on(actor, target):
    if actor.handle is target:
        return actor.handle.name
    return target.forward(actor.current_envelope)


def test_a_refused_forward_fails_the_asker(runtime):
    target = unstarted(runtime)
    life.retire(target, Refusal.STOPPED)
    router = run_alone(Puppet(), runtime)

    reply = router.ask(Do(lambda actor: target.forward(actor.current_envelope)), timeout_s=1.0)
    runtime.run()

    with pytest.raises(ActorUnavailableError):
        reply.result()


async def test_an_ask_is_awaited_on_the_loop():
    runtime = loop_runtime(asyncio.get_running_loop())
    handle = run_alone(Puppet(), runtime, name="ada")

    assert await handle.ask(Ping(), timeout_s=WAIT_S) == "ada"


async def test_an_ask_times_out_on_the_loop():
    runtime = loop_runtime(asyncio.get_running_loop())

    with pytest.raises(AskTimeoutError):
        await unstarted(runtime).ask(Ping(), timeout_s=0.001)


@pytest.mark.threads
async def test_a_timeout_set_from_another_thread_passes_too():
    runtime = loop_runtime(asyncio.get_running_loop())
    handle = unstarted(runtime)

    reply = await asyncio.to_thread(lambda: handle.ask(Ping(), timeout_s=0.001))

    with pytest.raises(AskTimeoutError):
        await reply


@pytest.mark.threads
@pytest.mark.parametrize("puppet", [Puppet, ThreadPuppet])
async def test_no_ask_hangs_that_races_a_stop(puppet):
    """Pykka lost 67 of 12,000 such asks: put after the last look into the inbox, never answered."""
    runtime = loop_runtime(asyncio.get_running_loop())
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    replies = []
    try:
        for _ in range(20):
            handle = run_alone(puppet(), runtime, mailbox_capacity=10**6)
            gate = threading.Barrier(3)

            def asks(handle=handle, gate=gate):
                gate.wait(WAIT_S)
                replies.extend([handle.ask(Ping(), timeout_s=600.0) for _ in range(50)])

            threads = [threading.Thread(target=asks) for _ in range(2)]
            for thread in threads:
                thread.start()
            gate.wait(WAIT_S)
            await life.stop(handle, drain=True)
            life.retire(handle, Refusal.STOPPED)
            for thread in threads:
                await asyncio.to_thread(thread.join, WAIT_S)
    finally:
        sys.setswitchinterval(interval)
    await runtime.pause()

    assert len(replies) == 2000
    assert all(reply.done for reply in replies)


def test_a_tell_from_the_actor_to_itself_is_the_next_turn(runtime):
    parent = note_exits(runtime)
    actor = Puppet()
    handle = run_alone(actor, runtime, parent=parent.handle)

    handle.tell(Do(lambda actor: [actor.handle.tell("later"), actor.log.append("now")]))
    runtime.run()

    assert actor.log == ["start alone", "now", "later"]
