"""From a webhook's bytes to what it asks of the system: whose it is, what is to be kept, in which messages.

Not here: HTTP (webhook/request.py), forms of bodies (payloads.py). Threads: any; large bodies come here in a thread.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tornado.httputil import HTTPHeaders

from omi_actors.actors.session.messages import IngestSegments, KeepRaw
from omi_actors.domain.hearing.segments import Segment
from omi_actors.errors import InvalidWebhookError
from web.auth import WebhookAuth
from web.requests import header
from web.webhook.payloads import Payload, parse_payload
from web.webhook.segments import short_key

# A turn of a session takes at most so many; a larger webhook comes in slices.
SLICE_SEGMENTS = 1000
# … and of so many characters, unless one segment alone has more: hearing takes 0.1 ms a thousand.
SLICE_CHARS = 65_536
# Omi's own rule for a uid.
UID = re.compile(r"[A-Za-z0-9_-]{1,128}")


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


def session_key_of(uid: str) -> str:
    """Return the name of the session of a wearable's owner."""
    return "omi:" + uid


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
