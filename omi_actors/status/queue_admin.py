"""The operator's desk: looks into the job queue, and lends a hand; all that changes anything is recorded.

Not here: statements (store/), who is the operator, and how they ask (web/). Threads: the event loop.
"""

from dataclasses import replace

from omi_actors.actors.queue.messages import QueueTick
from omi_actors.domain.work.queue_admin import ALL_KINDS, Action, Choice, JobDetail, JobFilter, ListedJob, OperatorEvent
from omi_actors.errors import BadRequestError, ConflictError, NotFoundError
from omi_actors.jobs.attempt import KINDS
from omi_actors.kit.handle import Handle
from omi_actors.store import queue_admin
from omi_actors.store.facade import Store


class QueueAdmin:
    """What the operator may do. Every method fails with StoreError or ActorError as the store does."""

    def __init__(self, store: Store, job_queue: Handle) -> None:
        self._store = store
        self._job_queue = job_queue

    async def list_jobs(self, chosen: JobFilter, *, before: int | None, limit: int) -> tuple[ListedJob, ...]:
        """Return a page of jobs, newest first, those with numbers (`seq`) below `before`."""
        return await self._store.read_cold(queue_admin.list_jobs, chosen, before=before, limit=limit)

    async def show_job(self, job_id: str, *, with_text: bool, request_id: str) -> JobDetail:
        """Return one job. `with_text` is recorded; without it nobody may be shown the detail's text.

        Raises: NotFoundError.
        """
        if with_text:
            detail = await self._store.write_alone(queue_admin.show_text, job_id, request_id=request_id)
        else:
            detail = await self._store.read_cold(queue_admin.load_job, job_id)
        if detail is None:
            raise NotFoundError("No such job.")
        return detail

    async def change_job(self, action: Action, job_id: str, *, request_id: str) -> None:
        """Retry or discard one job.

        Raises:
            NotFoundError: there is none.
            ConflictError: it stands where this cannot be done.
        """
        if await self._change(action, JobFilter(job_id=job_id), request_id):
            return
        detail = await self.show_job(job_id, with_text=False, request_id=request_id)
        raise ConflictError(f"The job is {detail.job.state}: there is nothing to {action.value}.")

    async def choose(self, action: Action, chosen: JobFilter) -> Choice:
        """Count the jobs that an action would be for, and do nothing."""
        return await self._store.read_cold(queue_admin.choose_jobs, action, chosen)

    async def change_jobs(self, action: Action, chosen: JobFilter, *, confirmation: str, request_id: str) -> int:
        """Retry or discard all jobs that are chosen, some hundred at a time, and return their number.

        Raises:
            ConflictError: the choice is not the one that was counted.
        """
        choice = await self.choose(action, chosen)
        if confirmation != choice.confirmation(action, chosen):
            raise ConflictError(f"There are {choice.count} now: what is to be confirmed has changed. Count again.")
        chosen = replace(chosen, up_to=choice.last_seq)
        total = 0
        while count := await self._change(action, chosen, request_id):
            total += count
        return total

    async def pause(self, kind: str, *, request_id: str) -> bool:
        """Begin no more jobs of this kind, `*` for all; False if it was so already.

        Raises: BadRequestError when there is no such kind.
        """
        if kind not in (*KINDS, ALL_KINDS):
            raise BadRequestError(f"There is no such kind: {', '.join(KINDS)}, or {ALL_KINDS} for all.")
        return await self._store.write_alone(queue_admin.pause_kind, kind, request_id=request_id)

    async def resume(self, kind: str, *, request_id: str) -> bool:
        """Begin jobs of this kind again, `*` for all; False if it was so already."""
        is_changed = await self._store.write_alone(queue_admin.resume_kind, kind, request_id=request_id)
        self._job_queue.tell(QueueTick())
        return is_changed

    async def load_events(self, *, before: int | None, limit: int) -> tuple[OperatorEvent, ...]:
        """Return a page of what the operator did, newest first, events with numbers below `before`."""
        return await self._store.read_cold(queue_admin.load_events, before=before, limit=limit)

    async def _change(self, action: Action, chosen: JobFilter, request_id: str) -> int:
        done = await self._store.write_alone(queue_admin.change_jobs, action, chosen, request_id=request_id)
        if done.count and action is Action.RETRY:
            self._job_queue.tell(QueueTick())
        return done.count
