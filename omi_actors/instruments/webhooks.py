"""The webhook inspector's memory: the latest webhooks with their fate, headers and body. Never on disk.

A body is a reference to bytes that exist, so keeping it costs no copy and no parsing. Bodies are bounded in bytes and
in time, and all are dropped when something of a person is deleted.
Not here: who may see a body (web/handlers/webhooks.py). Threads: the event loop.
"""

import math
from collections import deque
from collections.abc import Iterator, Mapping
from heapq import merge
from typing import Final

from omi_actors.instruments.requests import REQUESTS, Trace

# Seconds that a body is kept: a fault is looked at while it happens; later its timeline is enough.
TEXT_KEPT_S: Final = 3_600.0


class KeptWebhook:
    """One webhook. `body` is None when it is not kept: not authorised, too large, too old or deleted."""

    __slots__ = ("body", "fate", "headers", "kind", "query", "reason", "session_key", "size", "trace")

    def __init__(self, trace: Trace, query: Mapping[str, str], headers: Mapping[str, str], body: bytes | None) -> None:
        self.trace = trace
        self.query = query
        self.headers = headers
        self.body = body
        self.size = 0 if body is None else len(body)
        self.kind = self.fate = self.reason = self.session_key = ""

    def forget(self) -> None:
        """Forget what tells of a person."""
        self.body, self.query, self.session_key = None, {}, ""


class WebhookLog:
    """The latest `size` webhooks, with bodies of up to `max_bytes` together; size 0 switches it off.

    Those without a body, as all without the right token are, have a quarter as many places, and push out no others.
    """

    def __init__(self) -> None:
        self._kept: deque[KeptWebhook] = deque()
        self._bare: deque[KeptWebhook] = deque()
        # Those with a body, oldest first, and their bytes.
        self._with_text: deque[KeptWebhook] = deque()
        self._text_bytes = 0
        # The latest time at which all texts were dropped.
        self._dropped_mono_s = -math.inf
        self.configure(0, 0)

    def configure(self, size: int, max_bytes: int) -> None:
        """Take the bounds, and forget all."""
        self.size, self._max_bytes = size, max_bytes
        self.drop_texts()
        self._dropped_mono_s = -math.inf
        self._kept.clear()
        self._bare = deque(maxlen=-(-size // 4))

    def keep(self, webhook: KeptWebhook, mono_s: float) -> None:
        """Keep a webhook that has ended; without its text if texts were dropped while it was under way."""
        if webhook.trace.began_mono_s < self._dropped_mono_s:
            webhook.forget()
        if webhook.body is None:
            self._bare.append(webhook)
            return
        if not self.size:
            return
        self._kept.append(webhook)
        if len(self._kept) > self.size:
            self._drop_text(self._kept.popleft())
        if webhook.size > self._max_bytes:
            webhook.body = None
            return
        self._with_text.append(webhook)
        self._text_bytes += webhook.size
        while self._text_bytes > self._max_bytes:
            self._drop_text(self._with_text[0])
        self.drop_old(mono_s)

    def drop_old(self, mono_s: float) -> None:
        """Drop the bodies that are older than an hour."""
        while self._with_text and mono_s - self._with_text[0].trace.began_mono_s > TEXT_KEPT_S:
            self._drop_text(self._with_text[0])

    def drop_texts(self) -> None:
        """Drop all bodies and queries: something of a person is deleted, which any of them may hold."""
        for webhook in (*self._kept, *self._bare):
            webhook.forget()
        self._dropped_mono_s = REQUESTS.clock.mono_s()
        self._with_text.clear()
        self._text_bytes = 0

    def _drop_text(self, webhook: KeptWebhook) -> None:
        """Drop the body of a webhook; it is the oldest with one, if it has one."""
        if self._with_text and self._with_text[0] is webhook:
            self._with_text.popleft()
            self._text_bytes -= webhook.size
        webhook.body = None

    def newest(self) -> Iterator[KeptWebhook]:
        """Return the webhooks, newest first."""
        both = (reversed(self._kept), reversed(self._bare))
        return merge(*both, key=lambda one: one.trace.began_mono_s, reverse=True)

    def find(self, request_id: str) -> KeptWebhook | None:
        """Return the latest webhook with this request id."""
        return next((one for one in self.newest() if one.trace.request_id == request_id), None)


# The webhooks of this process; the server configures it at its start.
WEBHOOKS: Final = WebhookLog()
