"""Queue admin over HTTP: `/operator/queue/…`, `/operator/retention/resume`, and the audit log, `/operator/events`.

Not here: the changes themselves (omi_actors/status/queue_admin.py), HTML (web/pages/). Threads: the event loop.
"""

import re
from collections.abc import Mapping
from typing import Any

from omi_actors.domain.sessions.keys import wearable_key
from omi_actors.domain.work.jobs import JobState
from omi_actors.domain.work.queue_admin import (
    ALL_KINDS,
    Action,
    JobDetail,
    JobFilter,
    ListedJob,
    OperatorEvent,
    redact_payload,
)
from omi_actors.errors import BadRequestError
from web.edge.browsers import PAGE_POLICY
from web.edge.tolerant_json import read_object
from web.handlers.base import BaseHandler, whole_number
from web.handlers.caller import Access
from web.pages.operator import render_job, render_jobs
from web.pages.render import JOBS
from web.problems import iso_time

_NAME = re.compile(r"[A-Za-z0-9_.:@-]{1,256}")


def build_filter(fields: Mapping[str, str]) -> JobFilter:
    """Return the filter for `kind`, `state`, `lane` and `session` (a wearer's uid or a session's whole key).

    Raises:
        BadRequestError: a value can match no job.
    """
    for name, value in fields.items():
        if not _NAME.fullmatch(value):
            raise BadRequestError(f"`{name}` has a character or a length that no such name has.")
    state, session = fields.get("state"), fields.get("session")
    if state is not None and state not in [one.value for one in JobState]:
        raise BadRequestError(f"`state` must be one of {', '.join(JobState)}.")
    if session is not None and ":" not in session:
        session = wearable_key(session)
    return JobFilter(kind=fields.get("kind"), state=state, lane=fields.get("lane"), session_key=session)


def job_form(job: ListedJob) -> dict[str, Any]:
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


def job_detail_form(detail: JobDetail, *, with_text: bool) -> dict[str, Any]:
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


def event_form(event: OperatorEvent) -> dict[str, Any]:
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


def _text(text: str | None, *, with_text: bool) -> dict[str, Any] | None:
    if text is None:
        return None
    return {"characters": len(text), "text": text} if with_text else {"characters": len(text)}


_ID = r"([A-Za-z0-9_.:-]{1,128})"
_DEFAULT_LIMIT = 50
# Of a page, which a person reads, also on a phone.
_PAGE_LIMIT = 25
_MAX_LIMIT = 500
_MAX_NUMBER = 2**63 - 1
# A filter and its confirmation are short.
_MAX_BODY_BYTES = 4_096
_FILTER_FIELDS = frozenset({"kind", "state", "lane", "session"})
_DONE = {Action.RETRY: "retried", Action.DISCARD: "discarded"}


class _QueueAdminHandler(BaseHandler):
    """Base of the queue handlers; only the operator may call any method."""

    access = Access.OPERATOR

    def page(self) -> tuple[int | None, int]:
        """Return the page's size, and the number below which it begins (None: the newest entry)."""
        before = whole_number(self, "before", 0, low=0, high=_MAX_NUMBER)
        default = _PAGE_LIMIT if self.wants_page else _DEFAULT_LIMIT
        return before or None, whole_number(self, "limit", default, low=1, high=_MAX_LIMIT)

    def read_fields(self, allowed: frozenset[str]) -> dict[str, str]:
        """Return the body's fields, which must be strings; an empty body has none.

        Raises:
            BadRequestError: a field is unknown. A misspelt filter must not select every job.
        """
        fields = read_object(self.request.body or b"{}", max_bytes=_MAX_BODY_BYTES)
        for name, value in fields.items():
            if name not in allowed or not isinstance(value, str):
                raise BadRequestError(f"The fields must be strings named {', '.join(sorted(allowed))}.")
        return fields


class JobsHandler(_QueueAdminHandler):
    """Lists jobs, newest first, page by page, filtered by `kind`, `state`, `lane` and `session`; a page or JSON."""

    route = JOBS
    content_policy = PAGE_POLICY

    async def get(self) -> None:
        """Answer with a page; `nextBefore` is null on the last one."""
        before, limit = self.page()
        fields = {name: self.get_query_argument(name) for name in _FILTER_FIELDS & {*self.request.arguments}}
        if self.wants_page:
            # A form sends its empty fields, too.
            fields = {name: value for name, value in fields.items() if value}
        jobs = await self.site.system.queue_admin.list_jobs(build_filter(fields), before=before, limit=limit)
        shown = {"jobs": [job_form(job) for job in jobs], "nextBefore": jobs[-1].seq if len(jobs) == limit else None}
        if self.wants_page:
            kinds = self.site.system.queue_admin.kinds
            self.send_page(render_jobs(shown, fields, kinds=kinds, is_first=before is None, limit=limit))
        else:
            self.send_json(shown)


