"""Requests, errors and webhooks for the operator's page, as values for JSON. No text of a person, no uid in clear.

Not here: keeping them (instruments/requests.py, instruments/webhooks.py), HTML (web/pages/). Threads: the event loop.
"""

import hashlib
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from omi_actors.instruments.requests import REQUESTS, JobNote, Trace
from omi_actors.instruments.webhooks import WEBHOOKS, KeptWebhook

# Rows of each list on the page; a person reads no more.
_ROWS = 50
# Fields of a line that its form shows elsewhere.
_OWN_FIELDS = frozenset(("event", "level", "timestamp"))
# Fields of a line about a job that stand on the job's page anyway.
_OF_JOB = frozenset(("job", "kind", "session"))


def build_sections(slow_s: float) -> dict[str, Any]:
    """Return the sections `active`, `errors` and `webhooks` of the operator's page."""
    now_mono_s = REQUESTS.clock.mono_s()
    active = [_active_form(trace, now_mono_s, slow_s) for trace in islice(REQUESTS.active(), _ROWS)]
    errors = [
        {
            "type": group.type,
            "where": group.where,
            "level": group.level,
            "count": group.count,
            "firstAt": _iso(group.first_at),
            "lastAt": _iso(group.last_at),
            "request": group.request_id if REQUESTS.find(group.request_id) is not None else "",
        }
        for group in islice(reversed(tuple(REQUESTS.errors.values())), _ROWS)
    ]
    webhooks = [webhook_form(webhook) for webhook in islice(WEBHOOKS.newest(), _ROWS)]
    return {"active": active, "errors": errors, "webhooks": webhooks}


def _active_form(trace: Trace, now_mono_s: float, slow_s: float) -> dict[str, Any]:
    age_s = now_mono_s - trace.began_mono_s
    return {
        "id": trace.request_id,
        "method": trace.method,
        "route": trace.route,
        "stage": trace.stage,
        "ageMs": _ms(age_s),
        "slow": age_s >= slow_s,
    }


def webhook_form(webhook: KeptWebhook) -> dict[str, Any]:
    """Return a webhook for the list."""
    trace = webhook.trace
    return {
        "id": trace.request_id,
        "at": _at(trace.began_mono_s),
        "fate": webhook.fate,
        "reason": webhook.reason,
        "status": trace.status,
        "ms": _ms((trace.ended_mono_s or trace.began_mono_s) - trace.began_mono_s),
        "bytes": webhook.size,
        "kind": webhook.kind,
        "wearer": name_wearer(webhook.session_key),
        "hasText": webhook.body is not None,
    }


def build_timeline(request_id: str) -> dict[str, Any] | None:
    """Return all that is kept of a request; None if nothing is."""
    trace = REQUESTS.find(request_id)
    if trace is None:
        return None
    steps = trace.steps()
    slowest, took_s = trace.slowest()
    is_over = trace.ended_mono_s is not None
    end_s = trace.ended_mono_s if trace.ended_mono_s is not None else REQUESTS.clock.mono_s()
    return {
        "id": trace.request_id,
        "method": trace.method,
        "route": trace.route,
        "at": _at(trace.began_mono_s),
        "state": _state_of(trace),
        "status": trace.status,
        "ms": _ms(end_s - trace.began_mono_s) if is_over and trace.is_whole else None,
        "ageMs": None if is_over else _ms(end_s - trace.began_mono_s),
        "error": trace.error,
        "slowest": {"stage": slowest, "ms": _ms(took_s)},
        "stages": [{"stage": name, "atMs": _ms(at_s), "tookMs": _ms(step_s)} for name, at_s, step_s in steps],
        "jobs": [_job_form(job) for job in (trace.jobs or {}).values()],
        "lines": [_line_form(line) for line in trace.lines or ()],
        "isWebhook": WEBHOOKS.find(request_id) is not None,
    }


def is_kept(request_id: str) -> bool:
    """Return True if the request has a timeline."""
    return REQUESTS.find(request_id) is not None


def build_attempts(request_id: str, job_id: str) -> list[dict[str, Any]]:
    """Return the warnings and errors about a job, oldest first, as far as they are kept with its request."""
    trace = REQUESTS.find(request_id)
    lines = (trace.lines if trace is not None else None) or ()
    about = (line for line in lines if line.get("job") == job_id and line["level"] not in ("debug", "info"))
    return [_attempt_form(_line_form(line)) for line in about]


def _attempt_form(line: dict[str, Any]) -> dict[str, Any]:
    """Return a line without what the job's page has already."""
    told = {name: value for name, value in line["fields"].items() if name not in _OF_JOB}
    return {**line, "fields": told}


def _state_of(trace: Trace) -> str:
    if not trace.is_whole:
        return "elsewhere"
    if trace.ended_mono_s is None:
        return "active"
    return "closed" if trace.status is None else "answered"


def _job_form(job: JobNote) -> dict[str, Any]:
    return {
        "id": job.job_id,
        "kind": job.kind,
        "outcome": job.outcome,
        "attempt": job.attempt,
        "ms": _ms(job.seconds) if job.seconds else None,
    }


def _line_form(line: Any) -> dict[str, Any]:
    fields = {name: value for name, value in line.items() if name not in _OWN_FIELDS and value is not None}
    return {"at": line.get("timestamp", ""), "level": line["level"], "event": str(line["event"]), "fields": fields}


def name_wearer(session_key: str) -> str:
    """Return a short name that is the same for all webhooks of one wearer, and tells nothing about them."""
    return hashlib.sha256(session_key.encode()).hexdigest()[:6] if session_key else ""


def _ms(seconds: float) -> float:
    return round(seconds * 1e3, 1)


def _at(mono_s: float) -> str:
    clock = REQUESTS.clock
    return _iso(clock.now_s() - (clock.mono_s() - mono_s))


def _iso(utc_s: float) -> str:
    moment = datetime.fromtimestamp(utc_s, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
