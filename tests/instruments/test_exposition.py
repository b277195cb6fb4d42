"""One text of metrics of several nodes: what a Prometheus reads from it."""

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from omi_actors.instruments.exposition import merge_metrics


def text_of(webhooks, *, more=False):
    registry = CollectorRegistry()
    Gauge("omi_node_up", "1 while the node reports.", registry=registry).set(1)
    Counter("omi_webhooks", "Webhooks.", ["outcome"], registry=registry).labels('sto"red').inc(webhooks)
    Gauge("omi_sessions_live", "Sessions.", registry=registry).set(3)
    Histogram("omi_commit_seconds", "Commits.", registry=registry, buckets=(0.1, 1.0)).observe(0.5)
    if more:
        Gauge("omi_new", "Of a newer program.", registry=registry).set(1)
    return generate_latest(registry).decode()


@pytest.fixture
def families():
    merged = merge_metrics({"a": text_of(2), "b": text_of(5, more=True)}, ["c"])
    assert merged.count("# TYPE omi_webhooks_total counter\n") == 1
    return {family.name: family for family in text_string_to_metric_families(merged)}


def values(family, name, **labels):
    return {
        one.labels["node"]: one.value
        for one in family.samples
        if one.name == name and all(one.labels[label] == value for label, value in labels.items())
    }


def test_each_series_has_its_node_and_sums_are_right(families):
    assert values(families["omi_webhooks"], "omi_webhooks_total", outcome='sto"red') == {"a": 2.0, "b": 5.0}
    assert values(families["omi_sessions_live"], "omi_sessions_live") == {"a": 3.0, "b": 3.0}


def test_histogram_stays_one_family(families):
    family = families["omi_commit_seconds"]

    assert family.type == "histogram"
    assert values(family, "omi_commit_seconds_bucket", le="1.0") == {"a": 1.0, "b": 1.0}
    assert values(family, "omi_commit_seconds_sum") == {"a": 0.5, "b": 0.5}


def test_metric_of_a_newer_program_is_there_with_its_help(families):
    assert families["omi_new"].documentation == "Of a newer program."
    assert values(families["omi_new"], "omi_new") == {"b": 1.0}


def test_node_that_does_not_report_is_down(families):
    assert values(families["omi_node_up"], "omi_node_up") == {"a": 1.0, "b": 1.0, "c": 0.0}
