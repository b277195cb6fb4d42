"""What the store's actors are asked: to store one thing, or to look something up.

Not here: who asks (facade.py). Threads: frozen, any.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from omi_actors.domain.sessions.records import SessionCommit
from omi_actors.kit.messages import Request
from omi_actors.store.transaction import Transaction

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)


class Call(Generic[R_co]):
    """A statement function with all its arguments but the transaction. `func` bears the marks (messages.py)."""

    __slots__ = ("_args", "_kwargs", "func")

    def __init__(self, func: Callable[Concatenate[Transaction, P], R_co], /, *args: P.args, **kwargs: P.kwargs) -> None:
        self.func: Callable[..., R_co] = func
        self._args = args
        self._kwargs = kwargs

    def __call__(self, tx: Transaction) -> R_co:
        """Run the function in `tx`."""
        return self.func(tx, *self._args, **self._kwargs)


@dataclass(frozen=True, slots=True)
class CommitSession(Request[None]):
    """To the writer: store one turn. The reply comes when it is durable."""

    write: SessionCommit


@dataclass(frozen=True, slots=True)
class Apply(Request[R_co]):
    """To the writer: run `write` in a transaction; it may run twice. The reply is its result, once durable."""

    write: Callable[[Transaction], R_co]


@dataclass(frozen=True, slots=True)
class Query(Request[R_co]):
    """To a reader: run `read` on a snapshot; `name` is its metric label. The reply is its result."""

    name: str
    read: Callable[[Transaction], R_co]


F = TypeVar("F", bound=Callable[..., Any])


def enqueues(work: F) -> F:
    """Mark a function that enqueues jobs, or that must not overtake one that does.

    Raises: TypeError at a lambda or a method: the writer reads the mark from the function that `Store.write` was given.
    """
    owner = work.__qualname__.rpartition(".")[0]
    if work.__name__ == "<lambda>" or (owner and not owner.endswith("<locals>")):
        raise TypeError("only a function by its own name can be marked as one that enqueues")
    work.enqueues = True  # type: ignore[attr-defined]  # a function takes attributes
    return work


def comes_late(write: object) -> bool:
    """Tell whether a write, or the function of a partial one, comes behind those that end jobs."""
    return isinstance(write, SessionCommit) or getattr(getattr(write, "func", write), "enqueues", False)
