"""Jobs and the operator's events as they go out, and a choice of jobs as it comes in.

Not here: the handlers (handlers/queue.py). Threads: none, pure.
"""

import re
from collections.abc import Mapping
from typing import Any

from omi_actors.domain.work.jobs import JobState
from omi_actors.domain.work.queue_admin import JobDetail, JobFilter, ListedJob, OperatorEvent, redact_payload
from omi_actors.errors import BadRequestError
from web.problems import iso_time
from web.webhook.intake import session_key_of

_NAME = re.compile(r"[A-Za-z0-9_.:@-]{1,256}")


def build_filter(fields: Mapping[str, str]) -> JobFilter:
    """Return which jobs are meant by `kind`, `state`, `lane` and `session` (a wearer's uid, or a session's whole key).

    Raises:
        BadRequestError: no job can be meant.
    """
    for name, value in fields.items():
        if not _NAME.fullmatch(value):
            raise BadRequestError(f"`{name}` is no such name.")
    state, session = fields.get("state"), fields.get("session")
    if state is not None and state not in [one.value for one in JobState]:
        raise BadRequestError(f"`state` is one of {', '.join(JobState)}.")
    if session is not None and ":" not in session:
        session = session_key_of(session)
    return JobFilter(kind=fields.get("kind"), state=state, lane=fields.get("lane"), session_key=session)


def job_form(job: ListedJob) -> dict[str, Any]:
    """Return a job as it is listed: nothing of what anybody said."""
    return {
        "number": job.seq,
        "id": job.job_id,
        "kind": job.kind,
        "state": job.state,
        "lane": job.lane,
        "sessionId": job.session_key,
        "priority": job.priority,
        "attempts": job.attempts,
        "maxAttempts": job.max_attempts,
        "deliveries": job.deliveries,
        "error": job.error,
        "requestId": job.request_id,
        "payloadVersion": job.version,
        "payloadCharacters": job.payload_characters,
        "createdAt": iso_time(job.created_at),
        "runAt": iso_time(job.run_at),
        "leaseUntil": _time(job.lease_until),
        "finishedAt": _time(job.finished_at),
    }


def job_detail_form(detail: JobDetail, *, with_text: bool) -> dict[str, Any]:
    """Return a whole job. Without text, what anybody said is only measured."""
    payload = dict(detail.payload) if detail.payload is not None else None
    if payload is not None and not with_text:
        payload = redact_payload(payload)
    return {
        **job_form(detail.job),
        "payload": payload,
        "question": _text(detail.question, with_text=with_text),
        "answer": _text(detail.answer, with_text=with_text),
    }


def event_form(event: OperatorEvent) -> dict[str, Any]:
    """Return a line of the audit."""
    return {
        "number": event.number,
        "who": event.who,
        "at": iso_time(event.happened_at),
        "action": event.action,
        "target": dict(event.target),
        "jobs": event.job_count,
        "requestId": event.request_id,
    }


def _time(utc_s: float | None) -> str | None:
    return None if utc_s is None else iso_time(utc_s)


def _text(text: str | None, *, with_text: bool) -> dict[str, Any] | None:
    if text is None:
        return None
    return {"characters": len(text), "text": text} if with_text else {"characters": len(text)}
