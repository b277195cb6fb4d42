"""Pykka's actor at a lower cost per instance: its uuid, event, queue and ref are made on demand.

Not here: turns (loop_actor.py). Threads: any.
"""

from typing import TYPE_CHECKING, Any

import pykka

from omi_actors.kit.future import Future
from omi_actors.kit.handle import Handle
from omi_actors.kit.mailbox import Mailbox

if TYPE_CHECKING:
    _PykkaActor = object  # unlike Pykka's types, hooks may be async here and attributes are properties
else:
    _PykkaActor = pykka.Actor


class StoppedFlag:
    """Flag in place of the threading.Event that Pykka's refs check."""

    __slots__ = ("_actor",)

    def __init__(self, actor: "BareActor") -> None:
        self._actor = actor

    def is_set(self) -> bool:
        """Return True if the actor has ended."""
        return self._actor.has_ended


class BareActor(_PykkaActor):
    """A Pykka actor behind a handle. Attributes that Pykka would set are properties here."""

    handle: Handle
    has_ended = False

    def __init__(self) -> None:
        """Store arguments only; resources open in the start hook."""

    def attach(self, handle: Handle) -> None:
        """Set this actor's handle, once.

        Raises:
            RuntimeError: if this is not a new actor.
        """
        if "handle" in self.__dict__:
            raise RuntimeError("a child spec must build a new actor for each incarnation")
        self.handle = handle

    @property
    def actor_urn(self) -> str:
        """Return a name that is unique among all incarnations."""
        return f"urn:actor:{self.handle.kind}:{self.handle.name}:{self.handle.generation}"

    @property
    def actor_inbox(self) -> Mailbox:
        """Return the handle's mailbox."""
        return self.handle.mailbox

    @property
    def actor_stopped(self) -> StoppedFlag:
        """Return True if the actor has ended."""
        return StoppedFlag(self)

    @property
    def actor_ref(self) -> Any:
        """Return a new Pykka ref. It is valid for this incarnation only; the handle stays valid."""
        actor: Any = self
        return pykka.ActorRef(actor)

    @staticmethod
    def _create_actor_inbox() -> Any:
        raise NotImplementedError("the mailbox is the handle's")

    @staticmethod
    def _create_future() -> Future[Any]:
        return Future()

    def _start_actor_loop(self) -> None:
        raise NotImplementedError("only a supervisor starts actors, from a child spec")
