"""The passwords actor: hashes passwords and verifies them with argon2id, one at a time, off the event loop.

Not here: the rules for a password (domain/people/accounts.py), throttling (web/people/passwords.py).
Threads: the actor's own; `Passwords` from any.
Source: OWASP's smaller set of argon2id: 19 MiB, 2 passes, 1 lane; about 40 ms.
"""

from dataclasses import dataclass, field
from typing import Any, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import HashingError, InvalidHashError, VerificationError, VerifyMismatchError

from omi_actors.errors import BusyError
from omi_actors.kit.errors import MailboxFullError
from omi_actors.kit.handle import Handle
from omi_actors.kit.messages import Request
from omi_actors.kit.thread_actor import ThreadActor

R = TypeVar("R")

# Passwords that may wait: the last of them waits about 0.7 s.
CAPACITY = 16
# The hash of a random password that was thrown away, for accounts that do not exist: verifying takes the same time.
_DECOY = "$argon2id$v=19$m=19456,t=2,p=1$pUmEyEQi4SDMMHGkdOKGOg$tQ00knRwewryGWLo9elicLRQGcEf4ECXD3zTjeR48iM"
# Seconds: many times what a full mailbox needs on a slow machine.
_TIMEOUT_S = 15.0
_AGAIN_S = 2.0


@dataclass(frozen=True, slots=True)
class HashPassword(Request[str]):
    """Message: hash a new password. The reply is the hash with its salt and parameters."""

    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of a verification. `fresh_hash`: the stored hash has old parameters, so store this one instead."""

    is_right: bool
    fresh_hash: str | None = None


@dataclass(frozen=True, slots=True)
class VerifyPassword(Request[Verdict]):
    """Message: verify a password. Without a hash (no such account) the verdict is False, after the same time."""

    password: str = field(repr=False)
    password_hash: str | None = field(repr=False)


class PasswordActor(ThreadActor):
    """Hashes and verifies passwords.

    State it owns: the hasher. Messages it takes: HashPassword, VerifyPassword.
    Messages it sends: none. What kills it: an unexpected error. What survives a restart: its mailbox.
    """

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        super().__init__()
        self._hasher = hasher or PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)

    def receive(self, message: object) -> Any:
        """Handle one password.

        Raises:
            BusyError: there is no memory for it now.
        """
        try:
            match message:
                case HashPassword(password):
                    return self._hasher.hash(password)
                case VerifyPassword(password, password_hash):
                    return self._verify(password, password_hash)
                case _:
                    return super().receive(message)
        except HashingError as exc:
            raise BusyError("a password cannot be hashed now", retry_after_s=_AGAIN_S) from exc

    def _verify(self, password: str, password_hash: str | None) -> Verdict:
        try:
            self._hasher.verify(password_hash or _DECOY, password)
        except VerifyMismatchError:
            return Verdict(is_right=False)
        except (InvalidHashError, VerificationError) as exc:
            if password_hash:  # an account without a password, or a damaged one; it must take the same time
                return self._verify(password, None)
            raise BusyError("a password cannot be verified now", retry_after_s=_AGAIN_S) from exc
        if password_hash is None:
            return Verdict(is_right=False)
        is_old = self._hasher.check_needs_rehash(password_hash)
        return Verdict(is_right=True, fresh_hash=self._hasher.hash(password) if is_old else None)


class Passwords:
    """Sends passwords to the actor.

    stored = await passwords.hash("a new password")
    verdict = await passwords.verify("a given password", stored)
    """

    def __init__(self, handle: Handle) -> None:
        self._handle = handle

    async def hash(self, password: str) -> str:
        """Return the hash of a password.

        Raises:
            BusyError: too many passwords wait already.
        """
        return await self._ask(HashPassword(password))

    async def verify(self, password: str, password_hash: str | None) -> Verdict:
        """Verify a password; `password_hash` is None for an unknown account.

        Raises:
            BusyError: too many passwords wait already.
        """
        return await self._ask(VerifyPassword(password, password_hash))

    async def _ask(self, message: Request[R]) -> R:
        try:
            return await self._handle.ask(message, timeout_s=_TIMEOUT_S)
        except MailboxFullError as exc:
            raise BusyError("Too many passwords wait already", retry_after_s=_AGAIN_S) from exc
