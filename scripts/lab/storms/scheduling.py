"""The actors' runtime in a storm: which actor runs next is drawn, mail is traced and some of it lost.

Not here: the loop (loop.py), the turns of threads (omi_actors/kit/testing.py). Threads: the main one.
"""

import random
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from omi_actors.clock import Clock
from omi_actors.kit.mailbox import Mailbox, Refusal
from omi_actors.kit.messages import Envelope
from omi_actors.kit.reports import Hooks
from omi_actors.kit.runtime import Runtime
from omi_actors.kit.testing import InlineThread
from omi_actors.store.actors import StoreReader

if TYPE_CHECKING:
    from omi_actors.kit.thread_actor import ThreadActor
    from scripts.lab.storms.node import Node

# Messages that may be lost: each is a hint, or something repeats it.
LOSABLE = frozenset(
    {
        "JobsEnqueued",
        "AnswerReady",
        "AnswerNotified",
        "QuestionWithdrawn",
        "ReplyUnsettled",
        "AnswerFound",
        "PauseOver",
        "PreferencesChanged",
        "QueueTick",
        "SweepAnswers",
        "SweepIdle",
        "CollectTick",
        "RenewNodeLease",
    }
)
# Calls that one slice of the loop makes at most, between sockets and tasks.
_SLICE = 8


class StormMailbox(Mailbox):
    """A mailbox that traces each message when it is taken, and may lose one when it is sent."""

    __slots__ = ("_name", "_node")

    def __init__(self, node: "Node", name: str, capacity: int) -> None:
        super().__init__(capacity)
        self._node = node
        self._name = name

    def offer(self, envelope: Envelope, *, always: bool = False) -> Refusal | None:
        """Add a message, or lose it: its sender then takes it for sent."""
        if not always and envelope.reply_to is None:
            kind = type(envelope.message).__name__
            if kind in LOSABLE and self._node.loses():
                self._node.note_lost(self._name, kind)
                return None
        return super().offer(envelope, always=always)

    def _pop(self) -> Envelope:
        envelope = super()._pop()
        self._node.world.trace.note(self._name, type(envelope.message).__name__)
        return envelope


class StormRuntime(Runtime):
    """A runtime that draws the actor whose next call it makes. The calls of one actor keep their order."""

    def __init__(self, node: "Node", clock: Clock, rng: random.Random, *, hooks: Hooks | None = None) -> None:
        super().__init__(clock, rng, hooks=hooks)
        self._node = node
        self._dice = node.scheduling
        self._calls: dict[object, deque[Callable[[], None]]] = {}

    def build_mailbox(self, name: str, capacity: int) -> Mailbox:
        """Return a mailbox that traces."""
        return StormMailbox(self._node, name, capacity)

    def start_thread(self, actor: "ThreadActor") -> None:
        """Play the thread. A reader's would wait for the writer first, which opens the store."""
        thread = InlineThread(actor, self._node.draw_turn_s)
        opened = actor._opened if isinstance(actor, StoreReader) else None  # noqa: SLF001 (what its start hook awaits)
        if opened is None:
            thread.start()
        else:
            opened.add_done_callback(lambda _: thread.start())

    def post(self, fn: Callable[[], None]) -> None:
        """Make this call soon."""
        owner = _owner_of(fn)
        calls = self._calls.get(owner)
        if calls is None:
            self._calls[owner] = deque((fn,))
        else:
            calls.append(fn)
        if not self._awake:
            self._wake()

    def _drain(self) -> None:
        if self._run_slice() or self._calls:
            self._wake()
        else:
            self._awake = False

    def _run_slice(self) -> bool:
        dice, calls = self._dice, self._calls
        for _ in range(1 + dice.one_of(_SLICE)):
            if not calls:
                return False
            owner = next(iter(calls)) if len(calls) == 1 else list(calls)[dice.one_of(len(calls))]
            waiting = calls[owner]
            fn = waiting.popleft()
            if not waiting:
                del calls[owner]
            try:
                fn()
            except BaseException as error:  # noqa: BLE001 (as the runtime's own)
                self._node.world.wrong(f"a posted call failed: {error!r}")
        return bool(calls)


def _owner_of(fn: Callable[[], None]) -> object:
    """Return what keeps its order: the handle of an actor, else the kind of call, so that timers keep theirs."""
    given: Any = fn
    if isinstance(fn, partial):
        if fn.args and hasattr(fn.args[0], "mailbox"):
            return fn.args[0]
        given = fn.func
    own = getattr(given, "__self__", None)
    return getattr(own, "handle", None) or type(own)
