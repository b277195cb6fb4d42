"""The operator's hand in the queue: jobs are listed, looked at, retried and discarded.

Not here: what an attempt does to its job (jobs.py), pauses (queue_state.py), who may do it (web/). Threads: looking a
store actor's, changing the writer's.
"""

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

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
)
from omi_actors.store.dead_jobs import settle_given_up
from omi_actors.store.jobs import read_object
from omi_actors.store.transaction import Transaction

# Jobs that one transaction changes at most: others' commits wait for it.
SLICE = 200

_COLUMNS = (
    "job.seq, job.job_id, job.kind, job.state, job.lane, session.session_key, job.priority, job.attempts,"
    " job.max_attempts, job.deliveries, job.error, job.request_id, job.version, length(job.payload), job.created_at,"
    " job.run_at, job.lease_until, job.finished_at"
)
_FROM = "FROM job LEFT JOIN session ON session.id = job.session_id"
_NAMES = tuple(field.name for field in fields(ListedJob))
# Whose failure was said already keeps the sentence in the transcript; one that was not is not owed any more.
_DROP_FAILURE = (
    "DELETE FROM delivery WHERE state IN ('pending', 'kept') AND message_id IN"
    " (SELECT id FROM message WHERE job_id = ? AND role = 'assistant' AND kind = 'failure')"
)
_FREE_FAILURE = "UPDATE message SET job_id = NULL WHERE job_id = ? AND role = 'assistant' AND kind = 'failure'"
_NOTIFY_AGAIN = (
    "UPDATE delivery SET state = 'pending', channel = 'notify', changed_at = ? WHERE state = 'kept' AND channel = ''"
    " AND id = (SELECT substr(idempotency_key, 8) FROM job"
    " WHERE job_id = ? AND substr(idempotency_key, 1, 7) = 'notify:')"
)
_MAKE_READY = (
    "UPDATE job SET state = 'ready', run_at = ?, attempts = 0, deliveries = 0, token = NULL, lease_until = NULL,"
    " finished_at = NULL WHERE job_id = ?"
)
_CANCEL = (
    "UPDATE job SET state = 'cancelled', finished_at = ?, payload = '{}', error = 'discarded by the operator'"
    " WHERE job_id = ?"
)


def list_jobs(tx: Transaction, chosen: JobFilter, *, before: int | None, limit: int) -> tuple[ListedJob, ...]:
    """Load a page of jobs, newest first, those with numbers (`seq`) below `before`."""
    where, params = _where(chosen)
    if before is not None:
        where, params = f"{where} AND job.seq < ?", (*params, before)
    rows = tx.fetch(f"SELECT {_COLUMNS} {_FROM} WHERE {where} ORDER BY job.seq DESC LIMIT ?", (*params, limit))
    return tuple(_build_listed(row) for row in rows)


def load_job(tx: Transaction, job_id: str) -> JobDetail | None:
    """Load one job with its text; None if there is none. Who shows the text records it: see `show_text`."""
    row = tx.fetch_one(f"SELECT {_COLUMNS}, job.payload {_FROM} WHERE job.job_id = ?", (job_id,))
    if row is None:
        return None
    said = dict(tx.fetch("SELECT role, text FROM message WHERE job_id = ?", (job_id,)))
    return JobDetail(
        job=_build_listed(row[:-1]),
        payload=read_object(row[-1]),
        question=said.get("user"),
        answer=said.get("assistant"),
    )


def show_text(tx: Transaction, job_id: str, *, request_id: str) -> JobDetail | None:
    """Load one job, and record that its text is shown."""
    detail = load_job(tx, job_id)
    if detail is not None:
        record_event(tx, Action.SHOW_TEXT, {"job": job_id}, job_count=1, request_id=request_id)
    return detail


def choose_jobs(tx: Transaction, action: Action, chosen: JobFilter) -> Choice:
    """Count the jobs that an action would be for."""
    where, params = _where(chosen, STATES_FOR[action])
    count, last_seq = tx.fetch_one(f"SELECT count(*), max(seq) FROM job WHERE {where}", params) or (0, None)  # noqa: S608
    return Choice(int(count), int(last_seq or 0))


def change_jobs(tx: Transaction, action: Action, chosen: JobFilter, *, request_id: str) -> Done:
    """Retry or discard the oldest of the jobs that are chosen, at most `SLICE` of them, and record it."""
    where, params = _where(chosen, STATES_FOR[action])
    jobs = tx.fetch(
        f"SELECT job_id, kind FROM job WHERE {where} ORDER BY seq LIMIT ? {tx.skip_locked}",  # noqa: S608 (our own words)
        (*params, SLICE),
    )
    change = _retry if action is Action.RETRY else _discard
    for job_id, _ in jobs:
        change(tx, job_id)
    if jobs:
        record_event(tx, action, _describe(tx, chosen), job_count=len(jobs), request_id=request_id)
    return Done(len(jobs), frozenset(kind for _, kind in jobs))


