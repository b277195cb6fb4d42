"""Hints of changes to those who show sessions, at this node and at others."""

import pytest

from omi_actors.actors.session.watchers import OtherNodes, SessionWatchers
from omi_actors.clock import ManualClock


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def asked():
    return []


@pytest.fixture
def sent():
    return []


@pytest.fixture
def others(clock, asked, sent):
    return OtherNodes(clock, asked.append, lambda owner, node: sent.append((owner, node)))


def test_node_that_has_asked_gets_hints_of_this_owner_until_its_request_ends(clock, others, sent):
    watchers = SessionWatchers(others)
    others.watch(["omi:ada"], "b")

    watchers.note("omi:ada")
    watchers.note("omi:lea")
    assert sent == [("omi:ada", "b")]
    clock.advance(12.1)
    watchers.note("omi:ada")
    assert len(sent) == 1
    others.watch(["omi:lea"], "b")
    assert set(others._watching) == {"omi:lea"}


def test_watching_here_asks_the_other_nodes_and_their_hints_call_back_here_only(others, asked, sent):
    watchers = SessionWatchers(others)
    calls: list[str] = []

    watchers.watch(["omi:ada"], lambda: calls.append("changed"))
    watchers.notify("omi:ada")

    assert asked == [("omi:ada",)]
    assert (calls, sent) == (["changed"], [])
