"""`POST /realtime/transcripts`: stores segments in their session, as a webhook does, and answers nothing.

Not here: the webhook (web/webhook/), whose forms and authentication these are.
Threads: the event loop; bodies over 8 kB are read in a thread.
"""

from dataclasses import replace
from typing import NotRequired, TypedDict

from omi_actors.actors.session.messages import IngestSegments
from omi_actors.errors import BadRequestError, InvalidWebhookError, RateLimitedError, SignatureMismatchError
from omi_actors.instruments import metrics
from omi_actors.instruments.logs import LogContext
from web.declare import declare, ok
from web.edge.limits import LARGE_BODY_BYTES
from web.handlers.base import BaseHandler
from web.handlers.caller import Access
from web.parameters import Text
from web.requests import parse_query
from web.webhook.intake import Order, Webhook, read_order, send_all
from web.webhook.payloads import WireSegment

_UID = Text("uid", "The wearer's user id.", max_chars=128)
_SESSION = Text("session_id", "The session, if there is no uid.", max_chars=256)
_REQUIRED = "session_id and segments[] are required"


class TranscriptsBody(TypedDict):
    """Segments of one wearer; with `session_id` or `uid` in the address, an array of segments does, too."""

    segments: list[WireSegment]
    session_id: NotRequired[str]
    uid: NotRequired[str]


class TranscriptsHandler(BaseHandler):
    """Takes segments: `?session_id=&uid=` with an array, or an object with `session_id` and `segments`."""

    route = "/realtime/transcripts"
    access = Access.OMI
    # The webhook's limit counts, by the wearer.
    limit_kind = None
    # Its deadline is that of a webhook.
    has_own_deadline = True

    @declare(
        ok(), query=(_UID, _SESSION), body=TranscriptsBody, example={"session_id": "ada", "segments": [{"text": "Hi"}]}
    )
    async def post(self) -> None:
        """Answer when the segments are stored."""
        order = await self._read()
        if order.seal and not self.site.replays.begin(order.seal):
            self.send_json({"ok": True})
            return
        try:
            await self._store(order)
        except BaseException:
            if order.seal:
                self.site.replays.forget(order.seal)
            raise
        if order.seal:
            self.site.replays.keep(order.seal)
        self.send_json({"ok": True})

    async def _read(self) -> Order:
        """Return what is to be stored.

        Raises:
            SignatureMismatchError: the sender is not Omi. BadRequestError: there are no segments.
        """
        auth, request = self.site.auth, self.request
        query = parse_query(request.uri or "")
        webhook = Webhook(query, request.headers, request.body, self.site.clock.now_s())
        try:
            if not auth.needs_signature:
                auth.check_token(query.get("token"), request.headers)
            if len(request.body) <= LARGE_BODY_BYTES:
                order = read_order(webhook, auth)
            else:
                order = await self.site.readers.read(len(request.body), lambda: read_order(webhook, auth))
        except SignatureMismatchError as error:
            wait_s = self.site.refused_webhooks.count(self.client.limit_key, str(error))
            if wait_s is not None:
                raise RateLimitedError(str(error), retry_after_s=wait_s) from error
            raise
        except InvalidWebhookError as error:
            raise BadRequestError(_REQUIRED, hint=str(error)) from error
        if not any(isinstance(message, IngestSegments) and message.segments for message in order.messages):
            raise BadRequestError(_REQUIRED, hint=order.drop_note or "Send `segments` with the text of each.")
        return order

    async def _store(self, order: Order) -> None:
        if order.invalid_count:
            metrics.SEGMENTS.labels("invalid").inc(order.invalid_count)
        if self.site.webhook_limit is not None:
            self.site.webhook_limit.count(order.session_key)
        quiet = [replace(one, is_quiet=True) for one in order.messages if isinstance(one, IngestSegments)]
        site, context = self.site, LogContext(self.request_id, order.session_key)
        await send_all(site.system, quiet, context, site.clock, site.times.webhook_s)


ROUTES = ((r"/realtime/transcripts/?", TranscriptsHandler),)
