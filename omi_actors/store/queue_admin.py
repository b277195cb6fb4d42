"""The operator's actions on the queue: list, show, retry and discard jobs, pause kinds. Each change records an event.

Not here: changes by attempts (jobs.py), reading the pauses (queue_state.py), access control (web/).
Threads: lists run in the cold reader (the reader thread with Pony's entities), changes in the writer's thread, each
between two group commits.
"""
# mypy: disallow-untyped-calls=False
# (Pony's stubs leave select untyped.)

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from pony import orm

from omi_actors.domain.answers.notifications import FOLLOWUP_PREFIX, KEY_PREFIX
from omi_actors.domain.work.queue_admin import (
    ALL_KINDS,
    STATES_FOR,
    Action,
    Choice,
    Done,
    JobDetail,
    JobFilter,
    ListedJob,
    OperatorEvent,
    Requester,
)
from omi_actors.store.dead_jobs import settle_dead
from omi_actors.store.jobs import read_object
from omi_actors.store.transaction import EntityTransaction

# Jobs that one transaction changes at most: groups of commits wait for it.
SLICE = 200

# A number (`seq`) that no job has.
_NO_JOB = -1
_LISTED = tuple(field.name for field in fields(ListedJob))
_EVENT = tuple(field.name for field in fields(OperatorEvent))


def list_jobs(tx: EntityTransaction, chosen: JobFilter, *, before: int | None, limit: int) -> tuple[ListedJob, ...]:
    """Load a page of jobs with numbers (`seq`) below `before`, newest first."""
    jobs = _narrow(tx, _select_listed(tx), chosen)
    if before is not None:
        jobs = jobs.where(lambda job: job.seq < before)
    return tuple(map(_build_listed, jobs.order_by(orm.desc(1))[:limit]))


def load_job(tx: EntityTransaction, job_id: str) -> JobDetail | None:
    """Load one job with its text; None if there is no such job. `show_text` also records that the text was shown."""
    row = _select_listed(tx).where(job_id=job_id).first()
    if row is None:
        return None
    texts = dict(orm.select((message.role, message.text) for message in tx.db.Message if message.job_id == job_id))
    payload = orm.get(job.payload for job in tx.db.Job if job.job_id == job_id)
    return JobDetail(
        job=_build_listed(row), payload=read_object(payload), question=texts.get("user"), answer=texts.get("assistant")
    )


def show_text(tx: EntityTransaction, job_id: str, *, by: Requester) -> JobDetail | None:
    """Load one job, and record that its text is shown."""
    detail = load_job(tx, job_id)
    if detail is not None:
        record_event(tx, Action.SHOW_TEXT, {"job": job_id}, job_count=1, by=by)
    return detail


def choose_jobs(tx: EntityTransaction, action: Action, chosen: JobFilter) -> Choice:
    """Count the jobs that an action would change."""
    numbers = orm.select((orm.count(job), orm.max(job.seq)) for job in tx.db.Job)
    count, last_seq = _narrow(tx, numbers, chosen, STATES_FOR[action]).first()
    return Choice(count, last_seq or 0)


def change_jobs(tx: EntityTransaction, action: Action, chosen: JobFilter, *, by: Requester) -> Done:
    """Retry or discard the oldest of the chosen jobs, at most `SLICE` of them. Record an event about that."""
    jobs = _narrow(tx, orm.select(job for job in tx.db.Job), chosen, STATES_FOR[action])
    jobs = jobs.order_by(lambda job: job.seq).for_update(skip_locked=True)[:SLICE]
    change = _retry if action is Action.RETRY else _discard
    for job in jobs:
        change(tx, job)
    if jobs:
        record_event(tx, action, _describe(tx, chosen), job_count=len(jobs), by=by)
    return Done(len(jobs), frozenset(job.kind for job in jobs))


def pause_kind(tx: EntityTransaction, kind: str, *, by: Requester) -> bool:
    """Pause a kind of jobs: no more attempts begin. `*` pauses all kinds. Return False if it was paused already."""
    changed = tx.run(
        "INSERT INTO queue_pause (kind, paused_at) VALUES (?, ?) ON CONFLICT DO NOTHING", (kind, tx.now_s())
    )
    record_event(tx, Action.PAUSE, {"kind": kind}, job_count=0, by=by)
    return changed == 1


def resume_kind(tx: EntityTransaction, kind: str, *, by: Requester) -> bool:
    """End the pause of a kind of jobs; `*` ends all pauses. Return False if there was no pause."""
    where, params = ("", ()) if kind == ALL_KINDS else ("WHERE kind = ?", (kind,))
    changed = tx.run(f"DELETE FROM queue_pause {where}", params)  # noqa: S608 (our own words)
    record_event(tx, Action.RESUME, {"kind": kind}, job_count=0, by=by)
    return changed > 0


