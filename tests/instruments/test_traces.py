"""Traces: a collector gets a request's stages as spans over real HTTP, and nothing holds a request up."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from omi_actors.clock import SystemClock
from omi_actors.errors import SettingsError
from omi_actors.instruments import traces as module
from omi_actors.instruments.logs import LogContext, bound_context
from omi_actors.instruments.requests import REQUESTS, Trace
from omi_actors.instruments.traces import traces


class Collector(BaseHTTPRequestHandler):
    """Takes spans as an OpenTelemetry collector does."""

    server: Any

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((self.path, ExportTraceServiceRequest.FromString(body)))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def collector():
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    server.received = []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def clock():
    clock = SystemClock()
    REQUESTS.configure(clock, 10)
    yield clock
    REQUESTS.clear()


def run(clock, request_id, status=200):
    began = clock.mono_s()
    trace = Trace(request_id, "POST", "/omi-webhook", began)
    REQUESTS.begin(trace)
    with bound_context(LogContext(request_id)):
        REQUESTS.note("committed")
        REQUESTS.note_job("j1", "answer", "done")
    REQUESTS.end(trace, status, began + 0.25)


def test_collector_gets_a_span_for_the_request_and_each_stage(collector, clock):
    now_ns = clock.now_s() * 1e9
    with traces(f"http://127.0.0.1:{collector.server_port}", "node-a", clock):
        run(clock, "r1", status=500)

    ((path, request),) = collector.received
    (resource,) = request.resource_spans
    named = {one.key: one.value.string_value for one in resource.resource.attributes}
    spans = {span.name: span for scope in resource.scope_spans for span in scope.spans}
    own = spans["POST /omi-webhook"]
    attributes = {one.key: one.value.string_value or one.value.int_value for one in own.attributes}
    assert path == "/v1/traces"
    assert (named["service.name"], named["service.instance.id"]) == ("omi-actors", "node-a")
    assert set(spans) == {"POST /omi-webhook", "committed", "replied"}
    assert spans["committed"].parent_span_id == own.span_id
    assert own.end_time_unix_nano - own.start_time_unix_nano == pytest.approx(0.25e9, rel=0.01)
    assert own.start_time_unix_nano == pytest.approx(now_ns, abs=5e9)
    assert own.status.code == 2
    assert attributes == {
        "http.request.method": "POST",
        "http.route": "/omi-webhook",
        "http.response.status_code": 500,
        "omi.request_id": "r1",
        "omi.job.answer": "done",
    }


def test_collector_that_is_away_holds_nothing_up_and_ends_in_time(clock, monkeypatch):
    monkeypatch.setattr(module, "_CLOSE_S", 0.2)
    with traces("http://127.0.0.1:9", "node-a", clock):
        run(clock, "r1")

    assert REQUESTS.on_end is None


def test_traces_without_the_extra_are_refused_with_the_way_out(clock, monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda _name: None)

    with pytest.raises(SettingsError, match=r"omi-actors\[otel\]"), traces("http://127.0.0.1:9", "a", clock):
        pass


def test_without_a_collector_nothing_is_imported_or_collected(clock):
    with traces(None, "node-a", clock):
        assert REQUESTS.on_end is None
