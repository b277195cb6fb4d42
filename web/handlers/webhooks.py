"""The webhook inspector: one of the latest webhooks, its text after an audited reveal, and its replay.

A replay sends the body to a scratch session: it is no wearable's, so that nobody is notified, and the eraser deletes it
after ten minutes.
Not here: what is kept (omi_actors/instruments/webhooks.py), the list (omi_actors/status/requests.py).
Threads: the event loop; bodies over 8 kB are read in a thread.
"""

import shlex
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

from omi_actors.actors.session.messages import Ingested, ReplySent
from omi_actors.domain.sessions.keys import scratch_key
from omi_actors.domain.work.queue_admin import Action
from omi_actors.errors import NotFoundError
from omi_actors.ids import new_id
from omi_actors.instruments.logs import LogContext
from omi_actors.instruments.webhooks import WEBHOOKS, KeptWebhook
from omi_actors.status.requests import webhook_form
from web.declare import PAGE, declare
from web.edge.browsers import PAGE_POLICY
from web.edge.limits import LARGE_BODY_BYTES
from web.handlers.base import BaseHandler
from web.handlers.caller import Access
from web.handlers.requests import ID
from web.pages.operator import transcript_of
from web.pages.render import TIMELINES, WEBHOOKS_PLACE, render_webhook
from web.webhook.intake import Order, Webhook, build_order, send_all

# Headers whose values tell how the webhook was read, and no secret. The others are shown by name only.
_SHOWN = frozenset(
    {"accept-encoding", "content-encoding", "content-length", "content-type", "expect", "transfer-encoding"}
    | {"user-agent", "x-request-id"}
)
# The invented host of a copied command: the address of the server is the reader's affair.
_HOST = "https://omi.example.com"
# Characters of a body in a copied command; shells take about 128,000.
_MAX_INLINE_CHARS = 100_000


class _WebhookHandler(BaseHandler):
    """Base of the inspector's addresses."""

    access = Access.OPERATOR
    content_policy = PAGE_POLICY

    async def is_answered_elsewhere(self, request_id: str) -> bool:
        """Return True if another process at this address has the webhook, and has answered."""
        return WEBHOOKS.find(request_id) is None and await self.answer_elsewhere()

    def find(self, request_id: str) -> KeptWebhook:
        """Return the webhook.

        Raises:
            NotFoundError: it is not kept any more.
        """
        WEBHOOKS.drop_old(self.site.clock.mono_s())
        webhook = WEBHOOKS.find(request_id)
        if webhook is None:
            raise NotFoundError("This webhook is not kept.", hint="WEBHOOK_INSPECTOR_SIZE says how many are.")
        return webhook

    def find_text(self, request_id: str) -> tuple[KeptWebhook, bytes]:
        """Return the webhook and its body.

        Raises:
            NotFoundError: its body is not kept.
        """
        webhook = self.find(request_id)
        if webhook.body is None:
            raise NotFoundError(
                "The text of this webhook is not kept.",
                hint="It was not authorised, too large, over an hour old, or something of a person was deleted since.",
            )
        return webhook, webhook.body

    def show(self, form: Mapping[str, Any]) -> None:
        """Answer with a page for a browser; else with JSON."""
        if self.wants_page:
            self.send_page(render_webhook(form))
        else:
            self.send_json(form)


class WebhookHandler(_WebhookHandler):
    """Shows one webhook without its text."""

    route = f"{WEBHOOKS_PLACE}/:id"

    @declare((dict[str, Any], PAGE))
    async def get(self, request_id: str) -> None:
        """Show one of the latest webhooks, without its text."""
        if await self.is_answered_elsewhere(request_id):
            return
        self.show(_build_form(self.find(request_id), may_act=self.is_operator))

    head = get


class RevealHandler(_WebhookHandler):
    """Shows one webhook with its text. The audit log has who asked for it."""

    route = f"{WEBHOOKS_PLACE}/:id/reveal"

    @declare((dict[str, Any], PAGE))
    async def post(self, request_id: str) -> None:
        """Show one of the latest webhooks with its text; the audit log has who asked."""
        if await self.is_answered_elsewhere(request_id):
            return
        webhook, body = self.find_text(request_id)
        await self.site.system.queue_admin.record(Action.SHOW_TEXT, {"webhook": request_id}, by=self.requester)
        self.show(_build_form(webhook, may_act=True) | _build_text(webhook, body))


