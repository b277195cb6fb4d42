"""Typed asks: a message that wants a reply says of which type.

Not here: sending it (handle.py). Threads: any.
"""

from typing import Generic, TypeVar

R_co = TypeVar("R_co", covariant=True)


class Request(Generic[R_co]):
    """Base of messages that want a reply of type R: `class GetCount(Request[int])`."""

    __slots__ = ()


class Control:
    """Base of the kit's own facts and commands: a full mailbox admits them, since a lost one loses an actor."""

    __slots__ = ()
