"""The job queue: claims jobs from the job table and gives them to the workers.

Not here: an attempt and the kinds of jobs (jobs/), statements (store/). Threads: the event loop; it never awaits.
"""

from collections.abc import Callable, Sequence
from functools import partial

from omi_actors.actors.queue.messages import (
    CancelJob,
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
from omi_actors.domain.work.jobs import ClaimedJob
from omi_actors.instruments.logs import get_logger
from omi_actors.kit.errors import ExpectedError
from omi_actors.kit.future import Future
from omi_actors.kit.handle import Handle
from omi_actors.kit.loop_actor import LoopActor
from omi_actors.store import jobs
from omi_actors.store.dead_jobs import LIMIT, bury_unknown_kinds
from omi_actors.store.facade import Store

_log = get_logger(__name__)

# Seconds between two claims without a hint.
TICK_S = 1.0
# Seconds that a free slot waits for others, so that one claim fills them all. The shorter one is for a known backlog;
# without it only a lane that was busy can have a job for the slot.
_REFILL_S = 0.005
_REFILL_WITHOUT_BACKLOG_S = 0.05


class JobQueue(LoopActor):
    """Gives jobs to the workers as worker slots become free; one claim at a time for each pool of slots.

        JobQueue(store, workers, [WorkerSlots(("answer",), 8)], backplane.wake, lease_s=30.0)
        job_queue.tell(JobsEnqueued("answer"))  # after the commit of a job: claim now, not at the next tick
        job_queue.tell(Drain(5.0))              # at shutdown: claim no more

    State it owns: the worker slots. Messages it takes: JobsEnqueued, WorkElsewhere, ReservationEnded, WorkersReady,
    QueueTick, JobsClaimed, JobFinished, SlotsFree, CancelJob, Drain. Messages it sends: RunJob and CancelJob to the
    workers; hints to other nodes. What kills it: an unexpected error.
    What survives a restart: every job. Queue and workers restart together, so the count of running attempts is right.
    """

    def __init__(
        self,
        store: Store,
        workers: Handle,
        pools: Sequence[WorkerSlots],
        hint_node: Callable[[str], None],
        *,
        lease_s: float,
    ) -> None:
        super().__init__()
        self._hint_node = hint_node
        self._store = store
        self._workers = workers
        self._pools = pools
        self._slots_of = {kind: slots for slots in pools for kind in slots.kinds}
        self._lease_s = lease_s
        self._refills_due: set[tuple[str, ...]] = set()

    def on_start(self) -> None:
        """Start the tick's timer. The first claim follows WorkersReady."""
        for slots in self._pools:
            slots.reset()
        self.timers.every(TICK_S, QueueTick())

    def receive(self, message: object) -> object:  # noqa: C901 (one match, each case one call)
        """Take one message."""
        match message:
            case JobsEnqueued(kind):
                self._claim(self._slots_of[kind])
                self._hint_other_nodes(self._slots_of[kind], (kind,))
            case WorkElsewhere(kind):
                self._claim_hinted(kind)
            case ReservationEnded():
                self._end_reservation(message)
            case WorkersReady():
                self._open(is_open=True)
                _bury_unknown(self._store, tuple(self._slots_of))
            case Drain():
                self._open(is_open=False)
            case QueueTick():
                self._claim_all()
            case JobsClaimed():
                self._dispatch(message)
            case JobFinished(token, kind):
                self._slots_of[kind].free(token)
                self._claim_soon(self._slots_of[kind])
            case SlotsFree(kinds):
                self._refills_due.discard(kinds)
                self._claim(self._slots_of[kinds[0]])
                self._hint_other_nodes(self._slots_of[kinds[0]], kinds)
            case CancelJob():
                self._workers.tell_always(message)  # behind the RunJob that it may be about
            case _:
                return super().receive(message)
        return None

    def _open(self, *, is_open: bool) -> None:
        for slots in self._pools:
            slots.is_open = is_open
            self._hint_other_nodes(slots, slots.kinds)
        self._claim_all()

    def _claim_soon(self, slots: WorkerSlots) -> None:
        """Claim jobs after a short pause, so that attempts that end together share one claim, after their answers."""
        if slots.kinds not in self._refills_due:
            self._refills_due.add(slots.kinds)
            self.timers.after(_REFILL_S if slots.has_backlog else _REFILL_WITHOUT_BACKLOG_S, SlotsFree(slots.kinds))

    def _hint_other_nodes(self, slots: WorkerSlots, kinds: Sequence[str]) -> None:
        """Send other nodes a hint if no slot is free here. Without the hint they find the jobs at their next tick."""
        if slots.is_full:
            for kind in kinds:
                self._hint_node(kind)

    def _claim_hinted(self, kind: str) -> None:
        """Claim jobs after another node's hint. A newer node may know more kinds; ignore those."""
        if kind in self._slots_of:
            self._claim(self._slots_of[kind])

    def _claim_all(self) -> None:
        for slots in self._pools:
            self._claim(slots)

    def _claim(self, slots: WorkerSlots) -> None:
        """Ask the store for as many jobs as there are free slots, unless a claim is under way."""
        limit = slots.begin_claim()
        if limit:
            claim = self._store.write(jobs.claim_jobs, kinds=slots.kinds, limit=limit, lease_s=self._lease_s)
            claim.add_done_callback(partial(self._report_claim, slots.kinds))

    def _report_claim(self, kinds: tuple[str, ...], claim: Future[list[ClaimedJob]]) -> None:
        """Send the claim's result to this actor. Runs in the writer's thread."""
        try:
            claimed, error = tuple(claim.result()), ""
        except ExpectedError as exc:
            claimed, error = (), type(exc).__name__
        # Always: without this message the pool never claims again. There is at most one a pool.
        self.handle.tell_always(JobsClaimed(kinds, claimed, error))

    def _dispatch(self, claimed: JobsClaimed) -> None:
        slots = self._slots_of[claimed.kinds[0]]
        if claimed.error:
            slots.fail_claim()
            _log.warning("jobs_not_claimed", error=claimed.error)
            return
        is_more = slots.end_claim([job.token for job in claimed.jobs])
        for job in claimed.jobs:
            self._workers.tell_always(RunJob(job))
        if is_more:
            self._claim(slots)

    def _end_reservation(self, ended: ReservationEnded) -> None:
        """Run the job that the commit leased. If it leased none, free the reserved slot and claim other jobs."""
        slots = self._slots_of[ended.kind]
        if ended.job is not None:
            slots.hold(ended.token)  # not held yet if an earlier incarnation of this queue reserved it
            self._workers.tell_always(RunJob(ended.job))
            return
        slots.free(ended.token)
        if ended.is_unknown:
            # If it was stored, this ends a lease without an attempt. If not, this does nothing.
            self._store.write(jobs.release_job, ended.job_id, ended.token)
        self._claim(slots)


def _bury_unknown(store: Store, kinds: Sequence[str]) -> None:
    """Bury waiting jobs of all kinds but these, a few hundred at a time, and log their counts."""
    store.write(bury_unknown_kinds, kinds).add_done_callback(partial(_report_buried, store, kinds))


def _report_buried(store: Store, kinds: Sequence[str], buried: Future[dict[str, int]]) -> None:
    try:
        counts = buried.result()
    except ExpectedError as exc:
        _log.warning("unknown_jobs_not_buried", error=type(exc).__name__)
        return
    for kind, count in counts.items():
        _log.error("jobs_of_unknown_kind", kind=kind, count=count, fix="see: omi-actors queue list --state dead")
    if sum(counts.values()) == LIMIT:
        _bury_unknown(store, kinds)
