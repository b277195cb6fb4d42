"""What a node has left that is gone: the others look after it, once it has been silent for long enough."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from omi_actors.clock import ManualClock
from omi_actors.store import jobs
from omi_actors.store.answers import change_delivery, load_unsettled_answers, load_waiting_answers
from omi_actors.store.engine import Engine
from omi_actors.store.nodes import heartbeat_node, register_node
from omi_actors.store.sessions import load_listening
from omi_actors.store.transaction import NodeIdentity, Transaction
from tests.store.builders import NOW, answer, asking_commit, claim, do, first_commit, step

LATE = NOW + 1_000


@pytest.fixture
def left(engine: Engine, node: NodeIdentity) -> Engine:
    """Node a has left an answer, one that it was about to say, and somebody in the middle of a question."""
    node.incarnation = do(engine, partial(register_node, lease_s=15, max_deliveries=3)).incarnation
    for name in ("s1", "s2"):
        do(engine, asking_commit(name))
    for held in claim(engine):
        do(engine, partial(jobs.complete_answer, done=answer(held, session=held.lane)))
    do(engine, partial(change_delivery, change=step("s2-j1-d", ("pending",), "sending")))
    do(engine, first_commit("s3", listening_until=NOW))
    return engine


def found(load: Callable[..., Any], engine: Engine, node: str) -> int:
    def look(tx: Transaction) -> Any:
        return load(tx, node=node, until=LATE, limit=9)

    return len(engine.read(look))


@pytest.mark.parametrize("load", [load_waiting_answers, load_unsettled_answers, load_listening])
def test_what_a_node_has_left_is_looked_after_once_it_is_gone(
    left: Engine, clock: ManualClock, load: Callable[..., Any]
) -> None:
    early = found(load, left, "node-b")
    clock.advance(74)
    still = found(load, left, "node-b")
    clock.advance(2)

    assert (early, still, found(load, left, "node-b")) == (0, 0, 1)
    assert found(load, left, "node-a") == 1


@pytest.mark.parametrize("load", [load_waiting_answers, load_unsettled_answers, load_listening])
def test_node_that_lives_looks_after_its_own_alone(left: Engine, clock: ManualClock, load: Callable[..., Any]) -> None:
    clock.advance(70)
    do(left, partial(heartbeat_node, lease_s=15, ran_s=5))
    clock.advance(70)

    assert found(load, left, "node-b") == 0
