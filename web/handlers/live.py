"""The dashboard's event stream, and its restart of an actor.

Not here: the document and its rounds (web/dashboard.py), actions on the queue (queue.py). Threads: the event loop.
"""

import asyncio
import contextlib

from tornado.iostream import StreamClosedError

from omi_actors.domain.people.accounts import Role
from omi_actors.domain.work.queue_admin import Action
from omi_actors.errors import BadRequestError
from omi_actors.instruments.logs import get_logger
from omi_actors.kit.errors import ExpectedError
from web.dashboard import EVERY, Viewer
from web.edge.tolerant_json import read_object
from web.handlers.base import BaseHandler, whole_number
from web.handlers.caller import OPERATOR_COOKIE, SECURE_OPERATOR_COOKIE, Access
from web.pages.render import DASHBOARD

_log = get_logger(__name__)

_MAX_BODY_BYTES = 4_096
# Seconds in which a page must read what was sent. One that does not is cut off.
_READ_S = 10.0


class DashboardEventsHandler(BaseHandler):
    """One stream of documents. It ends with the rights of its caller, and when the server stops."""

    route = f"{DASHBOARD}/events"
    access = Access.OPERATOR
    is_slow_by_nature = True
    # A stream has no deadline.
    has_own_deadline = True
    is_logged = False
    is_kept = False

    _viewer: Viewer | None = None

    def head(self) -> None:
        """Answer as to GET, without events."""
        self._set_headers()
        self.finish()

    async def get(self) -> None:
        """Send a document at once, then by `every` (1, 5 or 15 seconds), and a comment each second between."""
        every = whole_number(self, "every", 1, low=1, high=max(EVERY))
        if every not in EVERY:
            raise BadRequestError(f"`every` must be one of {', '.join(map(str, EVERY))}.")
        dashboard = self.site.dashboard
        viewer = self._viewer = dashboard.open(every)
        ending = asyncio.ensure_future(self._end_with_token(viewer))
        self._set_headers()
        try:
            while event := await viewer.wait():
                if not self._may_go_on():
                    break
                self.write(event)
                async with asyncio.timeout(_READ_S):
                    await self.flush()
        except (StreamClosedError, TimeoutError):
            self.close()
            return
        finally:
            ending.cancel()
            dashboard.leave(viewer)
        self.finish()

    def on_connection_close(self) -> None:
        """End the stream of a page that was closed."""
        super().on_connection_close()
        if self._viewer is not None:
            self._viewer.end()

    def _set_headers(self) -> None:
        self.set_header("Content-Type", "text/event-stream; charset=utf-8")
        self.set_header("X-Accel-Buffering", "no")

    def _may_go_on(self) -> bool:
        """Return False if the operator's session in this browser has ended, or the page has left."""
        if self.is_gone:
            return False
        if "Authorization" in self.request.headers or (self.person is not None and self.person.role is not Role.PERSON):
            return True
        token = self.get_cookie(SECURE_OPERATOR_COOKIE) or self.get_cookie(OPERATOR_COOKIE)
        return token is not None and self.site.operators.is_open(token)

    async def _end_with_token(self, viewer: Viewer) -> None:
        """End the stream with the token of its person, an admin or observer."""
        if self.person is None or self.site.identities is None:
            return
        # If the store does not tell whether the token is valid, the stream ends, too: the page connects again.
        with contextlib.suppress(ExpectedError):
            await self.site.identities.wait_until_ended(self.person)
        viewer.end()


class RestartHandler(BaseHandler):
    """Restarts an actor. The audit log has who did."""

    route = f"{DASHBOARD}/actors/restart"
    access = Access.OPERATOR
    # A group's children may need some seconds each to end.
    has_own_deadline = True
    is_slow_by_nature = True

    async def post(self) -> None:
        """Restart the actor with the `path` of the body, a string.

        Raises:
            BadRequestError: the body names no path. NotFoundError: no such actor can be restarted.
        """
        path = read_object(self.request.body or b"{}", max_bytes=_MAX_BODY_BYTES).get("path")
        if not isinstance(path, str):
            raise BadRequestError("`path` must be a string, as in the section `actors` of data.json.")
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