class JobHandler(_QueueAdminHandler):
    """Shows or discards one job. `text=1` shows its text, and that is recorded."""

    route = f"{JOBS}/:jobId"
    content_policy = PAGE_POLICY

    async def get(self, job_id: str) -> None:
        """Answer with the job."""
        with_text = self.get_query_argument("text", "") == "1"
        admin = self.site.system.queue_admin
        detail = await admin.show_job(job_id, with_text=with_text, by=self.requester)
        form = job_detail_form(detail, with_text=with_text)
        if self.wants_page:
            now_s = self.site.clock.now_s()
            self.send_page(render_job(form, now=iso_time(now_s), may_act=self.is_operator, with_text=with_text))
        else:
            self.send_json(form)

    async def delete(self, job_id: str) -> None:
        """Discard the job if it waits or is dead."""
        await self.site.system.queue_admin.change_job(Action.DISCARD, job_id, by=self.requester)
        self.site.dashboard.forget_queue()
        self.send_json({"discarded": 1})


class ActHandler(_QueueAdminHandler):
    """Retries one dead job, or discards one that waits or is dead. A page's form is led back to the job."""

    route = f"{JOBS}/:jobId/:action"

    async def post(self, job_id: str, word: str) -> None:
        """Make the dead job ready again, or cancel it."""
        action = Action(word)
        await self.site.system.queue_admin.change_job(action, job_id, by=self.requester)
        self.site.dashboard.forget_queue()
        if self.wants_page:
            self.redirect(f"{JOBS}/{job_id}", status=303)
        else:
            self.send_json({_DONE[action]: 1})


class BulkHandler(_QueueAdminHandler):
    """Changes many jobs. The first call counts them; a second one with the returned `confirm` changes them."""

    route = "/operator/queue/:action"

    async def post(self, word: str) -> None:
        """Count the jobs, or change them."""
        action = Action(word)
        fields = self.read_fields(_FILTER_FIELDS | {"confirm"})
        confirmation = fields.pop("confirm", None)
        chosen, admin = build_filter(fields), self.site.system.queue_admin
        if confirmation is None:
            choice = await admin.choose(action, chosen)
            self.send_json({"count": choice.count, "confirm": choice.confirmation(action, chosen)})
            return
        count = await admin.change_jobs(action, chosen, confirmation=confirmation, by=self.requester)
        self.site.dashboard.forget_queue()
        self.send_json({_DONE[action]: count})


class PauseHandler(_QueueAdminHandler):
    """Pauses or resumes a kind of jobs; without `kind`, all of them."""

    route = "/operator/queue/:action"

    async def post(self, word: str) -> None:
        """Pause or resume on every node. Restarts do not change this."""
        kind = self.read_fields(frozenset({"kind"})).get("kind") or ALL_KINDS
        admin = self.site.system.queue_admin
        change = admin.pause if word == "pause" else admin.resume
        changed = await change(kind, by=self.requester)
        self.site.dashboard.forget_queue()
        self.send_json({"kind": kind, "changed": changed})


class RetentionHandler(_QueueAdminHandler):
    """Resumes retention after the operator has checked the clock."""

    route = "/operator/retention/resume"

    async def post(self) -> None:
        """Resume retention."""
        self.read_fields(frozenset())
        changed = await self.site.system.queue_admin.resume_retention(by=self.requester)
        self.send_json({"changed": changed})


class EventsHandler(_QueueAdminHandler):
    """Lists the operator's actions, newest first."""

    route = "/operator/events"

    async def get(self) -> None:
        """Answer with a page of events."""
        before, limit = self.page()
        events = await self.site.system.queue_admin.load_events(before=before, limit=limit)
        next_before = events[-1].number if len(events) == limit else None
        self.send_json({"events": [event_form(event) for event in events], "nextBefore": next_before})


ROUTES = (
    (JOBS, JobsHandler),
    (rf"{JOBS}/{_ID}/(retry|discard)", ActHandler),
    (rf"{JOBS}/{_ID}", JobHandler),
    (r"/operator/queue/(retry|discard)", BulkHandler),
    (r"/operator/queue/(pause|resume)", PauseHandler),
    (r"/operator/retention/resume", RetentionHandler),
    (r"/operator/events", EventsHandler),
)
