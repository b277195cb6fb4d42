"""Messages of the store's actors, and the order in which one group's writes are made.

Not here: the facade that sends them (facade.py). Threads: frozen, any.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from omi_actors.domain.sessions.records import SessionCommit
from omi_actors.kit.messages import Request
from omi_actors.store.transaction import EntityTransaction, Transaction

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)
Tx_contra = TypeVar("Tx_contra", bound=Transaction, contravariant=True)


class Call(Generic[Tx_contra, R_co]):
    """A statement function with all its arguments except the transaction. `func` has the mark of `enqueues`."""

    __slots__ = ("_args", "_kwargs", "func")

    def __init__(self, func: Callable[Concatenate[Tx_contra, P], R_co], /, *args: P.args, **kwargs: P.kwargs) -> None:
        self.func: Callable[..., R_co] = func
        self._args = args
        self._kwargs = kwargs

    @property
    def commit(self) -> SessionCommit | None:
        """Return the turn that the function stores, which is its first argument; None if it stores none."""
        return next((one for one in self._args[:1] if isinstance(one, SessionCommit)), None)

    def __call__(self, tx: Tx_contra) -> R_co:
        """Run the function in `tx`."""
        return self.func(tx, *self._args, **self._kwargs)


@dataclass(frozen=True, slots=True)
class CommitSession(Request[None]):
    """Message to the writer: store one turn. The reply comes after the commit."""

    write: SessionCommit


@dataclass(frozen=True, slots=True)
class Apply(Request[R_co]):
    """Message to the writer: run `write` in a group; it may run twice. The reply is its committed result."""

    write: Callable[[Transaction], R_co]


@dataclass(frozen=True, slots=True)
class ApplyAlone(Request[R_co]):
    """Message to the writer: run `work` between group commits, perhaps twice. The reply is its committed result."""

    work: Callable[[EntityTransaction], R_co]


class NextAlone:
    """Message from the writer to itself, after the waiting messages: run the next write that must run alone."""


@dataclass(frozen=True, slots=True)
class Query(Request[R_co]):
    """Message to a reader: run `read` on a snapshot; `name` is its metric label. The reply is its result.

    `is_apart`: each of its statements has a snapshot of its own.
    """

    name: str
    read: Callable[[Transaction], R_co]
    is_apart: bool = False


@dataclass(frozen=True, slots=True)
class ColdQuery(Request[R_co]):
    """Message to the cold reader: run `read` on a snapshot with Pony's entities. `name` is its metric label."""

    name: str
    read: Callable[[EntityTransaction], R_co]


F = TypeVar("F", bound=Callable[..., Any])

# Within a group, writes that end jobs come before those that enqueue. Ending a job waits for other nodes that enqueue
# in its lane, and enqueueing waits for none (migration 9). So no node waits while it holds what another one waits for.
# Both kinds keep the order of their arrival; other conflicts are repeated by the engine.


def enqueues(work: F) -> F:
    """Mark a function that enqueues jobs, or that must not run before an earlier one that does.

    Raises: TypeError for a lambda or a method: the writer reads the mark from the function given to `Store.write`.
    """
    owner = work.__qualname__.rpartition(".")[0]
    if work.__name__ == "<lambda>" or (owner and not owner.endswith("<locals>")):
        raise TypeError("only a function by its own name can be marked as one that enqueues")
    work.enqueues = True  # type: ignore[attr-defined]  # a function takes attributes
    return work


def comes_late(write: object) -> bool:
    """Return True if a write must run after the group's writes that end jobs."""
    return isinstance(write, SessionCommit) or getattr(getattr(write, "func", write), "enqueues", False)
