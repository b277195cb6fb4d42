"""Worker slots: how many attempts of some kinds may run at once, and which attempts hold one.

The job queue alone owns and changes them, with one exception: a session reserves one for a job it is about to commit.
Not here: dispatch (dispatcher.py), the commit that reserves (actors/session/commits.py). Threads: the event loop.
"""

from dataclasses import dataclass, field

from omi_actors.ids import new_id


@dataclass(slots=True)
class WorkerSlots:
    """A pool of `concurrency` slots for jobs of `kinds`. Each pool has its own slots, so slow jobs delay no other pool.

    One claim takes at most `batch` jobs: it blocks as many free slots until it ends, and the others stay open to
    reservations. A held slot is known by its job's lease token. So an attempt that an earlier incarnation began frees
    no slot.

        slots = WorkerSlots(("answer",), concurrency=2)
        token = slots.reserve()  # None: no slot is free, or jobs wait in the table; then only enqueue the job
        slots.free(token)
    """

    kinds: tuple[str, ...]
    concurrency: int
    batch: int = 16
    is_open: bool = False
    # Whether jobs may wait in the table; they come before reservations.
    has_backlog: bool = True
    _held: set[str] = field(default_factory=set)
    # Jobs that the claim under way may return; 0 while there is none.
    _claiming: int = 0
    # A job was enqueued during the claim under way, which may have missed it.
    _is_hinted: bool = False

    def reset(self) -> None:
        """Close the pool and free all slots, for a new incarnation of the queue."""
        self.is_open = False
        self._held.clear()
        self._claiming = 0
        self.has_backlog = True
        self._is_hinted = False

    def reserve(self) -> str | None:
        """Reserve a slot for a job that is committed next. Return its lease token; None if no slot is free."""
        if self.has_backlog or not self.is_open or self._free() - self._claiming <= 0:
            return None
        token = new_id()
        self._held.add(token)
        return token

    def hold(self, token: str) -> None:
        """Hold a slot for an attempt that begins. The slot may be reserved already."""
        self._held.add(token)

    def free(self, token: str) -> None:
        """Free the slot of this attempt or reservation. A second call does nothing."""
        self._held.discard(token)

    @property
    def held_count(self) -> int:
        """Return the number of held slots."""
        return len(self._held)

    @property
    def is_full(self) -> bool:
        """Return True if no other attempt can begin in this pool now."""
        return not self.is_open or self._free() <= 0

    def begin_claim(self) -> int:
        """Return the number of jobs to claim now: 0 if a claim is under way, or if no slot is free."""
        free = self._free()
        if self._claiming or not self.is_open or free <= 0:
            self._is_hinted = self._claiming > 0
            self.has_backlog = True
            return 0
        self._is_hinted = False
        self._claiming = min(free, self.batch)
        return self._claiming

    def end_claim(self, tokens: list[str]) -> bool:
        """Hold a slot for each claimed job. Return True if there may be more jobs to claim."""
        is_more = self._is_hinted or len(tokens) == self._claiming
        self._claiming = 0
        self.has_backlog = is_more
        self._held.update(tokens)
        return is_more

    def fail_claim(self) -> None:
        """End a claim that failed. Jobs may still wait in the table; the next tick claims again."""
        self._claiming = 0
        self.has_backlog = True

    def _free(self) -> int:
        return self.concurrency - self.held_count
