"""Conversion of a webhook's body to messages, which are sent to the system in order, a few at a time.

Not here: HTTP (request.py), forms of bodies (payloads.py). Threads: any; large bodies come here in a thread.
"""

import asyncio
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from omi_actors.actors.session.messages import Ingested, IngestSegments, KeepRaw
from omi_actors.clock import Clock
from omi_actors.domain.hearing.segments import Segment
from omi_actors.domain.sessions.keys import wearable_key
from omi_actors.errors import InvalidWebhookError
from omi_actors.instruments.logs import LogContext, reset_context, set_context
from omi_actors.kit.errors import AskTimeoutError
from omi_actors.kit.future import Future
from omi_actors.system import System
from web.auth import UID, WebhookAuth
from web.edge.tolerant_json import short_key
from web.requests import header
from web.webhook.payloads import Payload, parse_payload, says_end

# Segments in one message. Larger webhooks are cut into several, so that no turn of a session is long.
SLICE_SEGMENTS = 1000
# Characters in one message, unless a single segment has more: hearing takes 0.1 ms a thousand.
SLICE_CHARS = 65_536


@dataclass(frozen=True, slots=True)
class Webhook:
    """One received webhook, not yet parsed."""

    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    received_at: float


@dataclass(frozen=True, slots=True)
class Order:
    """A parsed webhook. `messages` are sent to the system in this order; the list may be empty.

    `seal` identifies a signed webhook (WebhookAuth.check_signature); it is "" without a signature.
    """

    kind: str
    session_key: str
    messages: list[IngestSegments | KeepRaw]
    invalid_count: int
    drop_note: str
    seal: str = ""


def read_order(webhook: Webhook, auth: WebhookAuth) -> Order:
    """Check the signature, if one is needed, and parse the body.

    Raises:
        SignatureMismatchError: the signature is missing or wrong. Others: see `build_order`.
    """
    seal = ""
    if auth.needs_signature:
        signature = header(webhook.headers, "X-Omi-Signature")
        seal = auth.check_signature(signature, webhook.query.get("uid"), webhook.body)
    return build_order(webhook, seal=seal)


def build_order(webhook: Webhook, *, seal: str = "", session_key: str = "") -> Order:
    """Parse the body of a webhook that may come in. Its messages are for `session_key`, else for its wearable's.

    Raises:
        MalformedJsonError: the body is not JSON. InvalidWebhookError: no part of the body can be stored.
    """
    headers = webhook.headers
    content_type = header(headers, "Content-Type") or ""
    if content_type.startswith(("application/octet-stream", "audio/")):
        raise InvalidWebhookError("Audio is not kept.", reason="audio_not_kept")
    payload = parse_payload(webhook.body, content_type)
    uid = session_key.partition(":")[2] or _uid_of(webhook.query, payload)
    session_key = session_key or wearable_key(uid)
    messages: list[Any] = [
        IngestSegments(session_key, uid, some, webhook.received_at, needs_news=bool(seal))
        for some in _slices(payload.segments)
    ]
    if says_end(webhook.body):
        last = messages.pop() if messages else IngestSegments(session_key, uid, (), webhook.received_at)
        messages.append(replace(last, ends_meeting=True))
    if payload.keep_as is not None:
        key = _dedupe_key(payload, webhook)
        body, received_at = webhook.body, webhook.received_at
        messages.append(KeepRaw(session_key, uid, payload.keep_as, key, content_type, body, received_at))
    return Order(payload.kind, session_key, messages, payload.invalid_count, payload.drop_note, seal)


def _slices(segments: Sequence[Segment]) -> Iterator[tuple[Segment, ...]]:
    """Cut segments, in order, into slices that a session handles without blocking the loop."""
    some: list[Segment] = []
    chars = 0
    for segment in segments:
        if some and (len(some) == SLICE_SEGMENTS or chars + len(segment.text) > SLICE_CHARS):
            yield tuple(some)
            some, chars = [], 0
        some.append(segment)
        chars += len(segment.text)
    if some:
        yield tuple(some)


