"""Queue admin over HTTP: `/operator/queue/…`, `/operator/retention/resume`, and the audit log, `/operator/events`.

Not here: the changes themselves (omi_actors/status/queue_admin.py), HTML (web/pages/). Threads: the event loop.
"""

import re
from collections.abc import Mapping
from typing import NotRequired

from omi_actors.domain.sessions.keys import wearable_key
from omi_actors.domain.work.jobs import JobState
from omi_actors.domain.work.queue_admin import (
    ALL_KINDS,
    Action,
    JobFilter,
)
from omi_actors.errors import BadRequestError
from web.declare import PAGE, Fields, declare, declared_by
from web.edge.browsers import PAGE_POLICY
from web.edge.tolerant_json import read_object
from web.handlers.base import BaseHandler
from web.handlers.caller import Access
from web.handlers.queue_forms import JobDetailForm, JobForm, OperatorEventForm, event_form, job_detail_form, job_form
from web.pages.operator import render_job, render_jobs
from web.pages.render import JOBS
from web.parameters import Choice, Field, Number, Text
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


_ID = r"([A-Za-z0-9_.:-]{1,128})"
_BEFORE = Number("before", "`nextBefore` of the page before.")
_LIMIT = Number("limit", "Rows of the page.", 50, low=1, high=500)
# Of a page, which a person reads, also on a phone.
_PAGE_LIMIT = 25
_TEXT = Choice("text", "With 1, the texts; that is recorded.", ("0", "1"))
# A filter and its confirmation are short.
_MAX_BODY_BYTES = 4_096
_FILTER_ABOUT = {
    "kind": "Jobs of this kind.",
    "state": f"Jobs in this state: {', '.join(JobState)}.",
    "lane": "Jobs of this lane.",
    "session": "Jobs of this session: a wearer's uid, or the whole key.",
}
_PATTERNS = dict.fromkeys(_FILTER_ABOUT, f"^{_NAME.pattern}$") | {"state": f"^({'|'.join(JobState)})$"}
_FILTER = tuple(Text(name, about, max_chars=256, pattern=_PATTERNS[name]) for name, about in _FILTER_ABOUT.items())
_FILTER_FIELDS = tuple(
    Field(name, max_chars=256, about=about, form={"pattern": _PATTERNS[name]}) for name, about in _FILTER_ABOUT.items()
)
_CONFIRM = Field("confirm", about="`confirm` of the reply that counted the jobs; with it they are changed.")
_KIND = Field("kind", about="Jobs of this kind; without it, all.", example="answer")
_CHANGED = Fields({"retried": NotRequired[int], "discarded": NotRequired[int]})
_COUNTED = Fields({**_CHANGED.fields, "count": NotRequired[int], "confirm": NotRequired[str]})
_DONE = {Action.RETRY: "retried", Action.DISCARD: "discarded"}


class _QueueAdminHandler(BaseHandler):
    """Base of the queue handlers; only the operator may call any method."""

    access = Access.OPERATOR

    def page(self) -> tuple[int | None, int]:
        """Return the page's size, and the number below which it begins (None: the newest entry)."""
        limit = _LIMIT.read(self)
        return _BEFORE.read(self) or None, _PAGE_LIMIT if self.wants_page and not _LIMIT.is_given(self) else limit

    def read_fields(self) -> dict[str, str]:
        """Return the declared fields of the body, which must be strings; an empty body has none.

        Raises:
            BadRequestError: a field is unknown. A misspelt filter must not select every job.
        """
        fields = read_object(self.request.body or b"{}", max_bytes=_MAX_BODY_BYTES)
        longest = {field.name: field.max_chars for field in declared_by(self).fields}
        for name, value in fields.items():
            if name not in longest or not isinstance(value, str):
                raise BadRequestError(f"The fields must be strings named {', '.join(sorted(longest))}.")
            if len(value) > longest[name]:
                raise BadRequestError(f"`{name}` must have at most {longest[name]} characters.")
        return fields


class JobsHandler(_QueueAdminHandler):
    """Lists jobs, newest first, page by page, filtered by `kind`, `state`, `lane` and `session`; a page or JSON."""

    route = JOBS
    content_policy = PAGE_POLICY

    @declare((Fields({"jobs": list[JobForm], "nextBefore": int | None}), PAGE), query=(_BEFORE, _LIMIT, *_FILTER))
    async def get(self) -> None:
        """List jobs, newest first; `nextBefore` is null on the last page."""
        before, limit = self.page()
        fields = {one.name: one.find(self) for one in _FILTER if one.name in self.request.arguments}
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

    @declare((JobDetailForm, PAGE), query=(_TEXT,))
    async def get(self, job_id: str) -> None:
        """Show one job."""
        with_text = _TEXT.read(self) == "1"
        admin = self.site.system.queue_admin
        detail = await admin.show_job(job_id, with_text=with_text, by=self.requester)
        form = job_detail_form(detail, with_text=with_text)
        if self.wants_page:
            now_s = self.site.clock.now_s()
            self.send_page(render_job(form, now=iso_time(now_s), may_act=self.is_operator, with_text=with_text))
        else:
            self.send_json(form)

    @declare(Fields({"discarded": int}), errors=(409,))
    async def delete(self, job_id: str) -> None:
        """Discard the job if it waits or is dead."""
        await self.site.system.queue_admin.change_job(Action.DISCARD, job_id, by=self.requester)
        self.site.dashboard.forget_queue()
        self.send_json({"discarded": 1})


class ActHandler(_QueueAdminHandler):
    """Retries one dead job, or discards one that waits or is dead. A page's form is led back to the job."""

    route = f"{JOBS}/:jobId/:action"

    @declare({200: _CHANGED, 303: None}, errors=(409,))
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

    @declare(_COUNTED, body=(*_FILTER_FIELDS, _CONFIRM), errors=(409,))
    async def post(self, word: str) -> None:
        """Count the jobs, or change them."""
        action = Action(word)
        fields = self.read_fields()
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

    @declare(Fields({"kind": str, "changed": bool}), body=(_KIND,))
    async def post(self, word: str) -> None:
        """Pause or resume on every node. Restarts do not change this."""
        kind = self.read_fields().get("kind") or ALL_KINDS
        admin = self.site.system.queue_admin
        change = admin.pause if word == "pause" else admin.resume
        changed = await change(kind, by=self.requester)
        self.site.dashboard.forget_queue()
        self.send_json({"kind": kind, "changed": changed})


class RetentionHandler(_QueueAdminHandler):
    """Resumes retention after the operator has checked the clock."""

    route = "/operator/retention/resume"

    @declare(Fields({"changed": bool}))
    async def post(self) -> None:
        """Resume retention."""
        self.read_fields()
        changed = await self.site.system.queue_admin.resume_retention(by=self.requester)
        self.send_json({"changed": changed})


class EventsHandler(_QueueAdminHandler):
    """Lists the operator's actions, newest first."""

    route = "/operator/events"

    @declare(Fields({"events": list[OperatorEventForm], "nextBefore": int | None}), query=(_BEFORE, _LIMIT))
    async def get(self) -> None:
        """List the operator's actions, newest first."""
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
