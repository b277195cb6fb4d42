"""The request log: stages, lines and jobs of the latest requests, in bounds; errors in groups."""

import logging

import pytest

from omi_actors.clock import ManualClock
from omi_actors.instruments.logs import LogContext, bound_context, get_logger
from omi_actors.instruments.requests import MAX_GROUPS, MAX_LINES, MAX_STAGES, REQUESTS, RequestLog, Trace
from tests.instruments.test_logs import lines  # noqa: F401 (a fixture)


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def log(clock):
    return RequestLog(clock, size=2)


def begin(log, request_id, method="POST"):
    trace = Trace(request_id, method, "/omi-webhook", log.clock.mono_s())
    log.begin(trace)
    return trace


def run(log, request_id):
    trace = begin(log, request_id)
    log.end(trace, 200, log.clock.mono_s())


def test_stages_have_the_time_since_the_stage_before(log, clock):
    trace = begin(log, "r1")
    clock.advance(0.25)
    with bound_context(LogContext("r1")):
        log.note("committed")
    clock.advance(1.0)
    log.end(trace, 200, clock.mono_s())

    assert trace.steps() == [("received", 0.0, 0.0), ("committed", 0.25, 0.25), ("replied", 1.25, 1.0)]
    assert trace.slow_fields() == {"slow_stage": "replied", "slow_stage_ms": 1000.0}


def test_requests_under_way_are_listed_oldest_first_and_never_forgotten(log):
    first = begin(log, "r1")
    second = begin(log, "r2")
    for number in range(10):
        run(log, f"later-{number}")

    assert list(log.active()) == [first, second]
    assert log.find("r1") is first


def test_only_the_latest_are_kept_and_longer_those_with_a_job_or_an_error(log):
    run(log, "plain")
    with bound_context(LogContext("asked")):
        trace = begin(log, "asked")
        log.note_job("j1", "answer", "done")
        log.end(trace, 200, 0.0)
    for number in range(10):
        run(log, f"later-{number}")

    assert log.find("plain") is None
    assert log.find("asked") is trace
    for number in range(3):
        with bound_context(LogContext(f"more-{number}")):
            more = begin(log, f"more-{number}")
            log.note_job(f"job-{number}", "answer", "done")
            log.end(more, 200, 0.0)
    for number in range(3):
        run(log, f"last-{number}")
    assert log.find("asked") is None
    assert len(log._by_id) <= 4
    assert len(log._by_job) <= 4


def test_scanner_that_is_refused_pushes_out_no_question(log):
    for request_id, level in (("asked", "error"), ("scan-1", "info"), ("scan-2", "info")):
        trace = begin(log, request_id)
        log.count_error("not_found", "other", level=level, request_id=request_id)
        log.end(trace, 500 if level == "error" else 404, 0.0)
    for number in range(10):
        run(log, f"later-{number}")

    assert [log.find(one) is not None for one in ("asked", "scan-1", "scan-2")] == [True, False, False]


def test_later_request_with_the_same_id_is_the_one_that_is_found(log):
    first, second = begin(log, "same"), begin(log, "same")
    log.end(first, 200, 0.0)
    for number in range(5):
        run(log, f"later-{number}")

    assert log.find("same") is second
    assert list(log.active()) == [second]


def test_one_request_cannot_fill_the_memory(log):
    trace = begin(log, "r1")
    for _ in range(500):
        log.note_for("r1", "context")
        log.keep_line({"event": "x" * 10_000, "level": "info", "request_id": "r1"})

    assert len(trace.stages) == MAX_STAGES
    assert len(trace.lines) == MAX_LINES
    assert len(trace.lines[0]["event"]) < 5_000


def test_job_of_a_request_that_came_elsewhere_is_found_by_the_request(log):
    with bound_context(LogContext("of-another-node")):
        log.note_job("j1", "answer", "running", attempt=1)
        log.note("context")

    trace = log.find("of-another-node")
    assert not trace.is_whole
    assert [job.kind for job in trace.jobs.values()] == ["answer"]
    assert [name for name, *_ in trace.steps()] == ["context"]


def test_answer_is_delivered_to_the_request_of_its_job(log):
    trace = begin(log, "r1")
    log.note_for("r1", "committed")
    log.note_enqueued("r1", "j1", "answer")
    log.note_delivered("j1", "notify")

    assert trace.stage == "delivered (notify)"


def test_errors_are_grouped_with_first_last_count_and_a_request(log, clock):
    log.count_error("StoreError", "/chat", level="warn", request_id="r1")
    clock.advance(5.0)
    log.count_error("StoreError", "/chat", level="warn")
    for number in range(MAX_GROUPS + 5):
        log.count_error("Other", f"place {number}", level="warn")
        log.count_error("StoreError", "/chat", level="error", request_id="r9")

    group = log.errors["StoreError", "/chat"]
    assert (group.count, group.last_at - group.first_at, group.request_id) == (MAX_GROUPS + 7, 5.0, "r9")
    assert len(log.errors) == MAX_GROUPS


@pytest.fixture
def kept(lines):  # noqa: F811
    """The process's log, emptied before and after."""
    REQUESTS.clear()
    yield REQUESTS
    REQUESTS.clear()


def test_log_lines_of_a_request_are_kept_redacted_and_its_errors_counted(kept):
    trace = begin(kept, "r1")
    with bound_context(LogContext("r1", "omi:ada")):
        get_logger("x").warning("job_attempt_failed", kind="answer", error="UpstreamError", reason="Bearer abcdef")
    get_logger("x").warning("of_no_request", error="ValueError")

    (line,) = trace.lines
    assert (line["event"], line["kind"], line["reason"]) == ("job_attempt_failed", "answer", "Bearer [redacted]")
    assert trace.is_notable
    assert set(kept.errors) == {("UpstreamError", "job_attempt_failed (answer)"), ("ValueError", "of_no_request")}
    assert kept.errors["UpstreamError", "job_attempt_failed (answer)"].request_id == "r1"


def test_foreign_line_is_counted_under_its_librarys_name(kept):
    logging.getLogger("tornado.general").warning("text of %s", "a stranger", extra={"error": "OSError"})

    assert set(kept.errors) == {("OSError", "tornado.general")}
