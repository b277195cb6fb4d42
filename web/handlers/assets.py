"""Files of the pages that are the same for everybody: there is nothing in them that is not in the program.

Not here: the files (web/pages/). Threads: the event loop.
"""

from typing import ClassVar

from web.handlers.base import BaseHandler
from web.pages.templates import read_asset


class AssetHandler(BaseHandler):
    """The file by which the route ends."""

    content_type: ClassVar[str]

    def get(self) -> None:
        """Answer with the file."""
        self.set_header("Content-Type", f"{self.content_type}; charset=utf-8")
        self.finish(read_asset(self.route.rpartition("/")[2]))

    head = get


class StyleHandler(AssetHandler):
    """What all pages look like."""

    route = "/style.css"
    content_type = "text/css"
