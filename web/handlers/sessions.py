"""The operator's view of the sessions in memory: `GET /sessions`; `POST /sessions/clear` makes idle ones leave.

Not here: their transcripts (transcript.py), the counts (status.py). Threads: the event loop.
"""

import re
from typing import Annotated, NotRequired, TypedDict

from msgspec import Meta

from omi_actors.errors import BadRequestError
from web.declare import Fields, Time, declare
from web.edge.tolerant_json import read_object
from web.handlers.base import BaseHandler
from web.handlers.caller import Access
from web.problems import iso_time

_SHOWN = 100
_MAX_BYTES = 4_096
_DIGITS = re.compile(r"[0-9]{1,15}")
# ms of an hour, and the most: ten years.
_OLDER_THAN_MS, _MAX_MS = 3_600_000, 315_576_000_000


class SessionForm(TypedDict):
    """A session in memory. `hasPending`: an answer is under way."""

    sessionId: str
    space: str
    hasPending: bool
    lastActivity: Time
    conversationId: str | None


class ClearForm(TypedDict):
    """The ms for which a session must have been idle; an hour without it."""

    olderThan: NotRequired[Annotated[int, Meta(ge=0, le=_MAX_MS)] | Annotated[str, Meta(pattern="^[0-9]{1,12}$")]]


class SessionsHandler(BaseHandler):
    """Lists the sessions in the memory of this node, at most 100, those that were used last first."""

    route = "/sessions"
    access = Access.OPERATOR

    @declare(Fields({"total": int, "sessions": list[SessionForm]}))
    async def get(self) -> None:
        """Answer with the sessions, and how many there are in all."""
        total, sessions = await self.site.system.memory.list(limit=_SHOWN)
        forms = [
            {
                "sessionId": one.session_key,
                "space": one.space,
                "hasPending": one.is_asked,
                "lastActivity": iso_time(one.used_at),
                "conversationId": one.conversation_id,
            }
            for one in sessions
        ]
        self.send_json({"total": total, "sessions": forms})

    head = get


class ClearHandler(BaseHandler):
    """Takes sessions out of memory that nobody has used for a time. All that they have stored stays."""

    route = "/sessions/clear"
    access = Access.OPERATOR

    @declare(Fields({"cleared": int, "remaining": int}), body=ClearForm, example={"olderThan": 3_600_000})
    async def post(self) -> None:
        """Answer how many were asked to leave, and how many stay. One that waits for an answer finishes it first."""
        done = await self.site.system.memory.clear(idle_s=_read_older_than_ms(self.request.body) / 1e3)
        self.send_json({"cleared": done.cleared, "remaining": done.remaining})


def _read_older_than_ms(body: bytes) -> int:
    """Return the field `olderThan`, a number or its digits; an hour without it.

    Raises:
        BadRequestError: it is another value, or out of its range.
    """
    fields = read_object(body, max_bytes=_MAX_BYTES) if body.strip() else {}
    given = fields.get("olderThan", fields.get("older_than", _OLDER_THAN_MS))
    text = str(given) if isinstance(given, int | str) and not isinstance(given, bool) else ""
    if not _DIGITS.fullmatch(text) or int(text) > _MAX_MS:
        raise BadRequestError(
            f"`olderThan` must be a whole number of ms from 0 to {_MAX_MS}.", hint="Without it, it is an hour."
        )
    return int(text)


ROUTES = (
    (r"/sessions/?", SessionsHandler),
    (r"/sessions/clear/?", ClearHandler),
)
