"""A handle: the stable address of an actor across its restarts; and timers, which send to it.

Not here: starting and stopping (life.py, for supervisors only). Threads: `tell`, `ask` and `forward` from any; timers
on the loop's.
"""

from typing import TypeVar

from omi_actors.kit.future import Future
from omi_actors.kit.mailbox import Refusal
from omi_actors.kit.messages import Envelope, Request, current_context
from omi_actors.kit.runtime import Runtime, TimerHandle
from omi_actors.kit.spec import ChildSpec, ChildState, Incarnation

R = TypeVar("R")


class Handle:
    """The address of an actor: its mailbox, which takes mail from the first moment, and its current incarnation.

        handle.tell(Greet("Ada"))
        count = await handle.ask(GetCount(), timeout_s=1.0)

    `stopping` is settled when the actor that was asked to stop has ended. `generation` counts incarnations.
    """

    __slots__ = ("actor", "crashed_at_s", "generation", "mailbox", "parent", "runtime", "spec", "state", "stopping")

    def __init__(self, spec: ChildSpec, runtime: Runtime) -> None:
        self.spec = spec
        self.runtime = runtime
        self.mailbox = runtime.build_mailbox(spec.name, spec.mailbox_capacity)
        self.state = ChildState.STARTING
        self.generation = 0
        self.actor: Incarnation | None = None
        self.parent: Handle | None = None
        self.stopping: Future[None] | None = None
        self.crashed_at_s: float | None = None

    def __repr__(self) -> str:
        return f"<Handle {self.kind} {self.name} {self.state}>"

    @property
    def name(self) -> str:
        """Return the child's name, unique among its siblings."""
        return self.spec.name

    @property
    def kind(self) -> str:
        """Return the metric label that the child shares with similar actors."""
        return self.spec.kind

    @property
    def has_left(self) -> bool:
        """Return True if the child has ended for good; it takes no more mail."""
        return self.state is ChildState.STOPPED and self.mailbox.is_closed

    def tell(self, message: object) -> bool:
        """Send `message`. If the mailbox refuses it, count that and return False. Never raises, never blocks."""
        return self.deliver(Envelope(message, None, current_context()))

    def tell_always(self, message: object) -> bool:
        """Send `message`, even to a full mailbox. Only for messages whose number is limited in another way."""
        return self.deliver(Envelope(message, None, current_context()), always=True)

    def ask(self, request: Request[R], *, timeout_s: float) -> Future[R]:
        """Send `request` and return the future of its reply. Never blocks.

        The future fails with MailboxFullError or ActorUnavailableError when the mailbox refuses the request, with
        ActorUnavailableError when the actor crashes in this turn, and with AskTimeoutError after `timeout_s`. A turn
        that has not begun by then is cancelled.
        """
        reply: Future[R] = Future()
        self.runtime.deadlines.add(reply, timeout_s, self.spec.kind)
        envelope = Envelope(request, reply, current_context())
        refusal = self.mailbox.offer(envelope)
        if refusal is not None:
            self.reject(envelope, refusal)
        return reply

    def forward(self, envelope: Envelope, *, always: bool = False) -> bool:
        """Send a received envelope on, with its reply and its sender's context. If it is refused, its reply fails.

        `always`: send even to a full mailbox, as `tell_always` does.
        """
        reply_to, envelope.reply_to = envelope.reply_to, None
        return self.deliver(Envelope(envelope.message, reply_to, envelope.context), always=always)

    def deliver(self, envelope: Envelope, *, always: bool = False) -> bool:
        """Put `envelope` into the mailbox. If it is refused, fail its reply, count it and return False."""
        refusal = self.mailbox.offer(envelope, always=always)
        if refusal is None:
            return True
        self.reject(envelope, refusal)
        return False

    def reject(self, envelope: Envelope, refusal: Refusal) -> None:
        """Fail the envelope's reply and count it as undeliverable."""
        self.runtime.hooks.refused(self.kind, refusal.value)
        if envelope.reply_to is not None:
            envelope.reply_to.try_fail(refusal.to_error(self.kind))


class Timers:
    """Timers of the current incarnation of `own`; they stop when it ends. By default they send to `own`."""

    __slots__ = ("_incarnation", "_own")

    def __init__(self, own: Handle) -> None:
        self._own = own
        self._incarnation = own.actor

    def after(self, delay_s: float, message: object, *, to: Handle | None = None) -> TimerHandle:
        """Send `message` once, after `delay_s`, even to a full mailbox: a deadline must not get lost."""
        target = to or self._own

        def fire() -> None:
            if self._is_current():
                target.tell_always(message)

        return self._own.runtime.call_later(delay_s, fire)

    def every(self, period_s: float, message: object, *, to: Handle | None = None) -> TimerHandle:
        """Send `message` every `period_s`, first after one period. A full mailbox refuses the message and counts it."""
        target = to or self._own
        runtime = self._own.runtime

        def fire() -> None:
            if self._is_current():
                runtime.rearm(timer, period_s, fire)
                target.tell(message)

        timer = runtime.call_later(period_s, fire)
        return timer

    def _is_current(self) -> bool:
        return self._own.actor is self._incarnation
