"""Latencies: quantiles near the exact ones, merged and stored without a loss; minutes survive leaps and restarts."""

import math
import random
import threading

import pytest

from omi_actors.instruments.latencies import ANSWER, COMMIT, RECORDERS, TRAFFIC, WEBHOOK, Recorder, Sketch, group_of
from omi_actors.instruments.minutes import KEPT, Minutes, dump_minute, load_minute, show_minutes


def known_load(count, seed=7):
    """Latencies as they are: most short, some long, a few of ten seconds."""
    rng = random.Random(seed)
    return [rng.lognormvariate(-5.5, 1.0) + (10.0 if rng.random() < 0.02 else 0.0) for _ in range(count)]


def exact(values, share):
    return sorted(values)[math.ceil(share * len(values)) - 1]


def sketch_of(values):
    sketch = Sketch()
    for value in values:
        sketch.add(value)
    return sketch


@pytest.fixture(autouse=True)
def empty_recorders():
    for recorder in RECORDERS.values():
        recorder.take()


@pytest.mark.parametrize("count", [1, 2, 28, 1_000, 20_000])
def test_quantiles_are_within_5_percent_of_the_exact_ones(count):
    values = known_load(count)

    found = sketch_of(values).summary()

    assert found.count == count
    assert found.mean == pytest.approx(sum(values) / count)
    assert found.highest == max(values)
    for share, value in ((0.5, found.p50), (0.95, found.p95), (0.99, found.p99)):
        assert value == pytest.approx(exact(values, share), rel=0.05)


def test_sketch_without_values_has_no_figures():
    assert Sketch().summary().p95 is None
    assert Sketch().summary().mean is None


def test_value_of_zero_is_a_value():
    assert sketch_of([0.0, 0.0]).summary().count == 2


def test_recorder_loses_no_value_of_two_threads():
    recorder = Recorder()
    threads = [threading.Thread(target=lambda: [recorder.note(0.1) for _ in range(1_000)]) for _ in range(2)]
    for thread in threads:
        thread.start()
    taken = recorder.take()
    for thread in threads:
        thread.join()

    assert len(taken) + len(recorder.take()) == 2_000


def test_windows_hold_the_values_of_their_minutes_and_of_the_minute_under_way():
    minutes, load = Minutes(0.0), known_load(3_000)
    for number in range(10):
        for value in load[number * 300 : (number + 1) * 300]:
            RECORDERS[WEBHOOK].note(value)
        minutes.fold()
        if number < 9:
            minutes.close({}, {}, now_s=60.0 * (number + 1), mono_s=60.0 * (number + 1))

    five, hour = (minutes.summary(TRAFFIC, minutes=length) for length in (5, 60))

    assert (five.count, hour.count) == (1_800, 3_000)
    assert five.p95 == pytest.approx(exact(load[1_200:], 0.95), rel=0.05)
    assert hour.p99 == pytest.approx(exact(load, 0.99), rel=0.05)
    assert minutes.summary((ANSWER,), minutes=5).count == 0


def test_stored_minute_has_the_quantiles_of_the_kept_one():
    minutes, load = Minutes(0.0), known_load(500)
    for value in load:
        RECORDERS[COMMIT].note(value)
    minutes.fold()
    minute = minutes.close({"requests": 3.0, "failed": 0.0}, {"sessions": 2.0}, now_s=1_060.0, mono_s=60.0)
    text = dump_minute(minute)

    again = load_minute(minute.at, text, mono_s=-60.0)

    assert (again.counts, again.gauges) == ({"requests": 3.0}, {"sessions": 2.0})
    before, after = minute.summary((COMMIT,)), again.summary((COMMIT,))
    assert after.count == 500
    assert after.p95 == pytest.approx(before.p95, rel=1e-6)
    assert after.mean == pytest.approx(before.mean, rel=1e-4)
    columns = show_minutes([(minute.at, text), (minute.at + 60, dump_minute(minutes.close({}, {}, now_s=0, mono_s=1)))])
    assert columns["at"] == [1_000.0, 1_060.0]
    assert columns["requests"] == [3.0, 0.0]
    assert columns["commit_p95"] == [pytest.approx(before.p95, rel=1e-3), None]


def test_leap_of_the_wall_clock_moves_no_minute():
    minutes = Minutes(0.0)
    for number, now_s in enumerate((1_000.0, 999_999_999.0, 50.0)):
        minutes.close({"requests": 1.0 + number}, {}, now_s=now_s, mono_s=60.0 * (number + 1))

    assert [one and one.counts["requests"] for one in minutes.by_minute()[-3:]] == [1.0, 2.0, 3.0]


def test_parts_of_a_minute_before_and_after_a_restart_are_one():
    minutes = Minutes(0.0)
    minutes.close({"requests": 1.0}, {}, now_s=30.0, mono_s=30.0)
    earlier = load_minute(0.0, '{"counts":{"requests":2},"gauges":{},"times":{}}', mono_s=-25.0)
    minutes.restore([earlier])

    assert [one and one.counts["requests"] for one in minutes.by_minute()[-2:]] == [None, 3.0]
    assert len(minutes.by_minute()) == KEPT


@pytest.mark.parametrize(
    ("route", "group"),
    [
        ("/omi-webhook", "webhook"),
        ("/chat", "chat"),
        ("/messages/send", "chat"),
        ("/memories/:id", "people"),
        ("other", "people"),
        ("/", "pages"),
        ("/style.css", "pages"),
        ("/metrics-dashboard/data.json", "pages"),
        ("/omi-webhook/queue-status", "pages"),
        ("/operator/queue/jobs", "pages"),
        ("/readyz", "pages"),
    ],
)
def test_route_has_its_group(route, group):
    assert group_of(route) == group
