"""The job queue: hands claimed jobs to the workers. The job table is the queue; this actor only dispatches.

State it owns: per pool of kinds, which attempts run, whether a claim is under way. Messages it takes: JobsEnqueued,
QueueTick, WorkersReady, JobsClaimed, JobFinished, PlacesFree, CancelJob, Drain. It sends: RunJob, CancelJob to the
workers.
What kills it: an unexpected error. What survives a restart: every job; queue and workers restart together, so that
the count of running attempts is right.
Not here: what a job does (jobs/), statements (store/). Threads: the event loop; it never awaits.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from omi_actors.actors.chat_messages import CancelJob
from omi_actors.actors.messages import (
    Drain,
    JobFinished,
    JobsClaimed,
    JobsEnqueued,
    PlacesFree,
    QueueTick,
    RunJob,
    WorkersReady,
)
from omi_actors.domain.jobs import ClaimedJob
from omi_actors.errors import OmiError
from omi_actors.instruments import metrics
from omi_actors.instruments.logs import get_logger
from omi_actors.kit.future import Future
from omi_actors.kit.handle import Handle
from omi_actors.kit.loop_actor import LoopActor
from omi_actors.store.facade import Store

_log = get_logger(__name__)

# Seconds between two looks at the table without a hint.
TICK_S = 1.0
# Seconds that a free place waits for others, so that one claim fills them all.
_REFILL_S = 0.005
# Ticks between two looks for jobs whose worker is gone.
_REAP_EVERY = 5


@dataclass(frozen=True, slots=True)
class Pool:
    """Kinds of jobs that share `concurrency` places: slow ones of one pool keep no other waiting."""

    kinds: tuple[str, ...]
    concurrency: int


@dataclass(slots=True)
class _Places:
    """A pool's places, by lease token: an attempt of an earlier incarnation that ends now frees no place of ours.

    `is_hinted`: something was enqueued while a claim was under way, which may have missed it.
    """

    pool: Pool
    running: set[str] = field(default_factory=set)
    asked: int = 0
    is_claiming: bool = False
    is_hinted: bool = False


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """A lease of `lease_s`; a job delivered `max_deliveries` times is dead."""

    lease_s: float
    max_deliveries: int


class JobQueue(LoopActor):
    """See the module."""

    def __init__(self, store: Store, workers: Handle, pools: Sequence[Pool], limits: QueueLimits) -> None:
        super().__init__()
        self._store = store
        self._workers = workers
        self._all_places = [_Places(pool) for pool in pools]
        self._places_of = {kind: places for places in self._all_places for kind in places.pool.kinds}
        self._limits = limits
        self._is_open = False
        self._is_refill_due = False
        self._ticks = 0

    def on_start(self) -> None:
        """Begin to tick. The first claim waits for the workers to be ready."""
        self.timers.every(TICK_S, QueueTick())

    def receive(self, message: object) -> object:  # noqa: C901 (one match, each case one call)
        """Take one message; see the module."""
        match message:
            case JobsEnqueued(kind):
                self._claim(self._places_of[kind])
            case WorkersReady():
                self._is_open = True
                self._claim_all()
            case QueueTick():
                self._tick()
            case JobsClaimed():
                self._dispatch(message)
            case JobFinished(token, kind):
                self._places_of[kind].running.discard(token)
                self._claim_soon()
            case PlacesFree():
                self._is_refill_due = False
                self._claim_all()
            case CancelJob():
                self._workers.tell_always(message)  # behind the RunJob that it may be about
            case Drain():
                self._is_open = False
            case _:
                return super().receive(message)
        return None

    def _tick(self) -> None:
        self._claim_all()
        self._ticks += 1
        if self._ticks % _REAP_EVERY == 0:
            self._store.reap_jobs(max_deliveries=self._limits.max_deliveries).add_done_callback(_record_reaped)

    def _claim_soon(self) -> None:
        """Fill free places in a moment: attempts that end together share a claim, and answers go out before it."""
        if not self._is_refill_due:
            self._is_refill_due = True
            self.timers.after(_REFILL_S, PlacesFree())

    def _claim_all(self) -> None:
        for places in self._all_places:
            self._claim(places)

    def _claim(self, places: _Places) -> None:
        """Ask the store for as many jobs as there are free places, unless it is being asked."""
        free = places.pool.concurrency - len(places.running)
        if places.is_claiming or not self._is_open or free <= 0:
            places.is_hinted = places.is_claiming
            return
        places.is_claiming = True
        places.is_hinted = False
        places.asked = free
        claim = self._store.claim_jobs(kinds=places.pool.kinds, limit=free, lease_s=self._limits.lease_s)
        claim.add_done_callback(partial(self._report_claim, places.pool.kinds))

    def _report_claim(self, kinds: tuple[str, ...], claim: Future[list[ClaimedJob]]) -> None:
        """Turn the store's answer into mail. Runs in the writer's thread."""
        try:
            jobs, error = tuple(claim.result()), ""
        except OmiError as exc:
            jobs, error = (), type(exc).__name__
        # One at a time for each pool; without it no claim of the pool is made again.
        self.handle.tell_always(JobsClaimed(kinds, jobs, error))

    def _dispatch(self, claimed: JobsClaimed) -> None:
        places = self._places_of[claimed.kinds[0]]
        places.is_claiming = False
        if claimed.error:
            # The next tick asks again; until then nothing is lost, since the table keeps the jobs.
            _log.warning("jobs_not_claimed", error=claimed.error)
            return
        for job in claimed.jobs:
            places.running.add(job.token)
            self._workers.tell_always(RunJob(job))
        if places.is_hinted or len(claimed.jobs) == places.asked:
            self._claim(places)


def _record_reaped(reaped: Future[int]) -> None:
    """Count jobs taken back. Runs in the writer's thread."""
    try:
        count = reaped.result()
    except OmiError as exc:
        _log.warning("jobs_not_reaped", error=type(exc).__name__)
        return
    if count:
        metrics.JOBS_REAPED.inc(count)
        _log.warning("jobs_reaped", count=count)
