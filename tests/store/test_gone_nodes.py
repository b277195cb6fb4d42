"""What a node has left that is gone: the others look after it, once it has been silent for long enough."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from omi_actors.clock import ManualClock
from omi_actors.domain.work.jobs import ClaimedJob
from omi_actors.errors import LeaseLostError
from omi_actors.store import jobs
from omi_actors.store.answers import change_delivery, load_unsettled_answers, load_waiting_answers
from omi_actors.store.dead_jobs import reap_jobs
from omi_actors.store.engine import Engine, StoreConfig
from omi_actors.store.nodes import heartbeat_node, register_node
from omi_actors.store.sessions import load_listening
from omi_actors.store.transaction import NodeIdentity, Transaction
from tests.store.builders import NOW, answer, asking_commit, claim, do, first_commit, rows, step

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


# What it had begun to say comes later: it may have said it, and records it when it is back.
@pytest.mark.parametrize(
    ("load", "after_s"), [(load_waiting_answers, 15), (load_unsettled_answers, 74), (load_listening, 15)]
)
def test_what_a_node_has_left_is_looked_after_once_it_is_gone(
    left: Engine, clock: ManualClock, load: Callable[..., Any], after_s: float
) -> None:
    early = found(load, left, "node-b")
    clock.advance(after_s)
    still = found(load, left, "node-b")
    clock.advance(2)

    assert (early, still, found(load, left, "node-b")) == (0, 0, 1)
    assert found(load, left, "node-a") == 1


@pytest.mark.parametrize("load", [load_waiting_answers, load_unsettled_answers, load_listening])
def test_node_that_lives_looks_after_its_own_alone(left: Engine, clock: ManualClock, load: Callable[..., Any]) -> None:
    for _ in range(10):
        clock.advance(14)
        do(left, partial(heartbeat_node, lease_s=15, ran_s=5))
    clock.advance(14)

    assert found(load, left, "node-b") == 0


@pytest.fixture
def other(config: StoreConfig) -> Iterator[Engine]:
    """Node b, on the same database."""
    node_b = NodeIdentity("node-b")
    engine = Engine(config, node_b)
    engine.open()
    node_b.incarnation = do(engine, partial(register_node, lease_s=15, max_deliveries=10)).incarnation
    yield engine
    engine.close()


@pytest.fixture
def held(engine: Engine, node: NodeIdentity, other: Engine) -> tuple[ClaimedJob, ...]:
    """Node a runs two jobs, with leases of their own of 30 s."""
    node.incarnation = do(engine, partial(register_node, lease_s=15, max_deliveries=10)).incarnation
    for name in ("s1", "s2"):
        do(engine, asking_commit(name))
    return tuple(claim(engine))


def reap(engine: Engine) -> int:
    reaped: int = do(engine, partial(reap_jobs, max_deliveries=3, max_losses=10))
    return reaped


def test_jobs_of_a_silent_node_are_taken_back_with_its_lease(
    held: tuple[ClaimedJob, ...], other: Engine, clock: ManualClock
) -> None:
    clock.advance(15)
    early = reap(other)
    clock.advance(0.1)

    assert (early, reap(other)) == (0, len(held))
    assert sorted(one.job_id for one in claim(other)) == ["s1-j1", "s2-j1"]


def test_jobs_of_a_node_that_lives_or_asks_are_not_taken_back(
    held: tuple[ClaimedJob, ...], engine: Engine, other: Engine, clock: ManualClock
) -> None:
    clock.advance(14)
    do(engine, partial(heartbeat_node, lease_s=15, ran_s=5))
    clock.advance(14)
    assert reap(other) == 0

    clock.advance(2)
    assert reap(engine) == 0  # its own, although its lease has expired

    assert do(engine, partial(jobs.complete_answer, done=answer(held[0], session=held[0].lane))) is None


def test_result_of_a_paused_node_is_refused_once_another_node_has_its_job(
    held: tuple[ClaimedJob, ...], engine: Engine, other: Engine, clock: ManualClock
) -> None:
    clock.advance(16)
    reap(other)

    with pytest.raises(LeaseLostError):
        do(engine, partial(jobs.complete_answer, done=answer(held[0], session=held[0].lane)))
    (again, *_) = claim(other)
    with pytest.raises(LeaseLostError):
        do(engine, partial(jobs.complete_answer, done=answer(held[0], session=held[0].lane)))
    do(other, partial(jobs.complete_answer, done=answer(again, session=again.lane)))

    assert rows(engine, "SELECT count(*) FROM message WHERE role = 'assistant'") == [(1,)]
    assert do(engine, partial(jobs.heartbeat_jobs, tokens=[one.token for one in held], lease_s=30.0)) == frozenset()


def test_job_outlives_more_lost_nodes_than_failures_of_workers(
    held: tuple[ClaimedJob, ...], engine: Engine, other: Engine, clock: ManualClock
) -> None:
    for loss in range(1, 11):
        clock.advance(16)
        assert reap(other) == len(held)
        states = rows(engine, "SELECT DISTINCT state FROM job")
        assert states == [("ready" if loss < 10 else "dead",)]
        claim(engine)
