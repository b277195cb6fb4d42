"""Verifying a password that a client sent: wrong ones are limited, for each account and each address.

Not here: hashing (omi_actors/actors/passwords.py), rate limits of requests (web/edge/limits.py).
Threads: the event loop.
"""

from omi_actors.actors.passwords import Verdict
from omi_actors.backplane.counters import WindowCounters
from omi_actors.domain.people.accounts import Credentials, digest_of
from omi_actors.errors import RateLimitedError
from omi_actors.instruments import metrics
from omi_actors.system import System
from web.site import People

# Seconds in which wrong passwords are counted.
WINDOW_S = 900.0
# An account may be attacked from many addresses, and an address may hold many persons.
_WIDER = 10


class PasswordCheck:
    """Verifies passwords. The counts are in bounded memory, and shared by the nodes (backplane/counters.py).

    Requests that are verified at the same moment may exceed a limit, by as many as the passwords actor holds. Where an
    account's person was before, guesses from elsewhere lock nobody out.
    """

    def __init__(self, system: System, people: People) -> None:
        self._system = system
        self._max_failures = people.login_max_failures
        self._known_addresses = people.known_addresses

    async def verify(self, password: str, known: Credentials | None, *, email: str, address: str) -> Verdict:
        """Verify the password of the account `known`; None, for an unknown `email`, takes the same time.

        Raises:
            RateLimitedError: too many wrong passwords. BusyError: too many passwords wait already.
        """
        limits = self._limits(email, address)
        was_here = self._known_addresses.has(email, address)
        for key, limit in limits.items():
            if was_here and key == _account_key(email):
                continue
            hit = self._counters.peek(key, limit=limit, window_s=WINDOW_S)
            if not hit.is_allowed:
                metrics.SIGN_INS.labels("refused").inc()
                raise RateLimitedError("Too many wrong passwords.", retry_after_s=hit.reset_s)
        verdict = await self._system.passwords.verify(password, known.password_hash if known else None)
        metrics.SIGN_INS.labels("right" if verdict.is_right else "wrong").inc()
        if verdict.is_right:
            self._known_addresses.note(email, address)
        else:
            for key, limit in limits.items():
                self._counters.hit(key, limit=limit, window_s=WINDOW_S)
        return verdict

    @property
    def _counters(self) -> WindowCounters:
        return self._system.counters

    def _limits(self, email: str, address: str) -> dict[str, int]:
        """Return the limits by key. An email is hashed, since keys may go to Redis."""
        account, wider = _account_key(email), self._max_failures * _WIDER
        return {f"{account}:{address}": self._max_failures, account: wider, f"password:{address}": wider}


def _account_key(email: str) -> str:
    return f"password:{digest_of(email)}"