def _retry(tx: Transaction, job_id: str) -> None:
    """Let a dead job begin anew, at its old place in its lane."""
    now_s = tx.now_s()
    tx.run(_DROP_FAILURE, (job_id,))
    tx.run(_FREE_FAILURE, (job_id,))
    tx.run(_NOTIFY_AGAIN, (now_s, job_id))
    tx.run(_MAKE_READY, (now_s, job_id))


def _discard(tx: Transaction, job_id: str) -> None:
    """Call a job off; whoever waits for it is told as if it had failed."""
    settle_given_up(tx, job_id)
    tx.run(_CANCEL, (tx.now_s(), job_id))


def _where(chosen: JobFilter, states: tuple[str, ...] = ()) -> tuple[str, tuple[Any, ...]]:
    """Return the condition of a choice, within `states` if there are any, and its parameters."""
    parts: list[str] = ["1 = 1"]
    params: list[Any] = []
    for column, value in zip(("kind", "state", "lane"), (chosen.kind, chosen.state, chosen.lane), strict=True):
        if value is not None:
            parts.append(f"job.{column} = ?")
            params.append(value)
    if chosen.session_key is not None:
        parts.append("job.session_id = (SELECT id FROM session WHERE session_key = ?)")
        params.append(chosen.session_key)
    if chosen.job_id is not None:
        parts.append("job.job_id = ?")
        params.append(chosen.job_id)
    if chosen.up_to is not None:
        parts.append("job.seq <= ?")
        params.append(chosen.up_to)
    if states:
        parts.append(f"job.state IN ({', '.join('?' * len(states))})")
        params += states
    wanted = {chosen.state} if chosen.state is not None else set(states)
    if wanted and wanted.isdisjoint(("ready", "running")):
        # Said in the index's own words, so that it is used.
        parts.append("job.state NOT IN ('ready', 'running')")
    return " AND ".join(parts), tuple(params)


def _describe(tx: Transaction, chosen: JobFilter) -> dict[str, Any]:
    """Say in ids what was chosen; a session by the one that leaves with it, not by its wearer's."""
    told = {"job": chosen.job_id, "kind": chosen.kind, "state": chosen.state, "lane": chosen.lane}
    if chosen.session_key is not None:
        found = tx.fetch_one("SELECT id FROM session WHERE session_key = ?", (chosen.session_key,))
        told["session"] = found[0] if found else "gone"
    return {name: value for name, value in told.items() if value is not None}


def _build_listed(row: Any) -> ListedJob:
    return ListedJob(**dict(zip(_NAMES, row, strict=True)))


def record_event(
    tx: Transaction, action: Action, target: Mapping[str, Any], *, job_count: int, request_id: str
) -> None:
    """Record what is done in this transaction. `target` says in ids what is meant, never in words of anybody."""
    tx.run(
        "INSERT INTO operator_event (happened_at, action, target, job_count, request_id) VALUES (?, ?, ?, ?, ?)",
        (tx.now_s(), action.value, json.dumps(dict(target)), job_count, request_id),
    )


def load_events(tx: Transaction, *, before: int | None, limit: int) -> tuple[OperatorEvent, ...]:
    """Load a page of events, newest first, those with numbers below `before`."""
    older, params = ("WHERE id < ?", (before,)) if before is not None else ("", ())
    rows = tx.fetch(
        "SELECT id, who, happened_at, action, target, job_count, request_id FROM operator_event"  # noqa: S608 (our own)
        f" {older} ORDER BY id DESC LIMIT ?",
        (*params, limit),
    )
    return tuple(_build_event(*row) for row in rows)


def _build_event(number: int, who: str, happened_at: float, action: str, *more: Any) -> OperatorEvent:
    target, job_count, request_id = more
    return OperatorEvent(
        number=number,
        who=who,
        happened_at=happened_at,
        action=action,
        target=json.loads(target),
        job_count=job_count,
        request_id=request_id,
    )


def pause_kind(tx: Transaction, kind: str, *, request_id: str) -> bool:
    """Begin no more jobs of this kind, or of `*`; False if it was so already."""
    changed = tx.run(
        "INSERT INTO queue_pause (kind, paused_at) VALUES (?, ?) ON CONFLICT DO NOTHING", (kind, tx.now_s())
    )
    record_event(tx, Action.PAUSE, {"kind": kind}, job_count=0, request_id=request_id)
    return changed == 1


def resume_kind(tx: Transaction, kind: str, *, request_id: str) -> bool:
    """Begin jobs of this kind again; `*` ends every pause. False if there was none to end."""
    where, params = ("", ()) if kind == ALL_KINDS else ("WHERE kind = ?", (kind,))
    changed = tx.run(f"DELETE FROM queue_pause {where}", params)  # noqa: S608 (our own words)
    record_event(tx, Action.RESUME, {"kind": kind}, job_count=0, request_id=request_id)
    return changed > 0
