"""The queue admin: lists jobs, and retries, discards or pauses them; every change is recorded.

Not here: statements (store/), access and HTTP (web/). Threads: the event loop.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from omi_actors.actors.maintenance.janitor import CleanUp
from omi_actors.actors.queue.messages import QueueTick
from omi_actors.domain.work.queue_admin import (
    ALL_KINDS,
    Action,
    Choice,
    JobDetail,
    JobFilter,
    ListedJob,
    OperatorEvent,
    Requester,
)
from omi_actors.errors import BadRequestError, ConflictError, NotFoundError
from omi_actors.jobs.attempt import KINDS
from omi_actors.kit.handle import Handle
from omi_actors.store import queue_admin, queue_state, retention_state
from omi_actors.store.facade import Store

# Dead jobs in the operator's page; `omi-actors queue` and /operator/queue/jobs list all.
_SHOWN_DEAD = 20


class QueueAdmin:
    """The operator's actions on the job queue. Every method may raise StoreError or ActorError."""

    # The kinds of jobs, for a choice.
    kinds = tuple(KINDS)

    def __init__(self, store: Store, job_queue: Handle, janitor: Handle) -> None:
        self._store = store
        self._job_queue = job_queue
        self._janitor = janitor

    async def show_queue(self, now_s: float) -> dict[str, Any]:
        """Return the section `queue` of the operator's page: counts, pauses, and the newest dead jobs."""
        counts = await self._store.read(queue_state.count_queue)
        dead: tuple[ListedJob, ...] = ()
        if counts.by_state["dead"]:
            dead = await self.list_jobs(JobFilter(state="dead"), before=None, limit=_SHOWN_DEAD)
        return {
            "states": dict(counts.by_state),
            "kinds": [
                {
                    "kind": kind,
                    "waiting": one.ready - one.retrying,
                    "retrying": one.retrying,
                    "running": one.running,
                    "dead": one.dead,
                    "oldestMs": None if one.oldest_ready_at is None else round((now_s - one.oldest_ready_at) * 1e3),
                }
                for kind, one in counts.kinds.items()
            ],
            "paused": dict(counts.paused),
            "failed": [
                {
                    "id": job.job_id,
                    "kind": job.kind,
                    "error": job.error,
                    "attempts": job.attempts,
                    "at": job.finished_at,
                    "request": job.request_id,
                }
                for job in dead
            ],
        }

    async def list_jobs(self, chosen: JobFilter, *, before: int | None, limit: int) -> tuple[ListedJob, ...]:
        """Return a page of jobs with numbers (`seq`) below `before`, newest first."""
        return await self._store.read_cold(queue_admin.list_jobs, chosen, before=before, limit=limit)

    async def show_job(self, job_id: str, *, with_text: bool, by: Requester) -> JobDetail:
        """Return one job. A call `with_text` is recorded; after any other call, the caller must not show the texts.

        Raises:
            NotFoundError: there is no such job.
        """
        if with_text:
            detail = await self._store.write_alone(queue_admin.show_text, job_id, by=by)
        else:
            detail = await self._store.read_cold(queue_admin.load_job, job_id)
        if detail is None:
            raise NotFoundError("No such job.")
        return detail

    async def change_job(self, action: Action, job_id: str, *, by: Requester) -> None:
        """Retry or discard one job.

        Raises:
            NotFoundError: there is no such job. ConflictError: the job's state does not allow this action.
        """
        if await self._change(action, JobFilter(job_id=job_id), by):
            return
        detail = await self.show_job(job_id, with_text=False, by=by)
        raise ConflictError(f"The job is {detail.job.state}: there is nothing to {action.value}.")

    async def choose(self, action: Action, chosen: JobFilter) -> Choice:
        """Count the jobs that an action would change, without changing them."""
        return await self._store.read_cold(queue_admin.choose_jobs, action, chosen)

    async def change_jobs(self, action: Action, chosen: JobFilter, *, confirmation: str, by: Requester) -> int:
        """Retry or discard all chosen jobs, a few hundred at a time, and return their number.

        Raises:
            ConflictError: the chosen jobs have changed since they were counted.
        """
        choice = await self.choose(action, chosen)
        if confirmation != choice.confirmation(action, chosen):
            raise ConflictError(
                f"There are {choice.count} now: the chosen jobs have changed. Count them again, and confirm that."
            )
        chosen = replace(chosen, up_to=choice.last_seq)
        total = 0
        while count := await self._change(action, chosen, by):
            total += count
        return total

    async def pause(self, kind: str, *, by: Requester) -> bool:
        """Pause a kind (`*`: all kinds): its jobs are not started. Return False if it was paused already.

        Raises:
            BadRequestError: there is no such kind.
        """
        if kind not in (*KINDS, ALL_KINDS):
            raise BadRequestError(f"There is no such kind: {', '.join(KINDS)}, or {ALL_KINDS} for all.")
        return await self._store.write_alone(queue_admin.pause_kind, kind, by=by)

    async def resume(self, kind: str, *, by: Requester) -> bool:
        """Resume a kind (`*`: all kinds). Return False if it was not paused."""
        is_changed = await self._store.write_alone(queue_admin.resume_kind, kind, by=by)
        self._job_queue.tell(QueueTick())
        return is_changed

    async def resume_retention(self, *, by: Requester) -> bool:
        """Resume retention; its next round deletes without a limit. Return False if it was not paused."""
        is_changed = await self._store.write_alone(retention_state.resume, by=by)
        self._janitor.tell(CleanUp())
        return is_changed

    async def record(self, action: Action, target: Mapping[str, str], *, by: Requester) -> None:
        """Record an action that changes no job, such as showing a webhook's text. `target` holds ids only."""
        await self._store.write_alone(queue_admin.record_event, action, target, job_count=0, by=by)

    async def load_events(self, *, before: int | None, limit: int) -> tuple[OperatorEvent, ...]:
        """Return a page of the operator's actions with numbers below `before`, newest first."""
        return await self._store.read_cold(queue_admin.load_events, before=before, limit=limit)

    async def _change(self, action: Action, chosen: JobFilter, by: Requester) -> int:
        done = await self._store.write_alone(queue_admin.change_jobs, action, chosen, by=by)
        if done.count and action is Action.RETRY:
            self._job_queue.tell(QueueTick())
        return done.count
