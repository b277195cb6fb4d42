"""The job queue: hands claimed jobs to the workers. The job table is the queue; this actor only dispatches.

State it owns: how many attempts run, whether a claim is under way. Messages it takes: JobsEnqueued, QueueTick,
WorkersReady, JobsClaimed, JobFinished, PlacesFree, Drain. It sends: RunJob to the workers.
What kills it: an unexpected error. What survives a restart: every job; queue and workers restart together, so that
the count of running attempts is right.
Not here: what a job does (jobs/), statements (store/). Threads: the event loop; it never awaits.
"""

from collections.abc import Sequence
from dataclasses import dataclass

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
_TICK_S = 1.0
# Seconds that a free place waits for others, so that one claim fills them all.
_REFILL_S = 0.005
# Ticks between two looks for jobs whose worker is gone.
_REAP_EVERY = 5


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """`concurrency` attempts at a time; a lease of `lease_s`; a job delivered `max_deliveries` times is dead."""

    concurrency: int
    lease_s: float
    max_deliveries: int


class JobQueue(LoopActor):
    """See the module."""

    def __init__(self, store: Store, workers: Handle, kinds: Sequence[str], limits: QueueLimits) -> None:
        super().__init__()
        self._store = store
        self._workers = workers
        self._kinds = kinds
        self._limits = limits
        # By lease token: an attempt of an earlier incarnation that ends now frees no place of ours.
        self._running: set[str] = set()
        self._is_claiming = False
        # Whether something was enqueued while a claim was under way, which may have missed it.
        self._is_hinted = False
        self._is_open = False
        self._is_claim_due = False
        self._asked = 0
        self._ticks = 0

    def on_start(self) -> None:
        """Begin to tick. The first claim waits for the workers to be ready."""
        self.timers.every(_TICK_S, QueueTick())

    def receive(self, message: object) -> object:
        """Take one message; see the module."""
        match message:
            case JobsEnqueued():
                self._claim()
            case WorkersReady():
                self._is_open = True
                self._claim()
            case QueueTick():
                self._tick()
            case JobsClaimed():
                self._dispatch(message)
            case JobFinished(token):
                self._running.discard(token)
                self._claim_soon()
            case PlacesFree():
                self._is_claim_due = False
                self._claim()
            case Drain():
                self._is_open = False
            case _:
                return super().receive(message)
        return None

    def _tick(self) -> None:
        self._claim()
        self._ticks += 1
        if self._ticks % _REAP_EVERY == 0:
            self._store.reap_jobs(max_deliveries=self._limits.max_deliveries).add_done_callback(_record_reaped)

    def _claim_soon(self) -> None:
        """Fill free places in a moment: attempts that end together share a claim, and answers go out before it."""
        if not self._is_claim_due:
            self._is_claim_due = True
            self.timers.after(_REFILL_S, PlacesFree())

    def _claim(self) -> None:
        """Ask the store for as many jobs as there are free places, unless it is being asked."""
        free = self._limits.concurrency - len(self._running)
        if self._is_claiming or not self._is_open or free <= 0:
            self._is_hinted = self._is_claiming
            return
        self._is_claiming = True
        self._is_hinted = False
        self._asked = free
        claim = self._store.claim_jobs(kinds=self._kinds, limit=free, lease_s=self._limits.lease_s)
        claim.add_done_callback(self._report_claim)

    def _report_claim(self, claim: Future[list[ClaimedJob]]) -> None:
        """Turn the store's answer into mail. Runs in the writer's thread."""
        try:
            jobs, error = tuple(claim.result()), ""
        except OmiError as exc:
            jobs, error = (), type(exc).__name__
        self.handle.tell_always(JobsClaimed(jobs, error))  # one at a time; without it no claim is made again

    def _dispatch(self, claimed: JobsClaimed) -> None:
        self._is_claiming = False
        if claimed.error:
            # The next tick asks again; until then nothing is lost, since the table keeps the jobs.
            _log.warning("jobs_not_claimed", error=claimed.error)
            return
        for job in claimed.jobs:
            self._running.add(job.token)
            self._workers.tell_always(RunJob(job))
        if self._is_hinted or len(claimed.jobs) == self._asked:
            self._claim()


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
