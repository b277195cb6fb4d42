"""The table of routes: every address except the webhook's, with its handler.

Not here: `POST /omi-webhook`, which takes a shorter path (entry.py). Threads: the event loop.
"""

from types import MappingProxyType
from typing import NotRequired, TypedDict

from tornado.web import Application, GZipContentEncoding

from web.declare import Declared, Fields
from web.handlers import live, original, pages, queue, realtime, requests, sessions, webhooks
from web.handlers.about import HelpHandler, InfoHandler
from web.handlers.base import BaseHandler, NotFound
from web.handlers.caller import Access
from web.handlers.chat import ChatHandler
from web.handlers.context import StatusHandler, SwitchHandler
from web.handlers.operator import OperatorHandler, OperatorLinksHandler, SignOutHandler
from web.handlers.pages import AppFileHandler, IndexHandler, StyleHandler
from web.handlers.reference import DocsFileHandler, DocsHandler, OpenApiHandler
from web.handlers.status import HealthHandler, LiveHandler, MetricsHandler, QueueStatusHandler, ReadyHandler
from web.handlers.transcript import TranscriptHandler
from web.mcp import handler as mcp
from web.openai import routes as openai
from web.parameters import Header, Text
from web.people import routes as people
from web.prompts import routes as prompts
from web.requests import GZIP_LEVEL
from web.site import Site
from web.webhook.payloads import WireSegment
from web.webhook.request import ROUTE


class Gzip(GZipContentEncoding):
    """Compresses text and JSON of at least 1 kB; but not event streams, since that would delay their lines."""

    GZIP_LEVEL = GZIP_LEVEL

    def _compressible_type(self, ctype: str) -> bool:
        return ctype != "text/event-stream" and super()._compressible_type(ctype)


# The routes that ENABLE_METRICS switches.
_METRICS = (
    (r"/metrics", MetricsHandler),
    (r"/metrics/activation/?", original.ActivationHandler),
    *live.ROUTES,
    *pages.DASHBOARD_ROUTES,
    *requests.ROUTES,
    *webhooks.ROUTES,
)


class WebhookBody(TypedDict):
    """A transcript. Other forms that Omi sends are taken, too; an array of segments is one of them."""

    segments: list[WireSegment]
    uid: NotRequired[str]
    session_id: NotRequired[str]


_WEBHOOK = Declared(
    {200: Fields({"message": NotRequired[str]})},
    parameters=(
        Text("uid", "The wearer's user id.", max_chars=128, example="vT5mQ2rJx8NnPzK4eWcLh7sYb1D3"),
        Text("session_id", "The session, if there is no uid.", max_chars=256),
        Header("Idempotency-Key", "A sender that repeats names the webhook by it, and gets 503 instead of 200."),
    ),
    body=WebhookBody,
    errors=(422,),
    example={"segments": [{"text": "Hey Omi, how high is the moon?", "speaker": "SPEAKER_0", "is_user": True}]},
    about="""Take what a wearable has heard.

    A question is answered by `message`; else the reply is `{}`. What could not be stored is answered 200, too, with the
    header `X-Omi-Actors-Dropped`: repeated failures would make Omi stop the app for every user.""",
)


class NotPost(BaseHandler):
    """Refuses every method except POST at the webhook's address."""

    route = ROUTE
    access = Access.OMI
    more_methods = MappingProxyType({"POST": _WEBHOOK})


def build_application(site: Site, *, compress: bool = False) -> Application:
    """Return the application with all routes. With `compress`, replies are gzipped for clients that accept it."""
    return Application(
        [
            (r"/", IndexHandler),
            (r"/style\.css", StyleHandler),
            (r"/app/([a-z]+\.(?:js|css))", AppFileHandler),
            (f"{ROUTE}/?", NotPost),
            (rf"{ROUTE}/queue-status/?", QueueStatusHandler),
            (r"/chat/?", ChatHandler),
            (r"/context/switch/?", SwitchHandler),
            (r"/context/status/([^/]+)", StatusHandler),
            (r"/transcript/((?:[A-Za-z0-9_:.@-]|%3[Aa]|%40){1,256})", TranscriptHandler),
            (r"/operator", OperatorHandler),
            *queue.ROUTES,
            *sessions.ROUTES,
            *realtime.ROUTES,
            *original.ROUTES,
            *people.ROUTES,
            *prompts.ROUTES,
            *mcp.ROUTES,
            *openai.ROUTES,
            (r"/operator/links", OperatorLinksHandler),
            (r"/operator/sign-out", SignOutHandler),
            (r"/health", HealthHandler),
            (r"/livez", LiveHandler),
            (r"/readyz", ReadyHandler),
            (r"/api/info", InfoHandler),
            (r"/help", HelpHandler),
            (r"/openapi\.json", OpenApiHandler),
            (r"/docs/?", DocsHandler),
            (r"/docs/([a-z]+\.(?:js|css))", DocsFileHandler),
            *(_METRICS if site.has_metrics else ()),
        ],
        default_handler_class=NotFound,
        transforms=[Gzip] if compress else [],
        # Each handler writes its own line, without the query string.
        log_function=lambda _: None,
        site=site,
    )
