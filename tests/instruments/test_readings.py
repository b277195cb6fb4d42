"""Metrics read back: sums, means, and what came since."""

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from omi_actors.instruments.readings import Readings, Times, take_readings


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
    assert now.mean("x") is None


def test_mean_joins_the_label_sets_that_were_not_told_apart(registry):
    seconds = Times("seconds", "", ["route"], registry=registry)
    seconds.labels("a").observe(0.5)
    seconds.labels("b").observe(1.5)

    now = take_readings(registry)

    assert (now.mean("seconds"), now.mean("seconds", route="b")) == (1.0, 1.5)


def test_buckets_are_in_metrics_but_not_in_readings(registry):
    Times("seconds", "", ["route"], registry=registry).labels("a").observe(0.5)

    assert "seconds_bucket" not in take_readings(registry).samples
    assert b'seconds_bucket{le="0.5",route="a"} 1.0' in generate_latest(registry)


def test_what_came_since_an_earlier_look_is_the_difference(registry):
    counter = Counter("things", "", ["kind"], registry=registry)
    seconds = Times("seconds", "", buckets=(1.0, 2.0), registry=registry)
    counter.labels("old").inc(5)
    seconds.observe(0.5)
    earlier = take_readings(registry)
    counter.labels("old").inc(2)
    counter.labels("new").inc()
    seconds.observe(1.5)

    recent = take_readings(registry).since(earlier)

    assert recent.by("kind", "things_total") == {"new": 1, "old": 2}
    assert recent.mean("seconds") == 1.5
    assert recent.total("seconds_count") == 1


def test_without_an_earlier_look_everything_is_recent(registry):
    Gauge("g", "", registry=registry).set(3)
    now = take_readings(registry)

    assert now.since(None) == now
    assert now == Readings(now.samples)
