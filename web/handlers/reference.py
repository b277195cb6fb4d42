"""`/openapi.json`: the description of every address, for programs.

Not here: making it (web/handlers/openapi.py). Threads: the event loop; the document is made in a thread.
"""

import asyncio
from typing import Any

import msgspec
from tornado.web import RequestHandler

from web.declare import declare
from web.handlers.about import rules_of
from web.handlers.base import BaseHandler
from web.handlers.caller import Access
from web.handlers.openapi import build_document


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
