"""A thread actor without a thread: its effects come before its senders learn of them."""

import pytest

from omi_actors.errors import StoreError
from omi_actors.kit import life
from omi_actors.kit.errors import ActorUnavailableError, AskTimeoutError
from omi_actors.kit.handle import Handle
from omi_actors.kit.messages import Envelope
from omi_actors.kit.spec import ChildSpec, ChildState
from omi_actors.kit.testing import InlineThread, ManualRuntime
from omi_actors.kit.thread_actor import ThreadActor

TO_TURN_S, TO_REPLY_S = 1.0, 2.0


class InlineRuntime(ManualRuntime):
    """A manual runtime that plays threads."""

    def start_thread(self, actor):
        """Play this one."""
        InlineThread(actor, lambda _: (TO_TURN_S, TO_REPLY_S)).start()


class Clerk(ThreadActor):
    """Writes each message into a list, in batches. An error among the messages is raised."""

    batch_max = 4

    def __init__(self, written):
        super().__init__()
        self._written = written
        self.hooks = []

    def on_start(self):
        self.hooks.append("start")

    def on_stop(self):
        self.hooks.append("stop")

    def on_failure(self, *_error):
        self.hooks.append("failure")

    def receive_batch(self, envelopes):
        for envelope in envelopes:
            if isinstance(envelope.message, Exception):
                raise envelope.message
        self._written.append([envelope.message for envelope in envelopes])
        for envelope in envelopes:
            if envelope.reply_to is not None:
                envelope.reply_to.set(len(self._written))


@pytest.fixture
def runtime():
    return InlineRuntime()


@pytest.fixture
def written():
    return []


@pytest.fixture
def handle(runtime, written):
    handle = Handle(ChildSpec("clerk", "clerk", lambda: Clerk(written)), runtime)
    life.start(handle, None)
    runtime.advance(TO_TURN_S)
    assert handle.state is ChildState.RUNNING
    return handle


def test_an_effect_comes_before_its_sender_learns_of_it(runtime, handle, written):
    reply = handle.ask("a", timeout_s=60.0)

    runtime.advance(TO_TURN_S)
    assert written == [["a"]]
    assert not reply.done
    runtime.advance(TO_REPLY_S)
    assert reply.result() == 1


def test_mail_that_comes_meanwhile_is_the_next_batch(runtime, handle, written):
    handle.tell("a")
    runtime.advance(TO_TURN_S)
    handle.tell("b")
    handle.tell("c")

    runtime.advance(TO_REPLY_S)

    assert written == [["a"], ["b", "c"]]


def test_an_ask_that_failed_by_its_deadline_is_not_begun(runtime, handle, written):
    late = handle.ask("late", timeout_s=TO_TURN_S / 2)

    runtime.advance(TO_TURN_S + TO_REPLY_S)

    with pytest.raises(AskTimeoutError):
        late.result()
    assert written == []


def test_an_effect_stays_when_its_ask_fails_before_the_reply(runtime, handle, written):
    late = handle.ask("late", timeout_s=TO_TURN_S + TO_REPLY_S / 2)

    runtime.advance(TO_TURN_S + TO_REPLY_S)

    with pytest.raises(AskTimeoutError):
        late.result()
    assert written == [["late"]]


def test_an_expected_error_is_the_reply(runtime, handle):
    refused = handle.ask(StoreError("full"), timeout_s=60.0)

    runtime.advance(TO_TURN_S + TO_REPLY_S)

    with pytest.raises(StoreError, match="full"):
        refused.result()
    assert handle.state is ChildState.RUNNING


def test_another_error_ends_the_actor_after_its_replies(runtime, handle):
    actor = handle.actor
    crash = handle.ask(ValueError("boom"), timeout_s=60.0)

    runtime.advance(TO_TURN_S)
    assert handle.actor is actor
    runtime.advance(TO_REPLY_S)

    with pytest.raises(ActorUnavailableError):
        crash.result()
    assert handle.actor is None
    assert actor.hooks == ["start", "failure"]


def test_a_drained_actor_handles_its_mail_and_ends(runtime, handle, written):
    actor = handle.actor
    handle.tell("a")
    ended = life.stop(handle, drain=True)

    runtime.advance(TO_TURN_S + TO_REPLY_S)

    assert written == [["a"]]
    assert ended.done
    assert actor.hooks == ["start", "stop"]


def test_an_idle_actor_that_is_halted_ends_and_leaves_later_mail(runtime, handle, written):
    ended = life.stop(handle, drain=False)
    handle.mailbox.offer(Envelope("later"))

    runtime.advance(TO_TURN_S)

    assert ended.done
    assert written == []
    assert len(handle.mailbox) == 1
