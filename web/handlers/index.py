"""`/`: what this is; for the operator, where everything is.

Not here: the page (web/pages/). Threads: the event loop.
"""

from web.edge.browsers import PAGE_POLICY
from web.handlers.base import BaseHandler
from web.pages.error_pages import render_index
from web.site import Site


class IndexHandler(BaseHandler):
    """The start page."""

    route = "/"
    content_policy = PAGE_POLICY

    def get(self) -> None:
        """Answer; strangers are told nothing of this server but what it is for."""
        self.send_page(index_page(self.site, for_operator=self.is_operator))

    head = get


def index_page(site: Site, *, for_operator: bool) -> bytes:
    """Return the start page."""
    look = site.system.snapshot() if for_operator else None
    return render_index(site.wake_names[0].capitalize(), look, has_metrics=site.has_metrics)
