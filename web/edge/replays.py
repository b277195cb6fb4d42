"""Signed webhooks that were taken lately, so that each is taken once, however often it is sent.

Whoever records a signed request can send it again for as long as its time is good. What it says is stored already; but
its reply could carry the wearer's next answer, and its number counts against the wearer's limit.
Not here: whether a signature is good (web/auth.py), what is left when this memory is (docs/security.md).
Threads: the event loop.
"""

from omi_actors.clock import Clock
from omi_actors.errors import RepeatedError

# A signature may be dated 300 s ahead, and is good until 300 s after its date.
REMEMBERED_S = 600.0
# Some 30 MB. At more than 300 signed webhooks a second the oldest are forgotten before their time.
_MAX_KEPT = 200_000


class Replays:
    """Remembers by seal: what only a signed webhook's time, uid and body decide, whatever else of it was changed."""

    def __init__(self, clock: Clock, *, most: int = _MAX_KEPT) -> None:
        self._clock = clock
        self._most = most
        self._under_way: set[str] = set()
        # Oldest first, with the monotonic second until which each is remembered.
        self._kept: dict[str, float] = {}

    def begin(self, seal: str) -> bool:
        """Begin to take a webhook; False if it is kept already. Whoever begins one must end it, by `keep` or `forget`.

        Raises:
            RepeatedError: it is being taken, and nobody knows yet whether it will be kept.
        """
        now_s = self._clock.mono_s()
        while self._kept and next(iter(self._kept.values())) <= now_s:
            del self._kept[next(iter(self._kept))]
        if seal in self._kept:
            return False
        if seal in self._under_way:
            raise RepeatedError("This signed webhook is being taken already.")
        self._under_way.add(seal)
        return True

    def keep(self, seal: str) -> None:
        """The webhook is kept: to be told so whenever it comes again."""
        self._under_way.discard(seal)
        while len(self._kept) >= self._most:
            del self._kept[next(iter(self._kept))]
        self._kept[seal] = self._clock.mono_s() + REMEMBERED_S

    def forget(self, seal: str) -> None:
        """Nothing of the webhook may be counted as kept: when it comes again it is as new."""
        self._under_way.discard(seal)
