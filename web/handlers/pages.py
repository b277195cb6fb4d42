"""Pages in a browser: the start page, the operator's dashboard with its data, and their style and script.

Not here: HTML (web/pages/), the figures (omi_actors/status/). Threads: the event loop.
"""

from typing import Any, ClassVar

from tornado.web import HTTPError, RequestHandler

from omi_actors.status.health import DEMO
from web.declare import PAGE, Media, declare
from web.edge.browsers import PAGE_POLICY
from web.handlers.base import BaseHandler
from web.handlers.caller import Access
from web.pages.render import DASHBOARD, FILES, read_asset, render_dashboard, render_index
from web.parameters import Text
from web.problems import iso_time

NODE = Text("node", "Which of several processes at this address; others are ignored.", max_chars=64)


class AssetHandler(BaseHandler):
    """Serves the file with the name at the end of the route. The files are public: they hold no data."""

    content_type: ClassVar[str]
    is_logged = is_kept = False

    @declare(Media("text/css"))
    def get(self) -> None:
        """Send the file."""
        self.set_header("Content-Type", f"{self.content_type}; charset=utf-8")
        self.finish(read_asset(self.route.rpartition("/")[2]))

    head = get


class StyleHandler(AssetHandler):
    """The style of all pages."""

    route = "/style.css"
    access = Access.ANYBODY
    answers_without_store = True
    content_type = "text/css"


class AppFileHandler(BaseHandler):
    """The scripts and the style of the page for people. They are public: they hold no data."""

    route = "/app/:file"
    folder: ClassVar[str] = "app"
    access = Access.ANYBODY
    answers_without_store = True
    is_logged = is_kept = False

    @declare({200: (Media("text/javascript"), Media("text/css")), 304: None})
    def get(self, name: str) -> None:
        """Send a script or the style of the page for people."""
        if f"{self.folder}/{name}" not in FILES:
            raise HTTPError(404)
        kind = "text/css" if name.endswith(".css") else "text/javascript"
        self.set_header("Content-Type", f"{kind}; charset=utf-8")
        # The browser keeps it, and asks each time whether it has changed.
        self.set_header("Cache-Control", "no-cache")
        self.finish(read_asset(f"{self.folder}/{name}"))

    head = get

    def compute_etag(self) -> str | None:
        """Return the file's digest, so that a browser that has the file gets no copy."""
        return RequestHandler.compute_etag(self)


class IndexHandler(BaseHandler):
    """The page for people: a start page for newcomers, and for a signed-in person all that is theirs."""

    route = "/"
    access = Access.ANYBODY
    answers_without_store = True
    content_policy = PAGE_POLICY

    @declare(PAGE)
    def get(self) -> None:
        """Show the page; only the operator sees states and links."""
        self.send_page(index_page(self))

    head = get


def index_page(handler: BaseHandler) -> bytes:
    """Return the page for people, with what its script must know before it asks."""
    site = handler.site
    facts = {
        "isSignedIn": handler.person is not None,
        "hasAccounts": site.identities is not None,
        "registration": site.people.registration,
        "mayChat": site.chat_guard.is_open,
        "isDemo": site.features["model"] == DEMO,
        "wakeNames": [name.capitalize() for name in site.wake_names],
        "maxChars": site.max_message_chars,
    }
    snapshot = site.system.snapshot() if handler.may_observe else None
    return render_index(facts, snapshot, has_metrics=site.has_metrics)


class DashboardHandler(BaseHandler):
    """The operator's dashboard."""

    route = DASHBOARD
    access = Access.OPERATOR
    is_paced = True
    content_policy = PAGE_POLICY

    @declare(PAGE)
    def get(self) -> None:
        """Show the dashboard."""
        taken_at = iso_time(self.site.clock.now_s())
        self.send_page(render_dashboard(self.site.system.snapshot(), taken_at, may_change=self.is_operator))

    head = get


class DashboardDataHandler(BaseHandler):
    """The data with which an open dashboard updates itself."""

    route = f"{DASHBOARD}/data.json"
    access = Access.OPERATOR
    is_kept = False
    is_paced = True

    @declare(dict[str, Any], query=(NODE,))
    async def get(self) -> None:
        """Send the dashboard's document, whose form may change."""
        if await self.answer_at(NODE.read(self)):
            return
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.finish(await self.site.dashboard.load())

    head = get


class MinutesHandler(BaseHandler):
    """The figures of the last 24 h by minutes, also from before a restart."""

    route = f"{DASHBOARD}/minutes.json"
    access = Access.OPERATOR

    @declare(dict[str, Any], query=(NODE,))
    async def get(self) -> None:
        """Send a column for each figure."""
        if await self.answer_at(NODE.read(self)):
            return
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

    @declare(Media("text/javascript"))
    def get(self, name: str) -> None:
        """Send a script of the dashboard."""
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
