"""A mailbox: a bounded queue that never blocks and can be closed. It outlives the incarnations that read it.

Not here: counting refusals and failing replies (handle.py, life.py). Threads: any.
"""

import contextlib
import enum
import threading
from typing import Any, Protocol

from pykka.messages import _ActorStop

from omi_actors.kit.errors import ActorUnavailableError, ExpectedError, MailboxFullError
from omi_actors.kit.messages import Control, Envelope


class Refusal(enum.StrEnum):
    """The reason for which a mailbox does not take a message."""

    FULL = "full"
    STOPPED = "stopped"
    QUARANTINED = "quarantined"

    def to_error(self, kind: str) -> ExpectedError:
        """Return the error that an asker gets; `kind` is the receiver's."""
        if self is Refusal.FULL:
            return MailboxFullError(f"the mailbox of this {kind} is full")
        return ActorUnavailableError(f"this {kind} is {self.value}")


class Sleeper(Protocol):
    """A reader that found its mailbox empty."""

    def wake_up(self) -> None:
        """Read the mailbox again: it has mail or is closed. Called once, in any thread."""
        ...


# Up to this many messages are taken from the front of one list; more are moved to a reversed one first.
_FEW = 32


class Mailbox:
    """Messages in order of arrival. Only the attached owner may take them.

    Senders need no lock, since list operations are atomic and each side writes before it reads. A sender appends, then
    checks whether the mailbox is closed or its reader asleep. The other side closes or falls asleep, then checks for
    mail. The lock is for rare operations of threads. Lists replace a deque, because 100,000 mailboxes are empty, and
    an empty deque takes 0.6 KiB.
    """

    __slots__ = ("_capacity", "_lock", "_new", "_old", "_owner", "_refusal", "_sleeper")

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._lock = threading.Lock()
        self._new: list[Envelope] = []
        # Earlier mail, oldest last. Senders never change it.
        self._old: list[Envelope] | None = None
        self._owner: Sleeper | None = None
        self._refusal: Refusal | None = None
        self._sleeper: Sleeper | None = None

    def __len__(self) -> int:
        return len(self._new) + len(self._old or ())

    @property
    def is_closed(self) -> bool:
        """Return True if the mailbox refuses all new mail. The mail in it can still be taken."""
        return self._refusal is not None

    @property
    def is_finished(self) -> bool:
        """Return True if the mailbox is closed and empty."""
        return self._refusal is not None and not self._new and not self._old  # closed, it only gets emptier

    def offer(self, envelope: Envelope, *, always: bool = False) -> Refusal | None:
        """Add `envelope`, or return the refusal.

        A full mailbox takes only Control messages, and any message with `always`. A closed one takes none.
        """
        if self._refusal is not None:
            return self._refusal
        new = self._new
        if len(new) + len(self._old or ()) >= self._capacity and not (always or isinstance(envelope.message, Control)):
            return Refusal.FULL
        new.append(envelope)
        refusal = self._look()
        if refusal is not None and self._withdraw(envelope):
            return refusal  # closed meanwhile, and not taken by the reader
        if self._sleeper is not None:
            self.poke()
        return None

    def take(self, owner: Sleeper) -> Envelope | None:
        """Return the oldest envelope; None if there is none: then the next one wakes `owner`. On the loop's thread."""
        if self._owner is not owner:
            return None
        if self._new or self._old:
            return self._pop()
        self._sleeper = owner
        if not self._new:
            return None
        self._sleeper = None
        return self._pop()

    def take_many(self, owner: Sleeper, limit: int) -> list[Envelope]:
        """Return up to `limit` oldest envelopes. If there are none, the next one wakes `owner`. From any thread."""
        with self._lock:
            first = self.take(owner)
            if first is None:
                return []
            return [first, *(self._pop() for _ in range(min(limit - 1, len(self))))]

    def peek(self) -> Envelope | None:
        """Return the oldest envelope without taking it; None if there is none. From any thread."""
        for mail, at in ((self._old, -1), (self._new, 0)):
            with contextlib.suppress(IndexError):  # its reader may take the last one meanwhile
                if mail:
                    return mail[at]
        return None

    def attach(self, owner: Sleeper | None) -> None:
        """Make `owner` the only reader; the earlier owner gets no more mail."""
        with self._lock:
            self._owner = owner
            self._sleeper = None

    def arm(self, sleeper: Sleeper) -> None:
        """Wake `sleeper` at the next mail, or now if the mailbox is not empty."""
        self._sleeper = sleeper
        if len(self):
            self.poke()

    def poke(self) -> None:
        """Wake the sleeping reader, with or without mail."""
        sleeper = self._sleeper
        if sleeper is None:
            return
        self._sleeper = None
        sleeper.wake_up()
        # A new owner may have fallen asleep between the two lines above that read and clear `_sleeper`.
        owner = self._owner
        if owner is not None and owner is not sleeper:
            owner.wake_up()

    def close(self, refusal: Refusal) -> None:
        """Refuse all new mail. The owner is woken, and takes the rest."""
        self._refusal = refusal
        self.poke()

    def close_if_empty(self, refusal: Refusal) -> bool:
        """Close the mailbox if it is empty; return True if it is closed now."""
        if not len(self):
            self._refusal = refusal
            if not len(self):
                return True
            self._refusal = None
        return False

    def reopen(self) -> None:
        """Take mail again."""
        self._refusal = None

    def clear(self) -> list[Envelope]:
        """Remove and return all mail, oldest first."""
        with self._lock:
            return [self._pop() for _ in range(len(self))]

    def _pop(self) -> Envelope:
        """Remove and return the oldest envelope. The mailbox must not be empty."""
        if self._old:
            return self._old.pop()
        new = self._new
        if len(new) <= _FEW:
            return new.pop(0)
        count = len(new)
        old = new[:count]
        del new[:count]  # mail that was appended meanwhile stays
        old.reverse()
        self._old = old
        return old.pop()

    def _look(self) -> Refusal | None:
        return self._refusal

    def _withdraw(self, envelope: Envelope) -> bool:
        try:
            self._new.remove(envelope)
        except ValueError:
            return False  # the reader has taken it
        return True

    # Pykka's inbox, for its ActorRef.

    def put(self, envelope: Any) -> None:
        """Add an envelope of Pykka's. Its stop message closes the mailbox, so earlier mail is handled first.

        Raises:
            MailboxFullError, ActorUnavailableError: when refused.
        """
        if isinstance(envelope.message, _ActorStop):
            self.close(Refusal.STOPPED)
            if envelope.reply_to is not None:
                envelope.reply_to.set(None)
            return
        refusal = self.offer(Envelope(envelope.message, envelope.reply_to))
        if refusal is not None:
            raise refusal.to_error("actor")

    def empty(self) -> bool:
        """Return True if the mailbox is empty."""
        return not len(self)