class ReplayHandler(_WebhookHandler):
    """Sends one webhook to a scratch session. The audit log has who did."""

    route = f"{WEBHOOKS_PLACE}/:id/replay"
    is_slow_by_nature = True
    # Its deadline is that of a webhook.
    has_own_deadline = True

    @declare((dict[str, Any], PAGE))
    async def post(self, request_id: str) -> None:
        """Send a webhook to a scratch session, and show what became of it."""
        if await self.is_answered_elsewhere(request_id):
            return
        webhook, body = self.find_text(request_id)
        label = new_id()[-12:]
        key = scratch_key(label)
        await self.site.system.queue_admin.record(
            Action.REPLAY_WEBHOOK, {"webhook": request_id, "session": key}, by=self.requester
        )
        order = await self._read(webhook, body, key)
        replies = await self._send(order)
        for reply in replies:
            if reply.delivery_id is not None:
                self.site.system.reply_sent(ReplySent(key, reply.delivery_id, reached=True))
        replay = {
            "session": key,
            "transcript": transcript_of(key),
            "timeline": f"{TIMELINES}/{self.request_id}",
            "messages": len(replies),
            "answered": any(reply.message is not None for reply in replies),
            "ms": round(self.seconds * 1e3, 1),
        }
        self.show(_build_form(webhook, may_act=True) | {"replay": replay})

    async def _read(self, webhook: KeptWebhook, body: bytes, key: str) -> Order:
        headers: Any = webhook.headers
        received = Webhook(webhook.query, headers, body, self.site.clock.now_s())
        if len(body) <= LARGE_BODY_BYTES:
            return build_order(received, session_key=key)
        return await self.site.readers.read(len(body), lambda: build_order(received, session_key=key))

    async def _send(self, order: Order) -> list[Ingested]:
        site, context = self.site, LogContext(self.request_id, order.session_key)
        return await send_all(site.system, order.messages, context, site.clock, site.times.webhook_s)


def _build_form(webhook: KeptWebhook, *, may_act: bool) -> dict[str, Any]:
    """Return a webhook without its text: of a secret or an id only the name is shown."""
    return webhook_form(webhook) | {
        "timeline": f"{TIMELINES}/{webhook.trace.request_id}",
        "headers": {name: _header_value(name, value) for name, value in webhook.headers.items()},
        "query": dict.fromkeys(webhook.query, "…"),
        "mayAct": may_act,
    }


def _header_value(name: str, value: str) -> str:
    return value if name.lower() in _SHOWN else f"… ({len(value)} characters)"


def _build_text(webhook: KeptWebhook, body: bytes) -> dict[str, Any]:
    """Return the parts of a webhook that tell of a person: the query without its token, the body, the command."""
    query = {name: value for name, value in webhook.query.items() if name != "token"}
    text = body.decode("utf-8", "replace")
    content_type = next((value for name, value in webhook.headers.items() if name.lower() == "content-type"), "")
    command = build_curl(query.items(), content_type, body)
    transcript = transcript_of(webhook.session_key) if webhook.session_key else ""
    return {"query": query, "text": text, "curl": command, "transcript": transcript}


def build_curl(query: Iterable[tuple[str, str]], content_type: str, body: bytes) -> str:
    """Return a command for a shell that sends the webhook again; it names `$WEBHOOK_TOKEN` instead of the secret."""
    # urlencode leaves no character that a shell reads within double quotes.
    more = urlencode(list(query))
    address = f"{_HOST}/omi-webhook?token=$WEBHOOK_TOKEN{'&' if more else ''}{more}"
    lines = [f'curl "{address}"']
    if content_type:
        lines.append(f"  -H {shlex.quote(f'Content-Type: {content_type}')}")
    try:
        text = body.decode()
    except UnicodeDecodeError:
        text = ""
    if len(text) <= _MAX_INLINE_CHARS and "\0" not in text and (text or not body):
        lines.append(f"  --data-binary {shlex.quote(text)}")
    else:
        lines.append("  --data-binary @webhook.json")
    return " \\\n".join(lines)


ROUTES = (
    (rf"{WEBHOOKS_PLACE}/{ID}", WebhookHandler),
    (rf"{WEBHOOKS_PLACE}/{ID}/reveal", RevealHandler),
    (rf"{WEBHOOKS_PLACE}/{ID}/replay", ReplayHandler),
)
