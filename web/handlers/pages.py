"""Pages in a browser: the start page, the operator's dashboard with its data, and their style and script.

Not here: HTML (web/pages/), the figures (omi_actors/status/). Threads: the event loop.
"""

from typing import ClassVar

from web.edge.browsers import PAGE_POLICY
from web.handlers.base import BaseHandler
from web.handlers.caller import Access
from web.pages.render import DASHBOARD, read_asset, render_dashboard, render_index
from web.problems import iso_time
from web.site import Site


class AssetHandler(BaseHandler):
    """Serves the file with the name at the end of the route. The files are public: they hold no data."""

    content_type: ClassVar[str]
    is_logged = is_kept = False

    def get(self) -> None:
        """Answer with the file."""
        self.set_header("Content-Type", f"{self.content_type}; charset=utf-8")
        self.finish(read_asset(self.route.rpartition("/")[2]))

    head = get


class StyleHandler(AssetHandler):
    """The style of all pages."""

    route = "/style.css"
    access = Access.ANYBODY
    answers_without_store = True
    content_type = "text/css"


class IndexHandler(BaseHandler):
    """The start page."""

    route = "/"
    access = Access.ANYBODY
    answers_without_store = True
    content_policy = PAGE_POLICY

    def get(self) -> None:
        """Answer with the page; only the operator sees states and links."""
        self.send_page(index_page(self.site, for_operator=self.may_observe))

    head = get


def index_page(site: Site, *, for_operator: bool) -> bytes:
    """Return the start page."""
    snapshot = site.system.snapshot() if for_operator else None
    return render_index("".join(site.wake_names[:1]).capitalize(), snapshot, has_metrics=site.has_metrics)


class DashboardHandler(BaseHandler):
    """The operator's dashboard."""

    route = DASHBOARD
    access = Access.OPERATOR
    is_paced = True
    content_policy = PAGE_POLICY

    def get(self) -> None:
        """Answer the operator with a snapshot as a page."""
        taken_at = iso_time(self.site.clock.now_s())
        self.send_page(render_dashboard(self.site.system.snapshot(), taken_at, may_change=self.is_operator))

    head = get


class DashboardDataHandler(BaseHandler):
    """The data with which an open dashboard updates itself."""

    route = f"{DASHBOARD}/data.json"
    access = Access.OPERATOR
    is_kept = False
    is_paced = True

    async def get(self) -> None:
        """Answer the operator with the document that open pages have, else with a new one."""
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.finish(await self.site.dashboard.load())

    head = get


class MinutesHandler(BaseHandler):
    """The figures of the last 24 h by minutes, also from before a restart."""

    route = f"{DASHBOARD}/minutes.json"
    access = Access.OPERATOR

    async def get(self) -> None:
        """Answer the operator with a column for each figure."""
        self.send_json(await self.site.system.load_minutes())

    head = get


class DashboardStyleHandler(AssetHandler):
    """The dashboard's style."""

    route = f"{DASHBOARD}/dashboard.css"
    access = Access.ANYBODY
    answers_without_store = True
    content_type = "text/css"


class DashboardScriptHandler(BaseHandler):
    """The dashboard's scripts: modules with one subject each."""

    route = f"{DASHBOARD}/:script"
    access = Access.ANYBODY
    answers_without_store = True
    is_logged = is_kept = False

    def get(self, name: str) -> None:
        """Answer with the script."""
        self.set_header("Content-Type", "text/javascript; charset=utf-8")
        self.finish(read_asset(name))

    head = get


# The page's modules.
SCRIPTS = ("actions", "dashboard", "live", "page", "pictures", "sections")
DASHBOARD_ROUTES = [
    *(
        (handler.route.replace(".", r"\."), handler)
        for handler in (DashboardHandler, DashboardDataHandler, MinutesHandler, DashboardStyleHandler)
    ),
    (rf"{DASHBOARD}/((?:{'|'.join(SCRIPTS)})\.js)", DashboardScriptHandler),
]
