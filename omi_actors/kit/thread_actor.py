"""The thread actor: handles its mail on a thread of its own, where calls may block.

Not here: restarts (supervisor.py). Threads: its own for turns and hooks; `wake_up` and `halt` from any; `abandon` the
loop's.
"""

import threading
from asyncio import CancelledError
from collections.abc import Callable, Sequence
from contextvars import Context
from functools import partial
from types import CoroutineType
from typing import Any, ClassVar

import pykka
import structlog

from omi_actors.kit import life
from omi_actors.kit.future import Future
from omi_actors.kit.handle import Handle
from omi_actors.kit.messages import Envelope, fail_reply, is_reply, set_actor, set_context
from omi_actors.kit.runtime import Runtime

_log = structlog.stdlib.get_logger(__name__)


class ThreadActor(pykka.ThreadingActor):
    """Base of actors with a thread. Override `receive`, or with `batch_max` above 1 `receive_batch`; all is sync.

        class Reader(ThreadActor):
            def receive(self, message: ReadFile) -> bytes:
                return message.path.read_bytes()

    An ExpectedError is the reply of an ask. Every other exception crashes this actor, and no other.
    """

    batch_max: ClassVar[int] = 1
    """Most messages that one turn takes. Above 1, `receive_batch` gets them."""

    handle: Handle
    _halted = False
    _batch: Sequence[Envelope] = ()

    # --- for subclasses (hooks: Pykka's on_start, on_stop, on_failure)

    def receive(self, message: Any) -> Any:
        """Handle one message and return the reply to an ask."""
        raise TypeError(f"{type(self).__name__} does not know {type(message).__name__}")

    def receive_batch(self, envelopes: Sequence[Envelope]) -> None:
        """Handle all `envelopes` (not empty, in order of arrival) and settle each `reply_to`.

        A reply that is still unsettled afterwards fails with ActorUnavailableError.
        """
        raise NotImplementedError("a batch_max above 1 needs a receive_batch")

    @property
    def runtime(self) -> Runtime:
        """Return the runtime: clock, randomness and timers, shared by all actors of this loop."""
        return self.handle.runtime

    # --- for life.py and the mailbox

    def attach(self, handle: Handle) -> None:
        """Set this actor's handle, once.

        Raises:
            RuntimeError: if this is not a new actor.
        """
        if "handle" in self.__dict__:
            raise RuntimeError("a child spec must build a new actor for each incarnation")
        self.handle = handle
        self.actor_inbox = handle.mailbox  # type: ignore[assignment]  # no `get`: we take in batches
        self._actor_ref = pykka.ActorRef(self)
        self._mail = threading.Event()

    @property
    def in_hand(self) -> Envelope | None:
        """Return the first message that is being handled; None between two turns."""
        return next(iter(self._batch), None)

    def begin(self) -> None:
        """Ask the runtime for a thread."""
        self.runtime.start_thread(self)

    def start_thread(self) -> None:
        """Start the thread."""
        self._start_actor_loop()

    def wake_up(self) -> None:
        """Check the mailbox; for a batch, after the calls that are ready on the loop, whose mail then is in it, too."""
        if self.batch_max > 1:
            self.runtime.post(self._mail.set)
        else:
            self._mail.set()

    def halt(self) -> None:
        """End normally after the current turn."""
        self._halted = True
        self._mail.set()

    def abandon(self) -> None:
        """Fence this actor. Its thread may still run, but it gets no more mail, and the replies of its turn fail."""
        self._halted = True
        life.fence(self.handle, self)
        for envelope in self._batch:
            fail_reply(envelope.reply_to, self.handle.kind, None)

    # --- the actor's life

    def _actor_loop(self) -> None:
        threading.current_thread().name = f"actor {self.handle.name}"
        error = self._live()
        self.actor_stopped.set()
        if error is not None:
            self._call_on_failure(error)
        self.runtime.post(partial(life.exited, self.handle, self, error))

    def _live(self) -> BaseException | None:
        """Start, handle mail, stop; return the error of a crash, None after a normal end."""
        try:
            self._call(self.on_start)
            self.runtime.post(partial(life.running, self.handle, self))
            try:
                while batch := self._next_batch():
                    self._handle(batch)
            except CancelledError:
                if not (self._halted or self.handle.mailbox.is_closed):
                    raise
            self._call(self.on_stop)
        except BaseException as error:  # noqa: BLE001 (the one place: it ends this actor, never the process)
            return error
        return None

    def _next_batch(self) -> Sequence[Envelope]:
        """Wait for mail and return it; return an empty batch when the actor must end."""
        mailbox = self.handle.mailbox
        while not self._halted:
            self._mail.clear()
            batch = mailbox.take_many(self, self.batch_max)
            if batch:
                return batch
            if mailbox.is_finished:
                break
            self._mail.wait()
        return ()

    def _handle(self, batch: Sequence[Envelope]) -> None:
        """Run one turn over the messages of a batch, without the asks that have failed already."""
        wanted = [envelope for envelope in batch if envelope.reply_to is None or not envelope.reply_to.done]
        if not wanted:
            return
        self._batch = wanted
        try:
            if self.batch_max > 1:
                self._call(self.receive_batch, wanted)
                for envelope in wanted:
                    fail_reply(envelope.reply_to, self.handle.kind, None)
            else:
                self._call(self._reply, wanted[0])
        except BaseException as error:
            if self._dies_of(error, wanted):
                raise
        finally:
            self._batch = ()

    def _reply(self, envelope: Envelope) -> None:
        set_context(envelope.context)
        result = self.receive(envelope.message)
        if type(result) is CoroutineType:
            result.close()
            raise TypeError("a thread actor's turn is sync: what must be awaited belongs to a loop actor")
        if envelope.reply_to is not None:
            envelope.reply_to.try_set(result)

    def _dies_of(self, error: BaseException, batch: Sequence[Envelope]) -> bool:
        """Fail all replies of the batch. Return True if the error is a crash."""
        for envelope in batch:
            if is_reply(error, envelope.reply_to) and envelope.reply_to is not None:
                envelope.reply_to.try_fail(error)
            else:
                fail_reply(envelope.reply_to, self.handle.kind, error)
        return not all(is_reply(error, envelope.reply_to) for envelope in batch)

    def _call(self, fn: Callable[..., None], *args: Any) -> None:
        """Call a hook or a turn in a new context, so that the context variables it binds do not reach the next one."""
        context = Context()
        context.run(set_actor, self.handle.name)
        context.run(fn, *args)

    def _call_on_failure(self, error: BaseException) -> None:
        try:
            self.on_failure(type(error), error, error.__traceback__)
        except BaseException as second:  # noqa: BLE001 (the actor ends anyway)
            _log.error("on_failure failed", kind=self.handle.kind, error=type(second).__name__)

    @staticmethod
    def _create_future() -> Future[Any]:
        return Future()
