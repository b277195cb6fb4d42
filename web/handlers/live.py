"""The dashboard's event stream, and its restart of an actor.

Not here: the document and its rounds (web/dashboard.py), actions on the queue (queue.py). Threads: the event loop.
"""

from typing import Any

from omi_actors.domain.people.accounts import Role
from omi_actors.domain.work.queue_admin import Action
from omi_actors.errors import BadRequestError
from omi_actors.instruments.logs import get_logger
from omi_actors.kit.errors import ExpectedError
from web.dashboard import EVERY
from web.declare import Fields, Media, declare
from web.edge.tolerant_json import read_object
from web.handlers.base import BaseHandler
from web.handlers.caller import OPERATOR_COOKIE, SECURE_OPERATOR_COOKIE, Access
from web.handlers.event_stream import EventStreamHandler
from web.handlers.pages import NODE
from web.pages.render import DASHBOARD
from web.parameters import Field, Number

_log = get_logger(__name__)

_MAX_BODY_BYTES = 4_096
_EVERY = Number("every", f"Seconds between two events: {', '.join(map(str, EVERY))}.", 1, low=1, high=max(EVERY))
_PATH = Field("path", about="As in the section `actors` of data.json.", is_needed=True)
# The last event: the page need not ask, and be refused, to know it.
_SIGNED_OUT = b"data: signed-out\n\n"


class DashboardEventsHandler(EventStreamHandler):
    """One stream of documents. It ends with the rights of its caller, and when the server stops."""

    route = f"{DASHBOARD}/events"
    access = Access.OPERATOR
    is_logged = False
    read_s = 10.0

    @declare(Media("text/event-stream", dict[str, Any]), query=(_EVERY,))
    async def get(self) -> None:
        """Send a document at once, then by `every` (1, 5 or 15 seconds), and a comment each second between."""
        every = _EVERY.read(self)
        if every not in EVERY:
            raise BadRequestError(f"`every` must be one of {', '.join(map(str, EVERY))}.")
        dashboard = self.site.dashboard
        viewer = dashboard.open(every)

        async def next_event() -> bytes:
            event = await viewer.wait()
            if event and not self._may_go_on():
                viewer.end()
                return _SIGNED_OUT
            return event

        try:
            await self.send_events(viewer, next_event)
        finally:
            dashboard.leave(viewer)

    def _may_go_on(self) -> bool:
        """Return False if the operator's session in this browser has ended, or the page has left."""
        if self.is_gone:
            return False
        if "Authorization" in self.request.headers or (self.person is not None and self.person.role is not Role.PERSON):
            return True
        token = self.get_cookie(SECURE_OPERATOR_COOKIE) or self.get_cookie(OPERATOR_COOKIE)
        return token is not None and self.site.operators.is_open(token)


class RestartHandler(BaseHandler):
    """Restarts an actor. The audit log has who did."""

    route = f"{DASHBOARD}/actors/restart"
    access = Access.OPERATOR
    # A group's children may need some seconds each to end.
    has_own_deadline = True
    is_slow_by_nature = True

    @declare(Fields({"restarted": str}), query=(NODE,), body=(_PATH,), style="open", errors=(404,))
    async def post(self) -> None:
        """Restart the actor with the `path` of the body, a string.

        Raises:
            BadRequestError: the body names no path. NotFoundError: no such actor can be restarted.
        """
        path = read_object(self.request.body or b"{}", max_bytes=_MAX_BODY_BYTES).get("path")
        if not isinstance(path, str):
            raise BadRequestError("`path` must be a string, as in the section `actors` of data.json.")
        if await self.answer_at(NODE.read(self)):
            return
        actors = self.site.system.actors
        actors.require(path)
        try:
            await self.site.system.queue_admin.record(Action.RESTART_ACTOR, {"actor": path}, by=self.requester)
        except ExpectedError as error:
            # A store that does not answer may be the reason for the restart; the log has the action then.
            _log.warning("operator_event_not_stored", action=Action.RESTART_ACTOR, error=type(error).__name__)
        _log.warning("actor_restarted_by_operator", actor=path, who=self.requester.who)
        await actors.restart(path)
        self.send_json({"restarted": path})


ROUTES = ((DashboardEventsHandler.route, DashboardEventsHandler), (RestartHandler.route, RestartHandler))
