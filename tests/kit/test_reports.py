"""Lines about crashes: one each, then their number; never what people said."""

import pytest
from structlog.testing import capture_logs

from omi_actors.clock import ManualClock
from omi_actors.instruments.actor_metrics import ActorMetrics
from omi_actors.instruments.logs import safe_traceback
from omi_actors.kit.messages import Envelope
from omi_actors.kit.reports import LINES_PER_PERIOD, PERIOD_S, CrashLog
from omi_actors.kit.testing import ManualRuntime
from tests.kit.support import Puppet, fail_with, note_exits, run_alone


@pytest.fixture
def clock():
    return ManualClock()


def write(log, kind="session", times=1):
    with capture_logs() as lines:
        for _ in range(times):
            log.write(kind, "name", ValueError())
    return lines


def test_a_crash_is_one_line_with_actor_class_and_traceback():
    runtime = ManualRuntime(hooks=ActorMetrics())
    handle = run_alone(Puppet(), runtime, name="ada", kind="session", parent=note_exits(runtime).handle)

    with capture_logs() as lines:
        handle.tell(fail_with(ValueError("what the wearer said")))
        runtime.run()

    line = safe_traceback(None, "error", lines[0])
    assert len(lines) == 1
    assert (line["log_level"], line["actor"], line["kind"], line["error"]) == ("error", "ada", "session", "ValueError")
    assert "support.py" in line["exception"]
    assert "wearer" not in str(lines)


def test_crashes_are_noted_by_actor_and_kind_with_the_place_and_without_text():
    runtime = ManualRuntime(hooks=ActorMetrics())
    handle = run_alone(Puppet(), runtime, name="ada", kind="session", parent=note_exits(runtime).handle)
    log = runtime.crash_log

    with capture_logs():
        handle.tell(fail_with(ValueError("what the wearer said")))
        runtime.run()
        log.write("session", "eve", KeyError("text"))

    assert (log.notes["ada"].count, log.by_kind["session"].count) == (1, 2)
    assert log.notes["ada"].last.startswith("ValueError in kit/support.py:")
    assert log.by_kind["session"].last == "KeyError in no place"


def test_notes_of_crashes_are_bounded(clock):
    log = CrashLog(clock)

    with capture_logs():
        for number in range(600):
            log.write("session", f"s{number}", ValueError())

    assert (len(log.notes), "s599" in log.notes, "s0" in log.notes) == (500, True, False)


def test_after_ten_of_a_kind_only_the_number_is_kept_and_told_later(clock):
    log = CrashLog(clock)
    assert len(write(log, times=LINES_PER_PERIOD + 5)) == LINES_PER_PERIOD

    clock.advance(PERIOD_S)

    assert [line["silenced_before"] for line in write(log)] == [5]


def test_kinds_are_counted_each_for_itself(clock):
    log = CrashLog(clock)
    write(log, "session", times=LINES_PER_PERIOD)

    assert len(write(log, "queue")) == 1


def test_an_envelope_does_not_print_its_message():
    assert "secret" not in repr(Envelope("secret"))
