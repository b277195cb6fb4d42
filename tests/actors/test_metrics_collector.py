"""The metrics collector: each minute is kept and stored once, whatever the clock and the store do."""

import json
from functools import partial

import pytest

from omi_actors.actors.metrics_collector import LatestReadings, MetricsCollector
from omi_actors.actors.session.router import LiveSessions
from omi_actors.errors import StoreUnavailableError
from omi_actors.instruments import metrics
from omi_actors.instruments.latencies import MODEL, RECORDERS
from omi_actors.instruments.minutes import Minutes, dump_minute, load_minute
from omi_actors.kit.testing import Driver
from tests.actors.conftest import FakeStore

QUEUE = StoreUnavailableError("not asked here")


class Minutely(FakeStore):
    """A store that keeps minutes as it gets them."""

    def __init__(self):
        super().__init__()
        self.replies |= {"keep_minute": None, "load_hour": [], "count_queue": QUEUE}
        self.kept = []

    def write(self, work, *args, **kwargs):
        if work.__name__ == "keep_minute":
            _node, at, figures = args
            self.kept.append((at, json.loads(figures)))
        return super().write(work, *args, **kwargs)


@pytest.fixture
def store():
    return Minutely()


@pytest.fixture
def readings():
    return LatestReadings(started_mono_s=0.0)


@pytest.fixture
def driver(store, readings):
    return Driver(MetricsCollector(store, readings, LiveSessions(), "one"))


def test_minute_is_stored_once_with_what_grew_in_it(driver, store):
    driver.advance(61.0)
    store.kept.clear()
    metrics.QUESTIONS.inc(3)
    RECORDERS[MODEL].note(0.25)
    driver.advance(60.0)
    driver.advance(60.0)

    (_, first), (_, second) = store.kept
    assert (first["counts"]["questions"], first["times"]["model"]["count"]) == (3, 1)
    assert ("questions" in second["counts"], "model" in second["times"]) == (False, False)


def test_minutes_end_with_the_wall_clocks(driver, store):
    driver.advance(180.0)

    assert [round(at % 60) % 60 for at, _ in store.kept[1:]] == [0] * len(store.kept[1:])


@pytest.mark.parametrize("leap_s", [86_400.0 * 365, -86_400.0])
def test_leap_of_the_clock_neither_adds_nor_loses_minutes(leap_s, driver, store):
    driver.advance(120.0)
    before = len(store.kept)
    driver.runtime.manual_clock.jump(leap_s)
    driver.advance(300.0)

    assert len(store.kept) - before == 5


def test_failing_store_loses_minutes_and_nothing_else(driver, store, readings):
    store.replies |= {"keep_minute": QUEUE, "load_hour": QUEUE}

    driver.advance(300.0)

    assert len(readings.minutes.closed) >= 4
    assert len(store.of("load_hour")) >= 4  # asked again each minute
    store.replies["load_hour"] = []
    driver.advance(120.0)
    asked = len(store.of("load_hour"))
    driver.advance(120.0)
    assert len(store.of("load_hour")) == asked


def test_minutes_of_an_earlier_process_stand_before_those_of_this_one(driver, store, readings):
    text = dump_minute(Minutes(0.0).close({"requests": 9.0}, {}, now_s=60.0, mono_s=60.0))
    store.replies["load_hour"] = [load_minute(0.0, text, mono_s=-120.0)]

    driver.advance(121.0)

    requests = [one and one.counts.get("requests") for one in readings.minutes.by_minute()]
    assert 9.0 in requests
    assert requests.index(9.0) < 58


def test_minute_under_way_is_stored_when_the_program_stops(driver, store):
    driver.advance(1.0)
    metrics.QUESTIONS.inc(2)
    driver.stop()

    assert store.kept[-1][1]["counts"]["questions"] == 2


def test_collector_that_is_restarted_counts_nothing_twice(store, readings):
    metrics.QUESTIONS.inc(5)
    start = partial(MetricsCollector, store, readings, LiveSessions(), "one")
    Driver(start()).advance(61.0)

    Driver(start()).advance(61.0)

    assert sum(minute["counts"].get("questions", 0) for _, minute in store.kept) == 5
