"""The loop actor: handles its mail on the event loop, one message at a time, in order.

Not here: restarts (supervisor.py), blocking calls (thread_actor.py). Threads: the loop's; `wake_up` and `halt` from
any. Each turn runs in a context of its own, so context variables that it binds do not reach the next turn.
"""

from asyncio import CancelledError
from collections.abc import Callable, Coroutine
from contextvars import Context
from functools import partial
from types import CoroutineType, TracebackType
from typing import Any

import structlog

from omi_actors.kit import life
from omi_actors.kit.async_turn import AsyncTurn
from omi_actors.kit.bare_actor import BareActor
from omi_actors.kit.future import Future
from omi_actors.kit.handle import Timers
from omi_actors.kit.messages import Envelope, fail_reply, is_reply, set_actor, set_context
from omi_actors.kit.runtime import Runtime

_log = structlog.stdlib.get_logger(__name__)

# Messages that an actor handles before it goes to the back of the ready queue, so that a flood starves no other actor.
TURNS_PER_SLOT = 16

_Then = Callable[[Any, BaseException | None], None]


class LoopActor(BareActor):
    """Base of actors on the loop. Override `receive` and, if needed, `on_start`, `on_stop`, `on_failure`.

        class Counter(LoopActor):
            def receive(self, message: GetCount) -> int:
                return self.count

    A turn or hook may be async, but may await only the kit's futures; new mail waits meanwhile. `on_failure` is sync.
    An ExpectedError is the reply of an ask. Every other exception crashes this actor, and no other.
    Defaults stand on the class, so an idle actor holds only its handle and its own state.
    """

    _envelope: Envelope | None = None
    # In the order in which they were taken.
    _open_replies: dict[Future[Any], None] | None = None
    _taken_reply: Future[Any] | None = None
    _turn: AsyncTurn | None = None
    _then: _Then | None = None
    _halted = False
    _stopping = False

    # --- for subclasses

    def on_start(self) -> Coroutine[Any, Any, None] | None:
        """Run before the first message. An exception here is a crash."""

    def receive(self, message: Any) -> Any:
        """Handle one message and return the reply to an ask. May be async."""
        raise TypeError(f"{type(self).__name__} does not know {type(message).__name__}")

    def on_stop(self) -> Coroutine[Any, Any, None] | None:
        """Run before a normal end, to clean up. After a crash `on_failure` runs instead."""

    def on_failure(
        self,
        _exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        """Run after a crash, to clean up. It must be sync; an exception in it is logged."""

    @property
    def runtime(self) -> Runtime:
        """Return the runtime: clock, randomness and timers, shared by all actors of this loop."""
        return self.handle.runtime

    @property
    def timers(self) -> Timers:
        """Return the timers of this incarnation; they stop when it ends."""
        return Timers(self.handle)

    @property
    def current_envelope(self) -> Envelope:
        """Return the envelope of the current turn.

        Raises:
            RuntimeError: outside a turn.
        """
        if self._envelope is None:
            raise RuntimeError("no turn is running")
        return self._envelope

    def take_reply(self) -> Future[Any] | None:
        """Return the current turn's reply, which the caller settles in a later turn; None if the message was no ask.

        If it is unsettled when this actor ends, it fails with ActorUnavailableError.
        """
        envelope = self.current_envelope
        reply, envelope.reply_to = envelope.reply_to, None
        if reply is None:
            return None
        if self._open_replies is None:
            self._open_replies = {}
        self._open_replies[reply] = None
        reply.add_done_callback(partial(_forget, self._open_replies))
        self._taken_reply = reply
        return reply

    def stop_self(self) -> None:
        """End normally after this turn. The waiting mail stays in the mailbox; the supervisor decides about it."""
        self._halted = True

    # --- for life.py, the mailbox and reports

    @property
    def in_hand(self) -> Envelope | None:
        """Return the message that is being handled; None between two turns."""
        return self._envelope

    def begin(self) -> None:
        """Run the start hook in a separate call of the loop, then take mail."""
        self.runtime.post(self._begin)

    def wake_up(self) -> None:
        """Schedule a call on the loop that takes mail."""
        self.handle.runtime.post(self._run)

    def halt(self) -> None:
        """End normally after the current turn."""
        self._halted = True
        self.handle.mailbox.poke()

    def abandon(self) -> None:
        """End now; cancel the turn that is waiting."""
        turn, self._turn = self._turn, None
        if turn is not None:
            turn.cancel()
        self._end(TimeoutError("the actor did not stop within its shutdown timeout"))

    # --- the actor's life

    def _begin(self) -> None:
        self._perform(self.on_start, self._started)

    def _started(self, _value: Any, error: BaseException | None) -> None:
        if error is not None:
            self._fail(error)
            return
        life.running(self.handle, self)
        self._run()

    def _run(self) -> None:
        """Handle waiting mail, at most TURNS_PER_SLOT messages."""
        if self.has_ended or self._stopping or self._turn is not None:
            return
        mailbox = self.handle.mailbox
        for _ in range(TURNS_PER_SLOT):
            if self._halted:
                self._finish()
                return
            envelope = mailbox.take(self)
            if envelope is None:
                if mailbox.is_finished:
                    self._finish()
                return
            if not self._handle(envelope):
                return
        self.handle.runtime.post(self._run)

    def _handle(self, envelope: Envelope) -> bool:
        """Run one turn. Return False if the actor cannot take the next message yet."""
        reply_to = envelope.reply_to
        if reply_to is not None and reply_to.done:
            return True  # the ask has failed by its deadline, so its turn is cancelled
        self._envelope = envelope
        context = Context()
        try:
            result = context.run(self._receive, envelope)
        except BaseException as error:  # noqa: BLE001 (the one place: it ends the turn, never the loop)
            return self._turn_failed(error)
        if type(result) is CoroutineType:
            self._drive(result, context, self._turn_ended)
            return False
        self._envelope = self._taken_reply = None
        if envelope.reply_to is not None:
            envelope.reply_to.try_set(result)
        return True

    def _receive(self, envelope: Envelope) -> Any:
        if envelope.context is not None:
            set_context(envelope.context)
        set_actor(self.handle.spec.name)
        return self.receive(envelope.message)

    def _turn_failed(self, error: BaseException) -> bool:
        """Reply with the error, or crash. Return True if the actor goes on."""
        envelope, self._envelope = self._envelope, None
        taken, self._taken_reply = self._taken_reply, None
        reply_to = taken or (envelope.reply_to if envelope is not None else None)
        if is_reply(error, reply_to) and reply_to is not None:
            reply_to.try_fail(error)
            return True
        fail_reply(reply_to, self.handle.kind, error)
        self._fail(error)
        return False

    def _turn_ended(self, value: Any, error: BaseException | None) -> None:
        if error is None:
            envelope, self._envelope, self._taken_reply = self._envelope, None, None
            if envelope is not None and envelope.reply_to is not None:
                envelope.reply_to.try_set(value)
        elif not self._turn_failed(error):
            return
        self.handle.runtime.post(self._run)

    def _fail(self, error: BaseException) -> None:
        """Crash with `error`, unless it is the cancellation that comes with a stop."""
        if isinstance(error, CancelledError) and (self._halted or self.handle.mailbox.is_closed):
            self._finish()
        else:
            self._end(error)

    def _finish(self) -> None:
        """End normally, after the stop hook."""
        if not self._stopping:
            self._stopping = True
            self._perform(self.on_stop, self._stopped)

    def _stopped(self, _value: Any, error: BaseException | None) -> None:
        self._end(error)

    def _end(self, error: BaseException | None) -> None:
        if self.has_ended:
            return
        self.has_ended = True
        kind = self.handle.kind
        if self._envelope is not None:
            fail_reply(self._envelope.reply_to, kind, error)
        for reply in list(self._open_replies or ()):
            fail_reply(reply, kind, error)
        if error is not None:
            self._call_on_failure(error)
        life.exited(self.handle, self, error)

    def _call_on_failure(self, error: BaseException) -> None:
        try:
            Context().run(self.on_failure, type(error), error, error.__traceback__)
        except BaseException as second:  # noqa: BLE001 (the actor ends anyway)
            _log.error("on_failure failed", kind=self.handle.kind, error=type(second).__name__)

    # --- async turns and hooks

    def _perform(self, hook: Callable[[], Any], then: _Then) -> None:
        """Run a sync or async hook, then call `then` with its value or its error."""
        context = Context()
        context.run(set_actor, self.handle.name)
        try:
            result = context.run(hook)
        except BaseException as error:  # noqa: BLE001 (as a turn's)
            then(None, error)
            return
        if type(result) is CoroutineType:
            self._drive(result, context, then)
        else:
            then(None, None)

    def _drive(self, coroutine: Coroutine[Any, Any, Any], context: Context, then: _Then) -> None:
        self._turn = AsyncTurn(coroutine, context)
        self._then = then
        self._step()

    def _step(self) -> None:
        turn = self._turn
        if turn is None or (turn.awaiting is not None and not turn.awaiting.done):
            return  # a late wake-up of a turn that was abandoned
        if turn.step():
            self._turn = None
            then, self._then = self._then, None
            if then is not None:
                then(turn.value, turn.error)
        elif turn.awaiting is not None:
            turn.awaiting.add_done_callback(self._resume)

    def _resume(self, _future: Future[Any]) -> None:
        self.runtime.post(self._step)


def _forget(replies: dict[Future[Any], None], settled: Future[Any]) -> None:
    replies.pop(settled, None)
