"""WorkerSlots of work: how many attempts of some kinds may run at once, and which do, or are about to.

Owned by the job queue, which fills and frees them; who commits a job may book one for it (leased_commits.py).
Not here: dispatch (dispatcher.py). Threads: the event loop.
"""

from dataclasses import dataclass, field

from omi_actors.ids import new_id

# Jobs that one claim takes at most: what it may take, nobody can book meanwhile.
_CLAIM_MAX = 16


@dataclass(slots=True)
class WorkerSlots:
    """`concurrency` places shared by `kinds`: slow ones of one pool keep no other waiting.

    They are held by lease token: an attempt of an earlier incarnation that ends now frees no place of ours.
    """

    kinds: tuple[str, ...]
    concurrency: int
    is_open: bool = False
    # Whether jobs may wait in the table for a place: those go first.
    is_behind: bool = True
    _held: set[str] = field(default_factory=set)
    # What the claim that is under way may bring; 0 while there is none.
    _asked: int = 0
    # Something was enqueued while a claim was under way, which may have missed it.
    _is_hinted: bool = False

    def reset(self) -> None:
        """Begin anew, closed and with no place held, as a new incarnation of the queue does."""
        self.is_open = False
        self._held.clear()
        self._asked = 0
        self.is_behind = True
        self._is_hinted = False

    def reserve(self) -> str | None:
        """Hold a place for a job that is about to be committed; return its lease token, None without a place."""
        if self.is_behind or not self.is_open or self._free() - self._asked <= 0:
            return None
        token = new_id()
        self._held.add(token)
        return token

    def hold(self, token: str) -> None:
        """Hold a place for an attempt that begins, booked or not."""
        self._held.add(token)

    def free(self, token: str) -> None:
        """Free the place of this attempt, or of this booking. Twice is fine."""
        self._held.discard(token)

    @property
    def is_taken(self) -> bool:
        """Whether nothing more can begin here now."""
        return not self.is_open or self._free() <= 0

    def begin_claim(self) -> int:
        """Return how many jobs to claim now; 0 when none, and then the reason is remembered."""
        free = self._free()
        if self._asked or not self.is_open or free <= 0:
            self._is_hinted = self._asked > 0
            self.is_behind = True
            return 0
        self._is_hinted = False
        self._asked = min(free, _CLAIM_MAX)
        return self._asked

    def end_claim(self, tokens: list[str]) -> bool:
        """Hold a place for each claimed job; tell whether there may be more to claim."""
        is_more = self._is_hinted or len(tokens) == self._asked
        self._asked = 0
        self.is_behind = is_more
        self._held.update(tokens)
        return is_more

    def fail_claim(self) -> None:
        """Nobody knows what waits; the next tick asks again."""
        self._asked = 0
        self.is_behind = True

    def _free(self) -> int:
        return self.concurrency - len(self._held)
