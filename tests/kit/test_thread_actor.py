"""Thread actors: the same rules, with a thread."""

import asyncio
import threading

import pytest

from omi_actors.errors import StoreError
from omi_actors.kit import life
from omi_actors.kit.errors import ActorUnavailableError
from omi_actors.kit.handle import Handle
from omi_actors.kit.mailbox import Mailbox, Refusal
from omi_actors.kit.messages import Envelope
from omi_actors.kit.spec import ChildSpec, ChildState
from omi_actors.kit.thread_actor import ThreadActor
from tests.kit.support import (
    WAIT_S,
    Do,
    Ping,
    ThreadPuppet,
    counted,
    fail_with,
    loop_runtime,
    note_exits,
    run_alone,
    thread_ended,
)

pytestmark = pytest.mark.threads

NASTY = [ValueError("boom"), SystemExit(3), KeyboardInterrupt(), GeneratorExit(), asyncio.CancelledError()]


def block(entered, gate):
    entered.set()
    gate.wait(WAIT_S)


class Stage:
    """A runtime, a parent, and the actors to stop at the end."""

    def __init__(self):
        self.runtime = loop_runtime(asyncio.get_running_loop())
        self.parent = note_exits(self.runtime)
        self.handles = []

    def start(self, actor, **spec):
        handle = run_alone(actor, self.runtime, parent=self.parent.handle, **spec)
        self.handles.append(handle)
        return handle

    async def exit(self):
        return await self.parent.first_exit


@pytest.fixture
async def stage():
    stage = Stage()
    yield stage
    for handle in stage.handles:
        await life.stop(handle, drain=True)
    await stage.runtime.pause()


async def test_it_replies_from_a_thread_of_its_own(stage):
    handle = stage.start(ThreadPuppet(), name="ada")

    assert await handle.ask(Ping(), timeout_s=WAIT_S) == "ada"
    assert await handle.ask(Do(lambda _: threading.current_thread().name), timeout_s=WAIT_S) == "actor ada"


async def test_the_loop_stays_free_while_a_turn_blocks(stage):
    handle = stage.start(ThreadPuppet())
    gate = threading.Event()
    reply = handle.ask(Do(lambda _: gate.wait(WAIT_S)), timeout_s=WAIT_S)
    for _ in range(100):
        await asyncio.sleep(0)
    assert not reply.done

    gate.set()

    assert await reply is True


async def test_an_expected_error_is_the_reply_of_an_ask_and_no_crash(stage):
    handle = stage.start(ThreadPuppet())

    with pytest.raises(StoreError):
        await handle.ask(fail_with(StoreError("disk full")), timeout_s=WAIT_S)

    assert await handle.ask(Ping(), timeout_s=WAIT_S) == "alone"


@pytest.mark.parametrize("error", NASTY, ids=repr)
async def test_any_other_exception_ends_this_actor_whether_told_or_asked(stage, error):
    handle = stage.start(ThreadPuppet())
    other = stage.start(ThreadPuppet(), name="other")

    with pytest.raises(ActorUnavailableError) as caught:
        await handle.ask(fail_with(error), timeout_s=WAIT_S)

    assert caught.value.__cause__ is error
    assert (await stage.exit()).error is error
    assert await other.ask(Ping(), timeout_s=WAIT_S) == "other"


@pytest.mark.parametrize("error", NASTY, ids=repr)
async def test_a_failing_start_reaches_the_supervisor(stage, error):
    def on_start(_actor):
        raise error

    stage.start(ThreadPuppet(on_start=on_start))

    assert (await stage.exit()).error is error


async def test_a_crash_calls_on_failure_and_not_on_stop(stage):
    actor = ThreadPuppet()
    stage.start(actor).tell(fail_with(ValueError()))

    await stage.exit()

    assert actor.log == ["start alone", "failure alone ValueError"]


async def test_a_cancellation_with_stop_requested_is_a_normal_end(stage):
    actor = ThreadPuppet()
    handle = stage.start(actor)

    def halted_then_cancelled(actor):
        actor.halt()
        raise asyncio.CancelledError

    handle.tell(Do(halted_then_cancelled))

    assert (await stage.exit()).error is None
    assert actor.log[-1] == "stop alone"


async def test_a_stop_handles_earlier_mail_first(stage):
    actor = ThreadPuppet()
    handle = stage.start(actor)
    gate = threading.Event()
    handle.tell(Do(lambda _: gate.wait(WAIT_S)))
    handle.tell("mail")

    stopped = life.stop(handle, drain=True)
    gate.set()
    await stopped

    assert actor.log == ["start alone", "mail", "stop alone"]


async def test_a_halt_leaves_the_rest_of_the_mail(stage):
    handle = stage.start(ThreadPuppet())
    entered, gate = threading.Event(), threading.Event()
    handle.tell(Do(lambda _: block(entered, gate)))
    handle.tell("rest")
    await asyncio.to_thread(entered.wait, WAIT_S)

    stopped = life.stop(handle, drain=False)
    gate.set()
    await stopped

    assert len(handle.mailbox) == 1


async def test_a_turn_that_returns_a_coroutine_is_a_crash_that_says_why(stage):
    async def turn(_actor):
        return None

    stage.start(ThreadPuppet()).tell(Do(turn))

    assert "loop actor" in str((await stage.exit()).error)


class Batcher(ThreadActor):
    """Waits for the gate, then notes each batch."""

    batch_max = 4

    def __init__(self, turn=None):
        super().__init__()
        self.entered, self.gate = threading.Event(), threading.Event()
        self.batches = []
        self.turn = turn

    def receive_batch(self, envelopes):
        self.entered.set()
        self.gate.wait(WAIT_S)
        self.batches.append([envelope.message for envelope in envelopes])
        for envelope in envelopes:
            if envelope.message == "bad":
                raise ValueError("bad")
            if envelope.message == "refused":
                raise StoreError("refused")
            if envelope.message != "forgotten" and envelope.reply_to is not None:
                envelope.reply_to.set(envelope.message)


