"""`/metrics-dashboard`: the operator's page, its data, and its own style and script.

Not here: what it shows (omi_actors/looks/), how (web/pages/). Threads: the event loop.
"""

from web.edge.browsers import PAGE_POLICY
from web.handlers.assets import AssetHandler
from web.handlers.base import BaseHandler
from web.pages.dashboard import PLACE, build_data, render_page
from web.problems import iso_time


class DashboardHandler(BaseHandler):
    """The page."""

    route = PLACE
    takes_turns = True
    content_policy = PAGE_POLICY

    def get(self) -> None:
        """Answer the operator with one look."""
        self.require_operator()
        self.send_page(render_page(self.site.system.snapshot(), iso_time(self.site.clock.now_s())))

    head = get


class DashboardDataHandler(BaseHandler):
    """What the open page renews itself from."""

    route = f"{PLACE}/data.json"
    takes_turns = True

    def get(self) -> None:
        """Answer the operator with one look."""
        self.require_operator()
        self.send_json(build_data(self.site.system.snapshot(), iso_time(self.site.clock.now_s())))

    head = get


class DashboardStyleHandler(AssetHandler):
    """The page's style."""

    route = f"{PLACE}/dashboard.css"
    content_type = "text/css"


class DashboardScriptHandler(AssetHandler):
    """The page's script."""

    route = f"{PLACE}/dashboard.js"
    content_type = "text/javascript"


ROUTES = [
    (handler.route.replace(".", r"\."), handler)
    for handler in (DashboardHandler, DashboardDataHandler, DashboardStyleHandler, DashboardScriptHandler)
]
