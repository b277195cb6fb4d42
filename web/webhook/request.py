"""`POST /omi-webhook`: from the request's headers to its reply, without a task or a Tornado handler.

Not here: parsing the body and sending its messages (intake.py), the answer to each error (web/problems.py).
Threads: the event loop; bodies over 8 kB are read in a thread.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Final

import msgspec
from prometheus_client import Counter
from tornado.http1connection import HTTP1Connection
from tornado.httputil import HTTPHeaders, HTTPMessageDelegate, RequestStartLine, ResponseStartLine

from omi_actors.actors.session.messages import Ingested, ReplySent
from omi_actors.errors import BadRequestError, OmiError, RateLimitedError, SignatureMismatchError
from omi_actors.instruments import metrics
from omi_actors.instruments.logs import LogContext, bound_context, get_logger, log_cheaply
from omi_actors.instruments.requests import REQUESTS, Trace
from omi_actors.instruments.webhooks import WEBHOOKS, KeptWebhook
from omi_actors.kit.errors import ExpectedError
from web.edge.addresses import find_client
from web.edge.limits import LARGE_BODY_BYTES
from web.edge.whole import WholeConnection
from web.problems import Problem, api_problem, omi_answer, problem_json
from web.requests import (
    CLOSE,
    CLOSED,
    KEEP_ALIVE,
    count_request,
    header,
    parse_query,
    reply_bytes,
    request_id_of,
    send,
)
from web.site import Site
from web.webhook.intake import Order, Sending, Webhook, read_order

ACCEPTED: Final = "accepted"
REPEATED: Final = "repeated"
DROPPED: Final = "dropped"
REFUSED: Final = "refused"
CUT: Final = "cut"


@dataclass(frozen=True, slots=True)
class WebhookReply:
    """A reply with its outcome and, if the webhook was dropped, the reason. Both label metrics."""

    status: int
    body: bytes
    header_lines: str
    outcome: str
    reason: str


_KEPT = WebhookReply(200, b"{}", "", ACCEPTED, "")
# The reply to a repeated webhook that is kept already. It carries no answer.
KEPT_BEFORE = WebhookReply(200, b"{}", "", REPEATED, "")


def kept_reply(message: str | None, drop_note: str) -> WebhookReply:
    """Return the reply to a stored webhook; `drop_note` names its invalid parts."""
    if message is None and not drop_note:
        return _KEPT
    body = b"{}" if message is None else msgspec.json.encode({"message": message})
    if drop_note:
        return WebhookReply(200, body, _drop_line(drop_note), DROPPED, "invalid_segments")
    return WebhookReply(200, body, "", ACCEPTED, "")


def failed_reply(error: BaseException, *, sender_retries: bool, request_id: str, now_s: float) -> WebhookReply:
    """Return the reply to a webhook that was not stored."""
    answer = omi_answer(error, sender_retries=sender_retries)
    if not isinstance(answer, Problem):
        return WebhookReply(200, b"{}", _drop_line(answer.reason), DROPPED, answer.reason)
    return refused_reply(answer, request_id=request_id, now_s=now_s)


def refused_reply(problem: Problem, *, request_id: str, now_s: float) -> WebhookReply:
    """Return the reply with the status and text of a problem."""
    lines = "" if problem.retry_after_s is None else f"Retry-After: {max(1, round(problem.retry_after_s))}\r\n"
    body = problem_json(problem, request_id=request_id, now_s=now_s)
    return WebhookReply(problem.status, body, lines, REFUSED, problem.code)


def _drop_line(reason: str) -> str:
    return f"X-Omi-Actors-Dropped: {reason}\r\n"


ROUTE = "/omi-webhook"

_log = get_logger(__name__)


# Finding a metric's labels costs as much as counting; the sets of labels are few and bounded.
@cache
def _webhooks_counter(kind: str, outcome: str) -> Counter:
    return metrics.WEBHOOKS.labels(kind, outcome)


class WebhookRequest(HTTPMessageDelegate):
    """One webhook. It gets exactly one reply, unless its connection closes first."""

    def __init__(self, site: Site, connection: HTTP1Connection | WholeConnection) -> None:
        self._site = site
        self._connection = connection
        self._chunks: list[bytes] = []
        self._refusal: Exception | None = None
        self._order: Order | None = None
        # The signed webhook's seal, from the moment at which `replays` counts it as under way.
        self._seal = ""
        self._is_over = self._is_read = False
        # For the inspector: the body, unless its sender is not authorised; the fate and its reason.
        self._body: bytes | None = None
        self._fate, self._reason = CLOSED, ""

    def headers_received(self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders) -> None:
        """Check the token before the body arrives."""
        self.begin(str(start_line[1]), headers)

    def begin(self, target: str, headers: Mapping[str, str]) -> None:
        """Begin with a request's target and headers: check the token."""
        self._headers = headers
        self._began_mono_s = self._site.clock.mono_s()
        self._request_id = request_id_of(headers)
        self._query = parse_query(target)
        self._site.traffic.begin()
        self._trace = Trace(self._request_id, "POST", ROUTE, self._began_mono_s)
        REQUESTS.begin(self._trace)
        if not self._site.auth.needs_signature:
            try:
                self._site.auth.check_token(self._query.get("token"), headers)
            except OmiError as error:
                self._refusal = error

    @property
    def is_refused(self) -> bool:
        """Return True if the token was wrong, so that the body is not read."""
        return self._refusal is not None

    def data_received(self, chunk: bytes) -> None:
        """Collect the body, unless the request is refused."""
        if self._refusal is None:
            self._chunks.append(chunk)

    def finish(self) -> None:
        """Read the whole request and send its messages to the system."""
        clock = self._site.clock
        self._is_read = True
        self._trace.began_mono_s = self._began_mono_s = clock.mono_s()
        self._connection.set_close_callback(self.on_connection_close)
        if self._refusal is not None:
            self._reply(self._failed(self._refusal))
            return
        body = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        self._body = body
        read = partial(read_order, Webhook(self._query, self._headers, body, clock.now_s()), self._site.auth)
        if len(body) <= LARGE_BODY_BYTES:
            self._send_messages(read)
        else:
            reading = self._site.readers.read(len(body), read)
            reading.add_done_callback(lambda done: self._send_messages(done.result))

    def on_connection_close(self) -> None:
        """End the request without a reply. Its messages are still handled."""
        if not self._is_over:
            if not self._is_read:
                _webhooks_counter(self._kind(), CUT).inc()
            self._end(None)

    def refuse_body(self, error: Exception) -> bytes:
        """Return the reply to a body that is refused before it is read. The caller then closes the connection."""
        self._chunks.clear()
        reply = self._failed(self._refusal or error)
        self._end(reply.status)
        return self._bytes(reply, CLOSE)

    def _send_messages(self, read: Callable[[], Order]) -> None:
        try:
            self._order = order = read()
            if order.seal and not self._site.replays.begin(order.seal):
                self._record(KEPT_BEFORE)
                self._reply(KEPT_BEFORE)
                return
            self._seal = order.seal
            self._take(order)
        except Exception as error:  # noqa: BLE001 (the webhook's one failure path)
            self._reply(self._failed(error))

    def _take(self, order: Order) -> None:
        if order.invalid_count:
            metrics.SEGMENTS.labels("invalid").inc(order.invalid_count)
        if not order.messages:
            self._conclude([], None)
            return
        if self._site.webhook_limit is not None:
            self._site.webhook_limit.count(order.session_key)
        context = LogContext(self._request_id, order.session_key)
        sending = Sending(self._site.system, order.messages, context, self._settled)
        sending.start(self._site.clock, self._site.times.webhook_s)

    def _settled(self, replies: list[Ingested], error: Exception | None) -> None:
        try:
            self._conclude(replies, error)
        except Exception as failure:  # noqa: BLE001 (the caller of a callback would swallow it, without a reply)
            self._reply(self._failed(failure))

    def _conclude(self, replies: list[Ingested], error: Exception | None) -> None:
        answers = [reply for reply in replies if reply.message is not None]
        sent = answers.pop(0) if answers and error is None else None
        for unsent in answers:
            self._report(unsent, reached=False)
        if error is not None:
            self._reply(self._failed(error))
        else:
            drop_note = self._order.drop_note if self._order is not None else ""
            self._reply(self._kept(sent.message if sent is not None else None, drop_note), sent)

    def _kept(self, message: str | None, drop_note: str) -> WebhookReply:
        if self._seal:
            self._site.replays.keep(self._seal)
        reply = kept_reply(message, drop_note)
        self._record(reply)
        if drop_note:
            self._log_drop(reply, detail=drop_note)
        return reply

    def _failed(self, error: Exception) -> WebhookReply:
        if self._seal:
            self._site.replays.forget(self._seal)
        level = (
            "error"
            if not isinstance(error, ExpectedError)
            else "info"
            if isinstance(error, BadRequestError)
            else "warn"
        )
        REQUESTS.count_error(type(error).__name__, ROUTE, level=level, request_id=self._request_id)
        if isinstance(error, SignatureMismatchError):
            self._body = None
            return self._unauthorized(error)
        reply = failed_reply(
            error,
            sender_retries="Idempotency-Key" in self._headers,
            request_id=self._request_id,
            now_s=self._site.clock.now_s(),
        )
        self._record(reply)
        if isinstance(error, ExpectedError):
            self._log_drop(reply, detail=str(error))
        else:
            with bound_context(self._context()):
                name = type(error).__name__
                _log.error("webhook failed", route=ROUTE, reason=reply.reason, error=name, exc_info=error)
        return reply

    def _unauthorized(self, error: SignatureMismatchError) -> WebhookReply:
        """Return the refusal of a webhook without the right token or signature; 429 if its sender has sent many."""
        peer = getattr(self._connection.context, "remote_ip", "")
        sender = find_client(peer, self._headers, self._site.trusted_proxies).limit_key
        wait_s = self._site.refused_webhooks.count(sender, str(error))
        problem = api_problem(error if wait_s is None else RateLimitedError(str(error), retry_after_s=wait_s))
        reply = refused_reply(problem, request_id=self._request_id, now_s=self._site.clock.now_s())
        self._record(reply)
        return reply

    def _reply(self, reply: WebhookReply, sent: Ingested | None = None) -> None:
        if self._is_over:
            if sent is not None:
                self._report(sent, reached=False)
            return
        self._end(reply.status, answered=sent is not None)
        close = self._site.traffic.is_draining
        on_flushed = None if sent is None else (lambda reached: self._report(sent, reached=reached))
        send(self._connection, self._bytes(reply, self._connection_line()), close=close, on_flushed=on_flushed)

    def _bytes(self, reply: WebhookReply, connection_line: str) -> bytes:
        more = reply.header_lines + connection_line
        now_s = self._site.clock.now_s()
        return reply_bytes(reply.status, reply.body, request_id=self._request_id, now_s=now_s, more=more)

    def _connection_line(self) -> str:
        if self._site.traffic.is_draining:
            return CLOSE
        asked = header(self._headers, "Connection")
        if asked is None:
            return ""
        return CLOSE if asked.lower() == "close" else KEEP_ALIVE

    def _report(self, answer: Ingested, *, reached: bool) -> None:
        if answer.delivery_id is not None and self._order is not None:
            self._site.system.reply_sent(ReplySent(self._order.session_key, answer.delivery_id, reached))

    def _end(self, status: int | None, *, answered: bool = False) -> None:
        """End the request with its reply's status; None if its connection has closed. No reply may follow."""
        self._is_over = True
        self._site.traffic.end()
        now_mono_s = self._site.clock.mono_s()
        seconds = now_mono_s - self._began_mono_s
        count_request(ROUTE, "POST", status, seconds)
        REQUESTS.end(self._trace, status, now_mono_s)
        self._keep(now_mono_s)
        # The model decides the duration of an answer, which has its own metric.
        if seconds >= self._site.times.slow_request_s and not answered:
            with bound_context(self._context()):
                fields = self._trace.slow_fields()
                _log.warning("slow webhook", seconds=round(seconds, 3), status=status, **fields)
        else:
            fields = {"status": CLOSED if status is None else status, "ms": round(seconds * 1e3, 1)}
            more = {"route": ROUTE, "method": "POST", **fields, "kind": self._kind(), "answered": answered}
            log_cheaply(__name__, "request", self._context(), more)

    def _keep(self, now_mono_s: float) -> None:
        """Keep the webhook for the inspector."""
        kept = KeptWebhook(self._trace, self._query, self._headers, self._body)
        kept.fate, kept.reason = self._fate, self._reason
        if self._order is not None:
            kept.kind, kept.session_key = self._order.kind, self._order.session_key
        WEBHOOKS.keep(kept, now_mono_s)

    def _record(self, reply: WebhookReply) -> None:
        self._fate, self._reason = reply.outcome, reply.reason
        _webhooks_counter(self._kind(), reply.outcome).inc()
        if reply.outcome == DROPPED:
            metrics.WEBHOOKS_DROPPED.labels(reply.reason).inc()
        elif reply.outcome == REFUSED:
            metrics.WEBHOOKS_REFUSED.labels(reply.reason).inc()

    def _log_drop(self, reply: WebhookReply, *, detail: str) -> None:
        with bound_context(self._context()):
            _log.warning(f"webhook {reply.outcome}", reason=reply.reason, kind=self._kind(), detail=detail)

    def _kind(self) -> str:
        return self._order.kind if self._order is not None else "unknown"

    def _context(self) -> LogContext:
        return LogContext(self._request_id, self._order.session_key if self._order is not None else "")
