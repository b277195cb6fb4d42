"""Metrics read back: sums, quantiles, and what came since."""

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from omi_actors.instruments.readings import Readings, take_readings


@pytest.fixture
def registry():
    return CollectorRegistry()


def test_sums_are_over_all_labels_that_were_not_named(registry):
    requests = Counter("requests", "", ["route", "status"], registry=registry)
    for route, status, count in (("a", "2xx", 3), ("a", "5xx", 1), ("b", "2xx", 2)):
        requests.labels(route, status).inc(count)

    now = take_readings(registry)

    assert now.total("requests_total") == 6
    assert now.total("requests_total", status="2xx") == 5
    assert now.total("requests_total", status="2xx", route="b") == 2
    assert now.by("route", "requests_total") == {"a": 4, "b": 2}
    assert now.by("status", "requests_total", route="a") == {"2xx": 3, "5xx": 1}


def test_metric_without_a_count_is_zero(registry):
    now = take_readings(registry)

    assert (now.total("x"), now.by("y", "x")) == (0, {})
    assert (now.mean("x"), now.quantile(0.5, "x")) == (None, None)


@pytest.mark.parametrize(
    ("observed", "share", "quantile"),
    [
        ([], 0.5, None),
        ([0.5] * 10, 0.5, 0.5),  # the middle of the first bucket
        ([0.5] * 10, 1.0, 1.0),
        ([0.5] * 5 + [1.5] * 5, 0.5, 1.0),
        ([0.5] * 5 + [1.5] * 5, 0.75, 1.5),
        ([1.5] * 4, 0.5, 1.5),  # an empty bucket below
        ([0.5] * 9 + [99.0], 0.99, 4.0),  # above the last bound nothing is known
        ([99.0], 0.5, 4.0),
    ],
)
def test_quantile_is_interpolated_within_its_bucket(observed, share, quantile, registry):
    seconds = Histogram("seconds", "", buckets=(1.0, 2.0, 4.0), registry=registry)
    for value in observed:
        seconds.observe(value)

    assert take_readings(registry).quantile(share, "seconds") == (
        quantile if quantile is None else pytest.approx(quantile)
    )


def test_quantile_joins_the_label_sets_that_were_not_told_apart(registry):
    seconds = Histogram("seconds", "", ["route"], buckets=(1.0, 2.0), registry=registry)
    seconds.labels("a").observe(0.5)
    seconds.labels("b").observe(1.5)

    now = take_readings(registry)

    assert now.quantile(0.5, "seconds") == 1.0
    assert now.quantile(0.5, "seconds", route="b") == 1.5
    assert now.mean("seconds") == 1.0


def test_what_came_since_an_earlier_look_is_the_difference(registry):
    counter = Counter("things", "", ["kind"], registry=registry)
    seconds = Histogram("seconds", "", buckets=(1.0, 2.0), registry=registry)
    counter.labels("old").inc(5)
    seconds.observe(0.5)
    earlier = take_readings(registry)
    counter.labels("old").inc(2)
    counter.labels("new").inc()
    seconds.observe(1.5)

    recent = take_readings(registry).since(earlier)

    assert recent.by("kind", "things_total") == {"new": 1, "old": 2}
    assert recent.quantile(1.0, "seconds") == 2.0
    assert recent.total("seconds_count") == 1


def test_without_an_earlier_look_everything_is_recent(registry):
    Gauge("g", "", registry=registry).set(3)
    now = take_readings(registry)

    assert now.since(None) == now
    assert now == Readings(now.samples)
