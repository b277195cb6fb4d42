"""A mailbox: bounded, closable, never blocking. It outlives the actors that read it, one after the other.

Not here: who counts refusals and fails replies (handle.py, life.py). Threads: any.
"""

import enum
import threading
from typing import Any, Protocol

from pykka.messages import _ActorStop

from omi_actors.kit.errors import ActorUnavailableError, ExpectedError, MailboxFullError
from omi_actors.kit.messages import Control, Envelope


class Refusal(enum.StrEnum):
    """Why a mailbox does not take a message."""

    FULL = "full"
    STOPPED = "stopped"
    QUARANTINED = "quarantined"

    def to_error(self, kind: str) -> ExpectedError:
        """Return the error that an asker gets; `kind` is the receiver's."""
        if self is Refusal.FULL:
            return MailboxFullError(f"the mailbox of this {kind} is full")
        return ActorUnavailableError(f"this {kind} is {self.value}")


class Sleeper(Protocol):
    """Who reads a mailbox and found it empty."""

    def wake_up(self) -> None:
        """Hear, once, in any thread, that there is mail or that the mailbox was closed."""
        ...


# Up to this many, mail is taken from the front of one list; above, moved over to a reversed one.
_FEW = 32


class Mailbox:
    """Mail in order of arrival. Only the attached owner may take.

    Senders need no lock: list operations are atomic, and each writes first and looks then (append, then whether closed
    or asleep), as does the other side (close or fall asleep, then whether there is mail). The lock is for what threads
    do rarely. Lists and no deque: 100,000 mailboxes are empty, and an empty deque is 0.6 KiB.
    """

    __slots__ = ("_capacity", "_lock", "_new", "_old", "_owner", "_refusal", "_sleeper")

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._lock = threading.Lock()
        self._new: list[Envelope] = []
        # Earlier mail, oldest last; only who takes touches it.
        self._old: list[Envelope] | None = None
        self._owner: Sleeper | None = None
        self._refusal: Refusal | None = None
        self._sleeper: Sleeper | None = None

    def __len__(self) -> int:
        return len(self._new) + len(self._old or ())

    @property
    def is_closed(self) -> bool:
        """Whether it refuses whatever comes. What it holds can still be taken."""
        return self._refusal is not None

    @property
    def is_finished(self) -> bool:
        """Whether it is closed and all that it held has been taken."""
        return self._refusal is not None and not self._new and not self._old  # closed, it only gets emptier

    def offer(self, envelope: Envelope, *, always: bool = False) -> Refusal | None:
        """Take in `envelope`, or say why not. Full, it admits only `always` and Control messages; closed, nothing."""
        if self._refusal is not None:
            return self._refusal
        new = self._new
        if len(new) + len(self._old or ()) >= self._capacity and not (always or isinstance(envelope.message, Control)):
            return Refusal.FULL
        new.append(envelope)
        refusal = self._look()
        if refusal is not None and self._withdraw(envelope):
            return refusal  # closed meanwhile, and nobody has seen it
        if self._sleeper is not None:
            self.poke()
        return None

    def take(self, owner: Sleeper) -> Envelope | None:
        """Return the oldest envelope, on the loop's thread; None if there is none: then the next wakes `owner`."""
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
        """Return the up to `limit` oldest envelopes; none: then `owner` is woken by the next. From any thread."""
        with self._lock:
            first = self.take(owner)
            if first is None:
                return []
            return [first, *(self._pop() for _ in range(min(limit - 1, len(self))))]

    def attach(self, owner: Sleeper | None) -> None:
        """Make `owner` the only one who may take; the earlier owner gets nothing any more."""
        with self._lock:
            self._owner = owner
            self._sleeper = None

    def arm(self, sleeper: Sleeper) -> None:
        """Wake `sleeper` at the next mail, or now if there is some."""
        self._sleeper = sleeper
        if len(self):
            self.poke()

    def poke(self) -> None:
        """Wake who sleeps, mail or not."""
        sleeper = self._sleeper
        if sleeper is None:
            return
        self._sleeper = None
        sleeper.wake_up()
        # Between the look and the clearing, a thread may have been overtaken by a new owner that fell asleep.
        owner = self._owner
        if owner is not None and owner is not sleeper:
            owner.wake_up()

    def close(self, refusal: Refusal) -> None:
        """Refuse whatever comes from now on. The owner reads on to the end, and is woken to see it."""
        self._refusal = refusal
        self.poke()

    def close_if_empty(self, refusal: Refusal) -> bool:
        """Close unless mail has come; True if closed."""
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
        """Take out and return all that is left, oldest first."""
        with self._lock:
            return [self._pop() for _ in range(len(self))]

    def _pop(self) -> Envelope:
        """Take out the oldest; there is one."""
        if self._old:
            return self._old.pop()
        new = self._new
        if len(new) <= _FEW:
            return new.pop(0)
        count = len(new)
        old = new[:count]
        del new[:count]  # what was appended meanwhile stays
        old.reverse()
        self._old = old
        return old.pop()

    def _look(self) -> Refusal | None:
        return self._refusal

    def _withdraw(self, envelope: Envelope) -> bool:
        try:
            self._new.remove(envelope)
        except ValueError:
            return False  # taken, to be handled or rejected
        return True

    # Pykka's inbox, for its ActorRef: ours is the handle.

    def put(self, envelope: Any) -> None:
        """Take in an envelope of Pykka's; its stop closes the mailbox, so earlier mail is handled first.

        Raises:
            OverloadError, ActorUnavailableError: when refused.
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
        """Whether no mail waits."""
        return not len(self)
