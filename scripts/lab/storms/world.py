"""The world of a storm: one virtual clock, draws from one seed, a trace of all that happens, and events by their time.

Not here: the node that runs in it (node.py), what comes to it (wearers.py, outside.py). Threads: the main one.
"""

import hashlib
import heapq
import itertools
import math
import random
from collections.abc import Callable
from typing import TYPE_CHECKING

from omi_actors.clock import ManualClock

if TYPE_CHECKING:
    from scripts.lab.storms.loop import VirtualLoop

# Lines of the trace that are hashed at a time.
_HASHED = 2_000
# UTC seconds in which a world may begin: within a day, so that some runs pass the end of an hour.
_FIRST_S = 1_790_000_000.0
_DAY_S = 86_400.0


class Trace:
    """All events as lines: virtual seconds, actor, message or draw. Their hash is kept, with `keeps` the lines, too."""

    def __init__(self, clock: ManualClock, *, keeps: bool = False) -> None:
        self._clock = clock
        self._keeps = keeps
        self._hash = hashlib.blake2b(digest_size=16)
        self._fresh: list[str] = []
        self.lines: list[str] = []
        self.count = 0

    def note(self, who: str, what: str) -> None:
        """Add one line."""
        self._fresh.append(f"{self._clock.mono_s():.6f} {who} {what}\n")
        if len(self._fresh) >= _HASHED:
            self._fold()

    def digest(self) -> str:
        """Return the hash of all lines so far."""
        self._fold()
        return self._hash.hexdigest()

    def _fold(self) -> None:
        self._hash.update("".join(self._fresh).encode())
        self.count += len(self._fresh)
        if self._keeps:
            self.lines += self._fresh
        self._fresh.clear()


class Dice:
    """The draws of one subject. Each subject has its own, so that a further draw of one does not change all others."""

    def __init__(self, seed: int, subject: str, trace: Trace) -> None:
        self.rng = random.Random(f"{seed}/{subject}")  # noqa: S311 (a repeatable draw)
        self._subject = subject
        self._trace = trace

    def happens(self, share: float) -> bool:
        """Return True in this share of calls. A share of 0 or 1 is not drawn."""
        if share <= 0.0:
            return False
        is_so = share >= 1.0 or self.rng.random() < share
        if is_so:
            self._trace.note(self._subject, "happens")
        return is_so

    def between(self, low: float, high: float) -> float:
        """Return a number between these two, small ones more often: each factor is as likely as the other."""
        drawn = low * math.exp(self.rng.random() * math.log(high / low))
        self._trace.note(self._subject, f"{drawn:.6f}")
        return drawn

    def one_of(self, count: int) -> int:
        """Return a number from 0 to `count` - 1. This is the draw of the scheduler: its order is the trace itself."""
        return int(self.rng.random() * count)


class World:
    """The virtual time and all that is outside the node. At most one node lives at a time: its `loop`."""

    def __init__(self, seed: int, *, keeps_trace: bool = False) -> None:
        self.seed = seed
        began = random.Random(f"{seed}/begin")  # noqa: S311 (a repeatable draw)
        self.clock = ManualClock(_FIRST_S + began.random() * _DAY_S)
        self.began_at = self.clock.now_s()
        self.trace = Trace(self.clock, keeps=keeps_trace)
        self.loop: VirtualLoop | None = None
        # What must never happen, found while it runs.
        self.wrongs: list[str] = []
        self._order = itertools.count()
        self._events: list[tuple[float, int, Callable[[], object]]] = []

    def dice(self, subject: str) -> Dice:
        """Return the draws of a subject."""
        return Dice(self.seed, subject, self.trace)

    def after(self, delay_s: float, event: Callable[[], object]) -> None:
        """Let an event happen after `delay_s` virtual seconds."""
        heapq.heappush(self._events, (self.clock.mono_s() + delay_s, next(self._order), event))

    def wrong(self, what: str) -> None:
        """Note a broken promise."""
        self.trace.note("WRONG", what)
        self.wrongs.append(f"at {self.clock.mono_s():.3f} s: {what}")

    def run(self, until_s: float) -> None:
        """Let everything happen until this virtual second."""
        while True:
            while self._events and self._events[0][0] <= self.clock.mono_s():
                heapq.heappop(self._events)[2]()
            loop = self.loop
            if loop is not None and loop.run_one():
                continue
            next_s = self._events[0][0] if self._events else math.inf
            if loop is not None:
                next_s = min(next_s, loop.next_timer_s())
            self.clock.advance(max(0.0, min(next_s, until_s) - self.clock.mono_s()))
            if next_s > until_s:
                return
            if loop is not None:
                loop.wake_timers()