async def test_what_arrives_during_a_turn_is_the_next_batch(stage):
    actor = Batcher()
    handle = stage.start(actor)
    first = handle.ask(0, timeout_s=WAIT_S)
    await asyncio.to_thread(actor.entered.wait, WAIT_S)
    rest = [handle.ask(number, timeout_s=WAIT_S) for number in range(1, 7)]

    actor.gate.set()

    assert [await reply for reply in [first, *rest]] == list(range(7))
    assert actor.batches == [[0], [1, 2, 3, 4], [5, 6]]


async def test_a_batch_has_the_mail_of_all_calls_that_were_ready(stage):
    actor = Batcher()
    actor.gate.set()
    handle = stage.start(actor)
    await handle.ask(0, timeout_s=WAIT_S)
    while handle.mailbox._sleeper is None:  # noqa: ASYNC110 (no event marks that it sleeps)
        await asyncio.sleep(0)
    actor.entered.clear()

    for number in (1, 2):
        stage.runtime.post(lambda number=number: handle.tell(number))
        stage.runtime.post(lambda: actor.entered.wait(0.05))  # time to take the first one alone
    await handle.ask(3, timeout_s=WAIT_S)

    assert actor.batches == [[0], [3, 1, 2]]


async def test_a_batch_skips_work_whose_asker_has_timed_out(stage):
    actor = Batcher()
    handle = stage.start(actor)
    handle.tell("first")
    await asyncio.to_thread(actor.entered.wait, WAIT_S)
    given_up = handle.ask("given up", timeout_s=WAIT_S)
    wanted = handle.ask("wanted", timeout_s=WAIT_S)
    given_up.try_fail(TimeoutError())

    actor.gate.set()
    await wanted

    assert actor.batches == [["first"], ["wanted"]]


@pytest.mark.parametrize(("message", "error"), [("bad", ActorUnavailableError), ("refused", StoreError)])
async def test_a_failing_batch_fails_all_that_it_left_open(stage, message, error):
    actor = Batcher()
    handle = stage.start(actor)
    first = handle.ask("first", timeout_s=WAIT_S)
    await asyncio.to_thread(actor.entered.wait, WAIT_S)
    replies = [handle.ask(message, timeout_s=WAIT_S), handle.ask("other", timeout_s=WAIT_S)]

    actor.gate.set()

    assert await first == "first"
    for reply in replies:
        with pytest.raises(error):
            await reply


async def test_a_reply_that_a_batch_forgot_fails(stage):
    actor = Batcher()
    actor.gate.set()
    handle = stage.start(actor)

    with pytest.raises(ActorUnavailableError):
        await handle.ask("forgotten", timeout_s=WAIT_S)


async def test_a_thread_that_outlives_its_shutdown_timeout_is_fenced_and_counted_until_it_ends(stage):
    before = counted("omi_zombie_actors")
    actor = ThreadPuppet()
    handle = stage.start(actor, shutdown_timeout_s=0.001)
    entered, gate = threading.Event(), threading.Event()
    reply = handle.ask(Do(lambda _: block(entered, gate)), timeout_s=WAIT_S)
    handle.tell("rest")
    await asyncio.to_thread(entered.wait, WAIT_S)

    await life.stop(handle, drain=False)
    with pytest.raises(ActorUnavailableError):
        await reply
    assert stage.runtime.zombies.count == 1
    assert counted("omi_zombie_actors") == before + 1
    gate.set()
    await thread_ended(handle)

    assert stage.runtime.zombies.count == 0
    assert counted("omi_zombie_actors") == before
    assert "rest" not in actor.log
    assert stage.parent.exits == []


async def test_a_zombies_replacement_gets_the_mail(stage):
    actors = [ThreadPuppet(), ThreadPuppet()]
    builds = iter(actors)
    threads: list[threading.Thread] = []
    handle = Handle(ChildSpec("z", "z", build=lambda: next(builds), shutdown_timeout_s=0.001), stage.runtime)
    stage.handles.append(handle)
    life.start(handle, stage.parent.handle)
    entered, gate = threading.Event(), threading.Event()

    def hang(_actor):
        threads.append(threading.current_thread())
        block(entered, gate)

    handle.tell(Do(hang))
    reply = handle.ask(Ping(), timeout_s=WAIT_S)
    await asyncio.to_thread(entered.wait, WAIT_S)

    await life.stop(handle, drain=False)
    life.start(handle, stage.parent.handle)

    assert await reply == "z"
    gate.set()
    await asyncio.to_thread(threads[0].join, WAIT_S)
    await stage.runtime.pause()
    assert stage.runtime.zombies.count == 0
    assert handle.actor is actors[1]
    assert handle.state is ChildState.RUNNING


class ClosedAfterMail(Mailbox):
    """Gets mail and is closed just after its reader has found it empty."""

    __slots__ = ()

    def take_many(self, owner, limit):
        batch = super().take_many(owner, limit)
        if not batch and not self.is_closed:
            self.offer(Envelope("last"))
            self.close(Refusal.STOPPED)
        return batch


async def test_mail_that_came_just_before_the_close_is_handled(stage):
    actor = ThreadPuppet()
    handle = Handle(ChildSpec("t", "t", build=lambda: actor), stage.runtime)
    handle.mailbox = ClosedAfterMail(10)
    life.start(handle, stage.parent.handle)

    await stage.exit()

    assert actor.log == ["start t", "last", "stop t"]
