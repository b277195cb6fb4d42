"""What the store's actors are asked: to store one thing, or to look something up.

Not here: who asks (facade.py). Threads: frozen, any.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from omi_actors.domain.sessions.records import SessionCommit
from omi_actors.kit.messages import Request
from omi_actors.store.transaction import Transaction

R_co = TypeVar("R_co", covariant=True)


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
