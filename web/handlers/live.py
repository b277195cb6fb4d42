"""The dashboard's event stream.

Not here: the document and its rounds (web/dashboard.py). Threads: the event loop.
"""

import asyncio
import contextlib

from tornado.iostream import StreamClosedError

from omi_actors.domain.people.accounts import Role
from omi_actors.errors import BadRequestError
from omi_actors.kit.errors import ExpectedError
from web.dashboard import EVERY, Viewer
from web.handlers.base import BaseHandler, whole_number
from web.handlers.caller import OPERATOR_COOKIE, SECURE_OPERATOR_COOKIE, Access
from web.pages.render import DASHBOARD

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
