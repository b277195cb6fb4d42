"""Traces for an OpenTelemetry collector: a thread turns finished requests into spans, one for each stage.

It runs only when OTEL_EXPORTER_OTLP_ENDPOINT is set; the extra `otel` brings the SDK, which is imported in that thread.
A span has names, times and ids: no text, no wearer, no log lines.
Not here: noting the stages (requests.py). Threads: `offer` on the event loop, never waits; the rest in its own thread.
"""

import math
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

from omi_actors import __version__
from omi_actors.clock import Clock
from omi_actors.errors import SettingsError
from omi_actors.instruments.logs import get_logger
from omi_actors.instruments.requests import REQUESTS, Trace

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

_log = get_logger(__name__)

# Seconds after the reply: the answer and its delivery come later. Questions that take longer end as they are then.
_LATER_S = 15.0
# Requests that may wait for that: of each second 50, and all with a question or an error, for longer than they wait.
_WAITING = 5_000
_PLAIN_PER_S = 50
# Seconds between two looks at the waiting requests.
_LOOK_S = 1.0
# Seconds for the last spans at the end.
_CLOSE_S = 5.0
_SERVER_ERROR = 500


@contextmanager
def traces(endpoint: str | None, node_name: str, clock: Clock) -> Iterator[None]:
    """Send traces to the collector at `endpoint` until the block ends; None sends none.

    Raises:
        SettingsError: the SDK is not installed.
    """
    if endpoint is None:
        yield
        return
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.exporter.otlp.proto.http") is None:
        raise SettingsError(
            "OTEL_EXPORTER_OTLP_ENDPOINT needs an extra that is not installed: pip install 'omi-actors[otel]'. Or "
            "leave the setting out."
        )
    sender = TraceSender(endpoint, node_name, clock)
    REQUESTS.on_end = sender.offer
    try:
        yield
    finally:
        REQUESTS.on_end = None
        sender.close()


class TraceSender:
    """Sends the traces of finished requests. More plain ones than 50 a second are left out."""

    def __init__(self, endpoint: str, node_name: str, clock: Clock) -> None:
        self._endpoint = f"{endpoint.rstrip('/')}/v1/traces"
        self._node_name = node_name
        self._clock = clock
        self._waiting: deque[Trace] = deque(maxlen=_WAITING)
        self._second, self._plain = 0, 0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="traces", daemon=True)
        self._thread.start()

    def offer(self, trace: Trace) -> None:
        """Take a request that has ended. Never waits."""
        second = int(trace.ended_mono_s or 0.0)
        if second != self._second:
            self._second, self._plain = second, 0
        self._plain += 1
        if trace.is_notable or self._plain <= _PLAIN_PER_S:
            self._waiting.append(trace)

    def close(self) -> None:
        """Send what waits, and end the thread. If the collector hangs, stop waiting after some seconds."""
        self._is_over.set()
        self._thread.join(_CLOSE_S)

    def _run(self) -> None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 (an extra)
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

        names = {"service.name": "omi-actors", "service.version": __version__, "service.instance.id": self._node_name}
        provider = TracerProvider(resource=Resource.create(names), shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=self._endpoint, timeout=_CLOSE_S)))
        tracer = provider.get_tracer("omi_actors", __version__)
        while not self._is_over.wait(_LOOK_S):
            self._send_due(tracer, self._clock.mono_s() - _LATER_S)
        self._send_due(tracer, math.inf)
        provider.shutdown()

    def _send_due(self, tracer: "Tracer", before_mono_s: float) -> None:
        while self._waiting and (self._waiting[0].ended_mono_s or 0.0) <= before_mono_s:
            trace = self._waiting.popleft()
            try:
                send(tracer, trace, self._clock.now_s() - self._clock.mono_s())
            except Exception as exc:  # noqa: BLE001 (one trace must not end all others)
                _log.warning("trace_not_sent", error=type(exc).__name__)


def send(tracer: "Tracer", trace: Trace, mono_began_at: float) -> None:
    """Send the spans of one request: its own, and one for each stage. `mono_began_at`: UTC of monotonic zero."""
    from opentelemetry.context import Context  # noqa: PLC0415 (an extra)
    from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context  # noqa: PLC0415

    def unix_ns(seconds: float) -> int:
        return round((mono_began_at + trace.began_mono_s + seconds) * 1e9)

    steps = trace.steps()
    name = f"{trace.method} {trace.route}"
    own = tracer.start_span(name, Context(), SpanKind.SERVER, _attributes(trace), start_time=unix_ns(0.0))
    if trace.status is not None and trace.status >= _SERVER_ERROR:
        own.set_status(Status(StatusCode.ERROR))
    within = set_span_in_context(own, Context())
    for stage, at_s, took_s in steps[1:]:
        tracer.start_span(stage, within, start_time=unix_ns(at_s - took_s)).end(unix_ns(at_s))
    own.end(unix_ns(steps[-1][1]))


def _attributes(trace: Trace) -> dict[str, str | int]:
    found: dict[str, str | int] = {
        "http.request.method": trace.method,
        "http.route": trace.route,
        "omi.request_id": trace.request_id,
    }
    if trace.status is not None:
        found["http.response.status_code"] = trace.status
    if trace.error:
        found["error.type"] = trace.error
    for job in (trace.jobs or {}).values():
        found[f"omi.job.{job.kind}"] = job.outcome
    return found
