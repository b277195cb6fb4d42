"""The job queue: hands claimed jobs to the workers. The job table is the queue; this actor only dispatches.

State it owns: the places of work (slots.py). Messages it takes: JobsEnqueued, ReservationEnded, QueueTick,
WorkersReady, JobsClaimed, JobFinished, SlotsFree, CancelJob, Drain. It sends: RunJob and CancelJob to the workers. What
kills it: an unexpected error. What survives a restart: every job; queue and workers restart together, so that the count
of running attempts is right. Not here: what a job does (jobs/), statements (store/). Threads: the event loop; it never
awaits.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from omi_actors.actors.queue.messages import (
    Drain,
    JobFinished,
    JobsClaimed,
    JobsEnqueued,
    QueueTick,
    ReservationEnded,
    RunJob,
    SlotsFree,
    WorkElsewhere,
    WorkersReady,
)
from omi_actors.actors.queue.slots import WorkerSlots
from omi_actors.actors.session.messages import CancelJob
from omi_actors.domain.work.jobs import ClaimedJob
from omi_actors.errors import OmiError
from omi_actors.instruments import metrics
from omi_actors.instruments.logs import get_logger
from omi_actors.kit.future import Future
from omi_actors.kit.handle import Handle
from omi_actors.kit.loop_actor import LoopActor
from omi_actors.store import dead_jobs, jobs
from omi_actors.store.facade import Store
from omi_actors.store.unknown_kinds import LIMIT, bury_unknown_kinds


def bury_unknown(store: Store, kinds: Sequence[str]) -> None:
    """Bury waiting jobs of all kinds but these, some hundred at a time, and say so in the log."""
    store.write(bury_unknown_kinds, kinds).add_done_callback(partial(_go_on, store, kinds))


def _go_on(store: Store, kinds: Sequence[str], buried: Future[dict[str, int]]) -> None:
    try:
        counts = buried.result()
    except OmiError as exc:
        _log.warning("unknown_jobs_not_buried", error=type(exc).__name__)
        return
    for kind, count in counts.items():
        _log.error("jobs_of_unknown_kind", kind=kind, count=count, fix="see: omi-actors queue list --state dead")
    if sum(counts.values()) == LIMIT:
        bury_unknown(store, kinds)


_log = get_logger(__name__)

# Seconds between two looks at the table without a hint.
TICK_S = 1.0
# Seconds that a free place waits for others, so that one claim fills them all: when jobs wait for places, and when none
# are known to, but of a lane that was busy.
_REFILL_S = 0.005
_LOOK_S = 0.05
# Ticks between two looks for jobs whose worker is gone.
_REAP_EVERY = 5


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """A lease of `lease_s`; a job delivered `max_deliveries` times is dead."""

    lease_s: float
    max_deliveries: int


class JobQueue(LoopActor):
    """See the module."""

    def __init__(
        self,
        store: Store,
        workers: Handle,
        pools: Sequence[WorkerSlots],
        limits: QueueLimits,
        wake_others: Callable[[str], None],
    ) -> None:
        super().__init__()
        self._wake_others = wake_others
        self._store = store
        self._workers = workers
        self._pools = pools
        self._pool_of = {kind: places for places in pools for kind in places.kinds}
        self._limits = limits
        self._refills_due: set[tuple[str, ...]] = set()
        self._ticks = 0

    def on_start(self) -> None:
        """Begin to tick. The first claim waits for the workers to be ready."""
        for places in self._pools:
            places.reset()
        self.timers.every(TICK_S, QueueTick())

    def receive(self, message: object) -> object:  # noqa: C901 (one match, each case one call)
        """Take one message; see the module."""
        match message:
            case JobsEnqueued(kind):
                self._claim(self._pool_of[kind])
                self._tell_others(self._pool_of[kind], (kind,))
            case WorkElsewhere(kind):
                self._claim_hinted(kind)
            case ReservationEnded():
                self._end_booking(message)
            case WorkersReady():
                self._open(is_open=True)
                bury_unknown(self._store, tuple(self._pool_of))
            case Drain():
                self._open(is_open=False)
            case QueueTick():
                self._tick()
            case JobsClaimed():
                self._dispatch(message)
            case JobFinished(token, kind):
                self._pool_of[kind].free(token)
                self._claim_soon(self._pool_of[kind])
            case SlotsFree(kinds):
                self._refills_due.discard(kinds)
                self._claim(self._pool_of[kinds[0]])
                self._tell_others(self._pool_of[kinds[0]], kinds)
            case CancelJob():
                self._workers.tell_always(message)  # behind the RunJob that it may be about
            case _:
                return super().receive(message)
        return None

    def _tick(self) -> None:
        self._claim_all()
        self._ticks += 1
        if self._ticks % _REAP_EVERY == 0:
            self._store.write(dead_jobs.reap_jobs, max_deliveries=self._limits.max_deliveries).add_done_callback(
                _record_reaped
            )

    def _open(self, *, is_open: bool) -> None:
        for places in self._pools:
            places.is_open = is_open
            self._tell_others(places, places.kinds)
        self._claim_all()

    def _claim_soon(self, places: WorkerSlots) -> None:
        """Fill free places in a moment: attempts that end together share a claim, and answers go out before it."""
        if places.kinds not in self._refills_due:
            self._refills_due.add(places.kinds)
            self.timers.after(_REFILL_S if places.is_behind else _LOOK_S, SlotsFree(places.kinds))

    def _tell_others(self, places: WorkerSlots, kinds: Sequence[str]) -> None:
        """Let other nodes look at once for what nothing can begin here; without it they find it at their next tick."""
        if places.is_taken:
            for kind in kinds:
                self._wake_others(kind)

    def _claim_hinted(self, kind: str) -> None:
        """Look for another node's work, which that node has told everybody of. A newer node may know more kinds."""
        if kind in self._pool_of:
            self._claim(self._pool_of[kind])

    def _claim_all(self) -> None:
        for places in self._pools:
            self._claim(places)

    def _claim(self, places: WorkerSlots) -> None:
        """Ask the store for as many jobs as there are free places, unless it is being asked."""
        limit = places.begin_claim()
        if limit:
            claim = self._store.write(jobs.claim_jobs, kinds=places.kinds, limit=limit, lease_s=self._limits.lease_s)
            claim.add_done_callback(partial(self._report_claim, places.kinds))

    def _report_claim(self, kinds: tuple[str, ...], claim: Future[list[ClaimedJob]]) -> None:
        """Turn the store's answer into mail. Runs in the writer's thread."""
        try:
            jobs, error = tuple(claim.result()), ""
        except OmiError as exc:
            jobs, error = (), type(exc).__name__
        # One at a time for each pool; without it no claim of the pool is made again.
        self.handle.tell_always(JobsClaimed(kinds, jobs, error))

    def _dispatch(self, claimed: JobsClaimed) -> None:
        places = self._pool_of[claimed.kinds[0]]
        if claimed.error:
            # Until then nothing is lost, since the table keeps the jobs.
            places.fail_claim()
            _log.warning("jobs_not_claimed", error=claimed.error)
            return
        is_more = places.end_claim([job.token for job in claimed.jobs])
        for job in claimed.jobs:
            self._workers.tell_always(RunJob(job))
        if is_more:
            self._claim(places)

    def _end_booking(self, ended: ReservationEnded) -> None:
        """Run the job that was born leased; or free its place, and look what else the commit has left to do."""
        places = self._pool_of[ended.kind]
        if ended.job is not None:
            places.hold(ended.token)  # booked from an earlier incarnation of ours, it is not held yet
            self._workers.tell_always(RunJob(ended.job))
            return
        places.free(ended.token)
        if ended.is_unknown:
            # Should it be stored after all, nobody will begin it before its lease runs out. If not, this does nothing.
            self._store.write(jobs.release_job, ended.job_id, ended.token)
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
