"""Commits of sessions that asked: their first job is born leased when a worker is free for it, and begins at once.

The place is booked before the commit, and the queue hears in any case what became of it: it dispatches the job, or
frees the place. Without a place the commit only enqueues, and the queue is told that there is work. Not here: places
(actors/queue/slots.py), dispatch (actors/queue/dispatcher.py), the statement (store/jobs.py). Threads: the event loop;
a commit's end is told in the writer's.
"""

from dataclasses import replace
from functools import partial

from msgspec import structs

from omi_actors.actors.queue.messages import BookingEnded, JobsEnqueued
from omi_actors.actors.session_deps import SessionDeps
from omi_actors.domain.sessions.records import SessionCommit
from omi_actors.domain.work.jobs import ClaimedJob
from omi_actors.errors import FencedError, OmiError
from omi_actors.kit.future import Future
from omi_actors.kit.handle import Handle


def commit_jobs(commit: SessionCommit, deps: SessionDeps) -> Future[None] | Future[ClaimedJob | None]:
    """Store one turn that has answer jobs, and let them be worked on. Fails as `Store.commit_session` does."""
    commit = structs.replace(commit, lane_cap=deps.lane_cap)
    first = commit.jobs[0]
    token = deps.answer_places.book()
    if token is None:
        stored = deps.store.commit_session(commit)
        stored.add_done_callback(partial(_report_stored, deps.job_queue, first.kind))
        return stored
    leased = deps.store.commit_leased(commit, token=token, lease_s=deps.job_lease_s)
    leased.add_done_callback(partial(_report_leased, deps.job_queue, BookingEnded(first.kind, first.job_id, token)))
    return leased


def _report_stored(queue: Handle, kind: str, stored: Future[None]) -> None:
    try:
        stored.result()
    except OmiError:
        return
    queue.tell(JobsEnqueued(kind))


def _report_leased(queue: Handle, ended: BookingEnded, leased: Future[ClaimedJob | None]) -> None:
    try:
        ended = replace(ended, job=leased.result())
    except FencedError:
        pass  # nothing was stored
    except OmiError:
        ended = replace(ended, is_unknown=True)
    # One for each booked place; without it the place is never free again.
    queue.tell_always(ended)
