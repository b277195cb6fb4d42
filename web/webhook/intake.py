"""From a webhook's bytes to what it asks of the system: whose it is, what is to be kept, in which messages.

Not here: HTTP (webhook/request.py), forms of bodies (payloads.py). Threads: any; large bodies come here in a thread.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tornado.httputil import HTTPHeaders

from omi_actors.actors.session.messages import Ingested, IngestSegments, KeepRaw
from omi_actors.clock import Clock
from omi_actors.domain.hearing.segments import Segment
from omi_actors.errors import InvalidWebhookError
from omi_actors.instruments.logs import LogContext, reset_context, set_context
from omi_actors.kit.errors import AskTimeoutError
from omi_actors.kit.future import Future
from omi_actors.system import System
from web.auth import UID, WebhookAuth, session_key_of
from web.requests import header
from web.webhook.payloads import Payload, parse_payload, short_key

# A turn of a session takes at most so many; a larger webhook comes in slices.
SLICE_SEGMENTS = 1000
# … and of so many characters, unless one segment alone has more: hearing takes 0.1 ms a thousand.
SLICE_CHARS = 65_536


@dataclass(frozen=True, slots=True)
class Webhook:
    """One webhook as it came."""

    query: Mapping[str, str]
    headers: HTTPHeaders
    body: bytes
    received_at: float


@dataclass(frozen=True, slots=True)
class Order:
    """What a webhook asks of the system. `messages` in the order in which they are to be handled, maybe none.

    `seal` is the signature's, "" without one.
    """

    kind: str
    session_key: str
    messages: list[IngestSegments | KeepRaw]
    invalid_count: int
    drop_note: str
    seal: str = ""


def read_order(webhook: Webhook, auth: WebhookAuth) -> Order:
    """Check the signature, if one is needed, and understand the body.

    Raises:
        SignatureMismatchError: it is not from Omi.
        MalformedJsonError: it is not JSON.
        InvalidWebhookError: nothing of it can be kept.
    """
    headers, seal = webhook.headers, ""
    if auth.needs_signature:
        seal = auth.check_signature(header(headers, "X-Omi-Signature"), webhook.query.get("uid"), webhook.body)
    content_type = header(headers, "Content-Type") or ""
    if content_type.startswith(("application/octet-stream", "audio/")):
        raise InvalidWebhookError("Audio is not kept.", reason="audio_not_kept")
    payload = parse_payload(webhook.body, content_type)
    uid = _owner(webhook.query, payload)
    session_key = session_key_of(uid)
    messages: list[IngestSegments | KeepRaw] = [
        IngestSegments(session_key, uid, some, webhook.received_at, needs_news=bool(seal))
        for some in _slices(payload.segments)
    ]
    if payload.keep_as is not None:
        key = _dedupe_key(payload, webhook)
        body, received_at = webhook.body, webhook.received_at
        messages.append(KeepRaw(session_key, uid, payload.keep_as, key, content_type, body, received_at))
    return Order(payload.kind, session_key, messages, payload.invalid_count, payload.drop_note, seal)


def _slices(segments: Sequence[Segment]) -> Iterator[tuple[Segment, ...]]:
    """Cut segments, in order, into turns that a session takes without holding the loop."""
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


def _owner(query: Mapping[str, str], payload: Payload) -> str:
    uid = query.get("uid") or payload.owner or payload.session_id or query.get("session_id")
    if not uid:
        raise InvalidWebhookError("No uid in query or body.", reason="no_owner")
    if not UID.fullmatch(uid):
        raise InvalidWebhookError("The uid has other characters than Omi's.", reason="invalid_owner")
    return uid


def _dedupe_key(payload: Payload, webhook: Webhook) -> str:
    """Return what is the same for two deliveries of one event: its own id first, for Omi's two senders share it."""
    headers = webhook.headers
    key = payload.event_id or header(headers, "X-Omi-Idempotency-Key") or header(headers, "Idempotency-Key")
    return f"{payload.keep_as}:{short_key(key or 'sha256:' + hashlib.sha256(webhook.body).hexdigest())}"


# A slice with a question waits for its answer; those behind it need not. Few, so that one person's backlog does not
# fill that person's mailbox.
_WINDOW = 4


class Sending:
    """Sends until all is settled or one failed; then calls `on_done(replies, error)`, `replies` as far as they came.

    After a failure nothing more is sent, and what is under way is waited for: its answers must find their way back.
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
        """Begin; everything has `timeout_s` together."""
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
            self._on_done([reply for reply in self._replies if reply is not None], self._error)

    def _send(self, index: int) -> None:
        self._sent += 1
        left_s = self._deadline_mono_s - self._clock.mono_s()
        if left_s <= 0:
            self._error = AskTimeoutError("the webhook's time was over before all of it was sent")
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
        except Exception as error:  # noqa: BLE001 (handed on to the one place that answers)
            self._error = self._error or error
        if not self._is_pumping:
            self._pump()