def _uid_of(query: Mapping[str, str], payload: Payload) -> str:
    uid = query.get("uid") or payload.owner or payload.session_id or query.get("session_id")
    if not uid:
        raise InvalidWebhookError("No uid in query or body.", reason="no_owner")
    if not UID.fullmatch(uid):
        raise InvalidWebhookError("The uid has other characters than Omi's.", reason="invalid_owner")
    return uid


def _dedupe_key(payload: Payload, webhook: Webhook) -> str:
    """Return a key that is equal for repeats of one event: its id, else a header's key, else the body's hash."""
    headers = webhook.headers
    key = payload.event_id or header(headers, "X-Omi-Idempotency-Key") or header(headers, "Idempotency-Key")
    return f"{payload.keep_as}:{short_key(key or 'sha256:' + hashlib.sha256(webhook.body).hexdigest())}"


# Messages of one webhook that are sent at the same time: a message with a question waits for its answer, and later
# messages need not wait. The number is low, so that a backlog does not fill the session's mailbox.
_WINDOW = 4


class Sending:
    """Sends messages until all have a result or one has failed, then calls `on_done(replies, error)`.

    After a failure it sends no more, but waits for messages under way: their replies may carry answers.
    """

    def __init__(
        self,
        system: System,
        messages: Sequence[IngestSegments | KeepRaw],
        context: LogContext,
        on_done: Callable[[list[Ingested], Exception | None], None],
    ) -> None:
        self._system = system
        self._messages = messages
        self._context = context
        self._on_done = on_done
        self._replies: list[Ingested | None] = [None] * len(messages)
        self._sent = 0
        self._open = 0
        self._error: Exception | None = None
        self._is_pumping = False

    def start(self, clock: Clock, timeout_s: float) -> None:
        """Start sending; all messages together have `timeout_s`."""
        self._clock = clock
        self._deadline_mono_s = clock.mono_s() + timeout_s
        self._pump()

    def _pump(self) -> None:
        self._is_pumping = True
        token = set_context(self._context)
        try:
            while self._sent < len(self._messages) and self._open < _WINDOW and self._error is None:
                self._send(self._sent)
        finally:
            reset_context(token)
            self._is_pumping = False
        if self._open == 0:
            self._end()

    def _end(self) -> None:
        self._on_done([reply for reply in self._replies if reply is not None], self._error)

    def _send(self, index: int) -> None:
        self._sent += 1
        left_s = self._deadline_mono_s - self._clock.mono_s()
        if left_s <= 0:
            self._error = AskTimeoutError("the webhook's time ended before all its messages were sent")
            return
        message = self._messages[index]
        self._open += 1
        if isinstance(message, IngestSegments):
            reply = self._system.ingest(message, timeout_s=left_s)
        else:
            reply = self._system.keep_raw(message, timeout_s=left_s)
        reply.add_done_callback(lambda settled: self._settled(index, settled))

    def _settled(self, index: int, future: Future[Ingested]) -> None:
        self._open -= 1
        try:
            self._replies[index] = future.result()
        except Exception as error:  # noqa: BLE001 (passed to `on_done`, which answers)
            self._error = self._error or error
        if self._is_pumping:
            return
        if self._sent < len(self._messages):
            self._pump()
        elif self._open == 0:
            self._end()


async def send_all(
    system: System,
    messages: Sequence[IngestSegments | KeepRaw],
    context: LogContext,
    clock: Clock,
    timeout_s: float,
) -> list[Ingested]:
    """Send messages in order, and return their replies. Raises the first error, when no message is under way."""
    done: asyncio.Future[list[Ingested]] = asyncio.get_running_loop().create_future()

    def settle(replies: list[Ingested], error: Exception | None) -> None:
        if done.done():
            return
        if error is None:
            done.set_result(replies)
        else:
            done.set_exception(error)

    Sending(system, messages, context, settle).start(clock, timeout_s)
    return await done
