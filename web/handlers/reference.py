"""`/openapi.json` and `/docs`: the description of every address, for programs and people.

Not here: making it (web/handlers/openapi.py). Threads: the event loop; the document is made in a thread.
"""

import asyncio
from typing import Any

import msgspec
from tornado.web import RequestHandler

from web.declare import PAGE, declare
from web.edge.browsers import PAGE_POLICY
from web.handlers.about import rules_of
from web.handlers.base import BaseHandler
from web.handlers.caller import Access
from web.handlers.openapi import build_document
from web.handlers.pages import AppFileHandler
from web.pages.render import render_template


class DocsHandler(BaseHandler):
    """The page of the interface, made in the browser from `/openapi.json`."""

    route = "/docs"
    access = Access.ANYBODY
    answers_without_store = True
    content_policy = PAGE_POLICY

    @declare(PAGE)
    def get(self) -> None:
        """Show the page: every address, with a search and requests to try."""
        self.send_page(render_template("docs.html"))

    head = get


class DocsFileHandler(AppFileHandler):
    """The scripts and the style of that page."""

    route = "/docs/:file"
    folder = "docs"


class OpenApiHandler(BaseHandler):
    """Describes all addresses in OpenAPI 3.1. The document is made at the first request."""

    route = "/openapi.json"
    access = Access.ANYBODY
    answers_without_store = True

    @declare({200: dict[str, Any], 304: None})
    async def get(self) -> None:
        """Describe every address of this server."""
        if "document" not in self.settings:
            self.settings["document"] = await asyncio.to_thread(self._make)
        self.set_header("Content-Type", "application/json; charset=utf-8")
        # The browser keeps it, and asks each time whether it has changed.
        self.set_header("Cache-Control", "no-cache")
        self.finish(self.settings["document"])

    head = get

    def _make(self) -> bytes:
        return msgspec.json.encode(build_document(rules_of(self.application), self.site))

    def compute_etag(self) -> str | None:
        """Return the document's digest, so that a client that has the document gets no copy."""
        return RequestHandler.compute_etag(self)
