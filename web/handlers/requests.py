"""One request's timeline for the operator: `/metrics-dashboard/requests/<id>`, as a page or as JSON.

Not here: what is kept of a request (omi_actors/instruments/requests.py), HTML (web/pages/). Threads: the event loop.
"""

from typing import Any

from omi_actors.errors import NotFoundError
from omi_actors.status.requests import build_timeline
from web.declare import PAGE, declare
from web.edge.browsers import PAGE_POLICY
from web.handlers.base import BaseHandler
from web.handlers.caller import Access
from web.pages.render import TIMELINES, render_request

# The form of a request id (web/requests.py).
ID = r"([A-Za-z0-9._-]{1,64})"


class TimelineHandler(BaseHandler):
    """Shows the stages, log lines and jobs of one request."""

    route = f"{TIMELINES}/:id"
    access = Access.OPERATOR
    content_policy = PAGE_POLICY

    @declare((dict[str, Any], PAGE))
    async def get(self, request_id: str) -> None:
        """Show the stages, log lines and jobs of one request.

        Raises:
            NotFoundError: nothing is kept of such a request.
        """
        timeline = build_timeline(request_id)
        if timeline is None:
            if await self.answer_elsewhere():
                return
            raise NotFoundError(
                "Nothing is kept of this request.",
                hint="REQUEST_LOG_SIZE says how many are kept; `omi-actors logs` finds older lines in the log file.",
            )
        if self.wants_page:
            self.send_page(render_request(timeline))
        else:
            self.send_json(timeline)

    head = get


ROUTES = ((rf"{TIMELINES}/{ID}", TimelineHandler),)