def load_events(tx: EntityTransaction, *, before: int | None, limit: int) -> tuple[OperatorEvent, ...]:
    """Load a page of events with numbers below `before`, newest first."""
    events = orm.select(
        (event.id, event.who, event.happened_at, event.action, event.target, event.job_count, event.request_id)
        for event in tx.db.OperatorEvent
    )
    if before is not None:
        events = events.where(lambda event: event.id < before)
    return tuple(map(_build_event, events.order_by(orm.desc(1))[:limit]))


def _select_listed(tx: EntityTransaction) -> Any:
    """Select the fields of ListedJob, in its order."""
    return orm.left_join(
        (
            job.seq,
            job.job_id,
            job.kind,
            job.state,
            job.lane,
            job.session.session_key,
            job.priority,
            job.attempts,
            job.max_attempts,
            job.deliveries,
            job.error,
            job.request_id,
            job.version,
            len(job.payload),
            job.created_at,
            job.run_at,
            job.lease_until,
            job.finished_at,
        )
        for job in tx.db.Job
    )


def _narrow(tx: EntityTransaction, jobs: Any, chosen: JobFilter, states: tuple[str, ...] = ()) -> Any:
    """Return the query `jobs`, limited to the chosen jobs, and to `states` if there are any."""
    for name in ("kind", "state", "lane", "job_id"):
        value = getattr(chosen, name)
        if value is not None:
            jobs = jobs.where(**{name: value})
    if chosen.session_key is not None:
        session = tx.db.Session.get(session_key=chosen.session_key)
        jobs = jobs.where(session=session) if session else jobs.where(seq=_NO_JOB)
    if (up_to := chosen.up_to) is not None:
        jobs = jobs.where(lambda job: job.seq <= up_to)
    if states:
        jobs = jobs.where(lambda job: job.state in states)
    wanted = {chosen.state} if chosen.state is not None else set(states)
    if wanted and wanted.isdisjoint(("ready", "running")):
        # The condition of the partial index `job_over`, in its own words: without it the index is not used.
        jobs = jobs.where(lambda job: job.state not in ("ready", "running"))
    return jobs


def _retry(tx: EntityTransaction, job: Any) -> None:
    """Make a dead job ready again, at its old place in its lane.

    A failure that was sent stays in the transcript. An unsent failure is not sent any more, since an answer may follow.
    """
    now_s, job_id = tx.now_s(), job.job_id
    failures = orm.select(
        message
        for message in tx.db.Message
        if message.job_id == job_id and message.role == "assistant" and message.kind == "failure"
    )
    unsent = orm.select(
        delivery
        for delivery in tx.db.Delivery
        if delivery.state in ("pending", "kept") and delivery.message in failures
    )
    unsent.delete(bulk=True)
    for failure in failures:
        failure.job_id = None
    if job.idempotency_key.startswith(KEY_PREFIX):
        delivery_id = job.idempotency_key.removeprefix(KEY_PREFIX)
        delivery = tx.db.Delivery.get(id=delivery_id, state="kept", channel="")
        if delivery is not None:
            delivery.set(state="pending", channel="notify", changed_at=now_s)
    if job.idempotency_key.startswith(FOLLOWUP_PREFIX):
        followup = tx.db.NotificationEvent.get(id=job.idempotency_key.removeprefix(FOLLOWUP_PREFIX), status="error")
        if followup is not None:
            followup.set(status="queued", error=None, changed_at=now_s)
    fresh = {"attempts": 0, "deliveries": 0, "token": None, "lease_until": None, "finished_at": None}
    job.set(state="ready", run_at=now_s, **fresh)


def _discard(tx: EntityTransaction, job: Any) -> None:
    """Cancel a job. Its question gets a failure as its answer; a notification's answer gets another channel."""
    settle_dead(tx, job.job_id)
    job.set(state="cancelled", finished_at=tx.now_s(), payload="{}", error="discarded by the operator")


def _describe(tx: EntityTransaction, chosen: JobFilter) -> dict[str, Any]:
    """Return the choice as ids. A session is named by its id, not by its key, which names the wearer."""
    ids = {"job": chosen.job_id, "kind": chosen.kind, "state": chosen.state, "lane": chosen.lane}
    if chosen.session_key is not None:
        session = tx.db.Session.get(session_key=chosen.session_key)
        ids["session"] = session.id if session else "gone"
    return {name: value for name, value in ids.items() if value is not None}


def record_event(
    tx: EntityTransaction, action: Action, target: Mapping[str, Any], *, job_count: int, by: Requester
) -> None:
    """Record an event in the transaction of its change. `target` holds ids only, never a person's text."""
    tx.db.OperatorEvent(
        who=by.who,
        happened_at=tx.now_s(),
        action=action.value,
        target=json.dumps(dict(target)),
        job_count=job_count,
        request_id=by.request_id,
    )


def _build_listed(row: Any) -> ListedJob:
    return ListedJob(**dict(zip(_LISTED, row, strict=True)))


def _build_event(row: Any) -> OperatorEvent:
    event = dict(zip(_EVENT, row, strict=True))
    return OperatorEvent(**event | {"target": json.loads(event["target"])})
