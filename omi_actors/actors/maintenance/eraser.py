"""The eraser: deletes the rows of accounts that have ended, in short steps, then what is left of them in files.

A restart goes on, since the store knows the erasures under way. Other writes go on in the pauses between the steps.
Not here: the end of an account, statements (store/people/erasure.py). Threads: the event loop; it awaits the store
only.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from omi_actors.instruments.logs import get_logger
from omi_actors.instruments.webhooks import WEBHOOKS
from omi_actors.kit.errors import ExpectedError
from omi_actors.kit.future import Future
from omi_actors.kit.loop_actor import LoopActor
from omi_actors.store import retention
from omi_actors.store.facade import Store
from omi_actors.store.people import erasure
from omi_actors.store.people.erasure import Erasure

if TYPE_CHECKING:
    from omi_actors.kit.runtime import TimerHandle

_log = get_logger(__name__)

# Seconds between two looks for erasures, of which other nodes or an earlier start may know.
_PERIOD_S = 5.0
# Seconds from the start to the first look: the store may not be open before.
_FIRST_S = 1.0
# Seconds between two steps: the writer has time for all others.
_PAUSE_S = 0.05
# Seconds until the files are looked at again, if a reader keeps the log from being emptied.
_AGAIN_S = 1.0
# Rows of a step, which holds the writer for a few milliseconds.
_ROWS = 100
# Seconds for which the operator can look at a replay. An erasure of an account takes all: any may be its person's.
_SCRATCH_KEPT_S = 600.0
# Erasures that are made together: the index is merged once for all.
_TOGETHER = 20


@dataclass(frozen=True, slots=True)
class EraseNow:
    """Message from the system: an account has ended."""


@dataclass(frozen=True, slots=True)
class NextStep:
    """Message that begins the next step; the eraser's timer sends it."""


@dataclass(slots=True)
class OpenErasures:
    """Erasures under way, as they were last read. Only the eraser writes it; /health reads it."""

    count: int = 0
    oldest_at: float | None = None


@dataclass(slots=True)
class _Round:
    """Erasures that are made together. `rows`: accounts with rows. `is_merging`: None before the first step of it."""

    erasures: Sequence[Erasure]
    rows: deque[str] = field(default_factory=deque)
    is_merging: bool | None = None
    has_copies: bool = True
    vacuum: Future[None] | None = None


class Eraser(LoopActor):
    """Takes one step after the other: rows, the index of words, copies of the database, its log.

    State it owns: the round. Messages it takes: EraseNow, NextStep. Messages it sends: none. What kills it: an
    unexpected error. What survives a restart: nothing; the store knows what is left to do.
    """

    def __init__(self, store: Store, readings: OpenErasures, vacuum: Callable[[], Future[None]]) -> None:
        """Make an eraser. `vacuum` begins to free the pages of deleted rows; its future settles at the end."""
        super().__init__()
        self._vacuum = vacuum
        self._store = store
        self._readings = readings
        self._round: _Round | None = None
        # Of the erasures that are known here.
        self._mark: tuple[int, float | None] | None = None
        self._next: TimerHandle | None = None

    def on_start(self) -> None:
        """Look for erasures soon: those of an earlier start go on."""
        self._next = self.timers.after(_FIRST_S, NextStep())

    async def receive(self, message: object) -> object:
        """Take one message."""
        match message:
            case EraseNow():
                self._set_timer(0.0)
            case NextStep():
                self._set_timer(await self._take_step())
            case _:
                return super().receive(message)
        return None

    def _set_timer(self, delay_s: float) -> None:
        if self._next is not None:
            self._next.cancel()
        self._next = self.timers.after(delay_s, NextStep())

    async def _take_step(self) -> float:
        """Take one step; return the seconds to the next one. An error ends the round, and the next look repeats it."""
        try:
            return await (self._begin_round() if self._round is None else self._work(self._round))
        except ExpectedError as exc:
            _log.warning("erasing_failed", error=type(exc).__name__)
            self._round = None
            return _PERIOD_S

    async def _begin_round(self) -> float:
        mark = await self._store.read(erasure.load_mark)
        if mark != self._mark:
            self._mark = mark
            WEBHOOKS.drop_texts()  # another node may have begun it, and ended it since
        found = await self._store.read(erasure.list_open, limit=_TOGETHER)
        if await self._erase_scratch(0.0 if found else _SCRATCH_KEPT_S):
            return _PAUSE_S
        self._readings.count = len(found)
        self._readings.oldest_at = found[0].began_at if found else None
        mine = await self._store.write(erasure.claim, limit=_TOGETHER) if found else ()
        if not mine:
            return _PERIOD_S
        self._round = _Round(mine, deque(one.account_id for one in mine))
        return 0.0

    async def _erase_scratch(self, kept_s: float) -> bool:
        """Delete some rows of scratch sessions that are old enough. Return False if there is none."""
        if not await self._store.read(erasure.has_scratch, kept_s=kept_s):
            return False
        if await self._store.write(erasure.erase_scratch, kept_s=kept_s, limit=_ROWS):
            return False
        await self._store.write(retention.scrub)
        return True

    async def _work(self, current: _Round) -> float:
        if current.rows:
            if await self._store.write(erasure.erase_some, current.rows[0], limit=_ROWS):
                current.rows.popleft()
        elif current.is_merging is not False:
            is_first = current.is_merging is None
            current.is_merging = await self._store.write(erasure.merge_some, is_first=is_first)
        elif current.has_copies:
            since = min(one.holds_since for one in current.erasures)
            copies = await self._store.read_cold(erasure.delete_copies, since)
            if copies:
                _log.info("copies_deleted", files=list(copies), reason="an account was erased")
            current.has_copies = False
            await self._store.write(retention.scrub)
            current.vacuum = self._vacuum()
        elif current.vacuum is not None and not current.vacuum.done:
            await self._store.write(erasure.claim, limit=_TOGETHER)  # renews it
            return _AGAIN_S
        else:
            return await self._finish_round(current)
        return _PAUSE_S

    async def _finish_round(self, current: _Round) -> float:
        if not await self._store.write(erasure.end_erasures, [one.account_id for one in current.erasures]):
            return _AGAIN_S
        self._round = None
        _log.info("accounts_erased", count=len(current.erasures))
        return 0.0
