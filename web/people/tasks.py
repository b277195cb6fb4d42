"""Tasks (`/agent-events`): list, add, complete.

Not here: statements (omi_actors/store/people/tasks.py). Threads: the event loop.
"""

import json
import re
from typing import Any, TypedDict
from uuid import UUID, uuid5

import msgspec

from omi_actors.errors import BadRequestError, ConflictError, DuplicateError, NotFoundError
from omi_actors.ids import new_id
from omi_actors.store.people import tasks
from omi_actors.store.people.tasks import Task
from web.declare import Id, Time, declare, ok
from web.parameters import Field, Header
from web.people.base import PersonHandler
from web.people.forms import cursor_of
from web.people.paging import CURSOR, page_limit
from web.problems import iso_time

_LIMIT = page_limit(50, 200)
# Bytes of JSON. A task is some sentences.
_PAYLOAD_BYTES = 16_384
# Characters that no store can hold.
_NO_TEXT = re.compile(r"[\ud800-\udfff]|\\u0000")
_AGAIN = "Load the list and send the request again."
_KEY = Header("Idempotency-Key", "Repetitions with the same key add one task.")


class TaskForm(TypedDict):
    """A task; `payload` is the client's own, with `done` and `completedAt` once it is completed."""

    id: Id
    type: str
    payload: dict[str, Any] | None
    createdAt: Time


_BODY = (
    Field("type", max_chars=100, about="What the task is.", example="todo", is_needed=True),
    Field(
        "payload",
        dict,
        max_chars=_PAYLOAD_BYTES,
        may_be_null=True,
        about=f"Anything, at most {_PAYLOAD_BYTES} bytes.",
        example={"text": "buy milk"},
    ),
)


class TasksHandler(PersonHandler):
    """Lists the person's tasks, newest first, and adds one."""

    route = "/agent-events"

    @declare(ok(items=list[TaskForm], nextCursor=str | None), query=(_LIMIT, CURSOR))
    async def get(self) -> None:
        """Answer with a page."""
        limit = _LIMIT.read(self)
        page = await self.store.read_cold(
            tasks.list_tasks, self.me.account_id, before=CURSOR.read(self), limit=limit + 1
        )
        last = page[limit - 1].position if len(page) > limit else None
        self.send_ok({"items": [_form(one) for one in page[:limit]], "nextCursor": last and cursor_of(last)})

    @declare({201: ok(event=TaskForm), 200: ok(event=TaskForm)}, query=(_KEY,), body=_BODY, errors=(409,))
    async def post(self) -> None:
        """Answer 201 with the new task, or 200 with the one that the same `Idempotency-Key` has added."""
        fields = self.read_fields()
        kind = fields.get("type", "").strip()
        if not kind:
            raise BadRequestError("type is required", hint="`type` says what the task is.")
        task = Task(self._make_id(), kind, as_json(fields.get("payload")), self.now_s)
        kept = await keep_task(self, task)
        self.send_ok({"event": _form(kept)}, 201 if kept is task else 200)

    def _make_id(self) -> str:
        """Return the new task's id: of a request that names itself, the same at each repetition."""
        key = _KEY.find(self)
        return str(uuid5(UUID(self.me.account_id), key)) if key else new_id()


class CompleteHandler(PersonHandler):
    """Completes a task."""

    route = "/agent-events/:id/complete"

    @declare(ok(event=TaskForm), errors=(409,))
    async def patch(self, task_id: str) -> None:
        """Add `done` and `completedAt` to the payload, and answer with the task."""
        self.read_fields()
        task = await complete_task(self, task_id)
        if task is None:
            raise NotFoundError("Not found", hint="GET /agent-events lists your tasks.")
        self.send_ok({"event": _form(task)})


async def keep_task(handler: PersonHandler, task: Task) -> Task:
    """Store a task of the person, and return it as it is kept: one with the same id may be there already.

    Raises:
        ConflictError: the account has as many tasks as it may, or the task came twice at once.
    """
    most = handler.site.people.tasks_per_account
    try:
        kept = await handler.store.write_alone(tasks.add_task, handler.me.account_id, task, limit=most)
    except DuplicateError as exc:  # another node has added it at the same moment
        raise ConflictError("The task is there already.", hint=_AGAIN) from exc
    if kept is None:
        raise ConflictError(f"This account has {most} tasks already.", hint="The operator can raise the limit.")
    return kept


async def complete_task(handler: PersonHandler, task_id: str) -> Task | None:
    """Complete a task of the person, and return it; None if there is no such task.

    Raises:
        ConflictError: it was changed at the same moment.
    """
    me = handler.me.account_id
    task = await handler.store.read_cold(tasks.find_task, me, task_id)
    if task is None:
        return None
    done = {"done": True, "completedAt": iso_time(handler.now_s)}
    payload = json.dumps({**(json.loads(task.payload) or {}), **done}, ensure_ascii=False)
    if not await handler.store.write_alone(tasks.set_payload, me, task_id, before=task.payload, payload=payload):
        raise ConflictError("The task has changed meanwhile.", hint=_AGAIN)
    return Task(task_id, task.kind, payload, task.created_at)


ROUTES = (
    (r"/agent-events/?", TasksHandler),
    (r"/agent-events/([^/%]+)/complete/?", CompleteHandler),
)


def as_json(payload: dict[str, Any] | None) -> str:
    """Return a payload as JSON.

    Raises:
        BadRequestError: it is too long, or no JSON that can be stored.
    """
    try:
        text = json.dumps(payload, ensure_ascii=False, allow_nan=False)
    except (ValueError, RecursionError) as exc:
        raise BadRequestError("`payload` cannot be stored as JSON.", hint="It holds NaN, or is too deep.") from exc
    if _NO_TEXT.search(text):
        raise BadRequestError("`payload` must be text.", hint="It holds a NUL or half a surrogate pair.")
    if len(text.encode()) > _PAYLOAD_BYTES:
        raise BadRequestError("`payload` is too long.", hint=f"It must have at most {_PAYLOAD_BYTES} bytes.")
    return text


def _form(task: Task) -> dict[str, Any]:
    return {
        "id": task.task_id,
        "type": task.kind,
        "payload": msgspec.Raw(task.payload.encode()),
        "createdAt": iso_time(task.created_at),
    }
