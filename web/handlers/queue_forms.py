"""Jobs and the operator's actions as JSON.

Not here: the addresses that show them (queue.py). Threads: any; pure.
"""

from typing import Any, NotRequired, TypedDict

from omi_actors.domain.work.queue_admin import JobDetail, ListedJob, OperatorEvent, redact_payload
from web.declare import Time
from web.problems import iso_time


class JobForm(TypedDict):
    """A job, without texts of conversations."""

    number: int
    id: str
    kind: str
    state: str
    lane: str
    sessionId: str | None
    priority: int
    attempts: int
    maxAttempts: int
    deliveries: int
    error: str | None
    requestId: str | None
    payloadVersion: int
    payloadCharacters: int
    createdAt: Time
    runAt: Time
    leaseUntil: Time | None
    finishedAt: Time | None


class TextForm(TypedDict):
    """A text, or only its length."""

    characters: int
    text: NotRequired[str]


class JobDetailForm(JobForm):
    """A whole job."""

    payload: dict[str, Any] | None
    question: TextForm | None
    answer: TextForm | None


class OperatorEventForm(TypedDict):
    """An action of the operator."""

    number: int
    who: str
    at: Time
    action: str
    target: dict[str, Any]
    jobs: int
    requestId: str | None


def job_form(job: ListedJob) -> JobForm:
    """Return a job for the list, without texts of conversations."""
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


def job_detail_form(detail: JobDetail, *, with_text: bool) -> JobDetailForm:
    """Return a whole job. Unless `with_text`, texts are replaced by their length."""
    payload = dict(detail.payload) if detail.payload is not None else None
    if payload is not None and not with_text:
        payload = redact_payload(payload)
    return {
        **job_form(detail.job),
        "payload": payload,
        "question": _text(detail.question, with_text=with_text),
        "answer": _text(detail.answer, with_text=with_text),
    }


def event_form(event: OperatorEvent) -> OperatorEventForm:
    """Return an event of the audit log for JSON."""
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


def _text(text: str | None, *, with_text: bool) -> TextForm | None:
    if text is None:
        return None
    return {"characters": len(text), "text": text} if with_text else {"characters": len(text)}
