from functools import partial

import pytest

from omi_actors.clock import ManualClock
from omi_actors.store import jobs
from omi_actors.store.answers import change_delivery
from omi_actors.store.engine import Engine
from omi_actors.store.nodes import Heartbeat, Presence, Registration, heartbeat_node, leave, register_node
from omi_actors.store.transaction import NodeIdentity, Transaction
from tests.store.builders import NOW, answer, asking_commit, claim, do, first_commit, rows, step


def register(engine: Engine, node: NodeIdentity) -> Registration:
    found: Registration = do(engine, lambda tx: register_node(tx, lease_s=15, max_deliveries=3))
    node.incarnation = found.incarnation
    return found


def beat(tx: Transaction) -> bool:
    return heartbeat_node(tx, lease_s=15, ran_s=5).is_ours


def test_each_process_is_a_new_incarnation(engine: Engine, node: NodeIdentity) -> None:
    assert [register(engine, node).incarnation for _ in range(3)] == [1, 2, 3]


def test_a_heartbeat_prolongs_the_lease(engine: Engine, node: NodeIdentity, clock: ManualClock) -> None:
    register(engine, node)
    clock.advance(5)

    assert do(engine, beat)

    assert rows(engine, "SELECT heartbeat_at, lease_until FROM node") == [(NOW + 5, NOW + 20)]


def test_a_replaced_incarnation_learns_it_from_its_heartbeat(engine: Engine, node: NodeIdentity) -> None:
    register(engine, node)
    register(engine, NodeIdentity(node.name))

    assert not do(engine, beat)


def test_a_new_incarnation_frees_the_jobs_of_the_old_at_once(engine: Engine, node: NodeIdentity) -> None:
    register(engine, node)
    do(engine, asking_commit())
    claim(engine)

    assert register(engine, node).jobs_taken_back == 1

    assert [job.job_id for job in claim(engine)] == ["s1-j1"]


def test_a_job_that_kills_every_incarnation_dies(engine: Engine, node: NodeIdentity) -> None:
    register(engine, node)
    do(engine, asking_commit())

    for _ in range(3):
        assert len(claim(engine)) == 1
        register(engine, node)

    assert claim(engine) == []
    assert rows(engine, "SELECT state FROM job") == [("dead",)]
    assert rows(engine, "SELECT kind FROM message WHERE role = 'assistant'") == [("failure",)]


def test_another_nodes_jobs_are_left_alone(engine: Engine, node: NodeIdentity) -> None:
    register(engine, node)
    do(engine, asking_commit())
    claim(engine)

    node.name = "node-b"

    assert register(engine, node).jobs_taken_back == 0


@pytest.mark.parametrize(
    ("gap_s", "ran_s", "is_steady"), [(7.4, 5, True), (7.5, 5, False), (40, 5, False), (0, 0, False)]
)
def test_heartbeat_is_steady_unless_the_store_may_have_been_away(
    engine: Engine, node: NodeIdentity, clock: ManualClock, gap_s: float, ran_s: float, *, is_steady: bool
) -> None:
    register(engine, node)
    clock.advance(gap_s)

    assert do(engine, partial(heartbeat_node, lease_s=15, ran_s=ran_s)).is_steady is is_steady


def test_heartbeat_of_a_replaced_incarnation_is_not_steady(engine: Engine, node: NodeIdentity) -> None:
    register(engine, node)
    register(engine, NodeIdentity(node.name))

    assert not do(engine, partial(heartbeat_node, lease_s=15, ran_s=5)).is_steady


def test_a_delivery_cut_by_a_crash_becomes_unknown(engine: Engine, node: NodeIdentity) -> None:
    register(engine, node)
    for name in ("s1", "s2"):
        do(engine, asking_commit(name))
    for held in claim(engine):
        do(engine, partial(jobs.complete_answer, done=answer(held, session=held.lane)))
    do(engine, lambda tx: change_delivery(tx, step("s1-j1-d", ("pending",), "sending")))

    assert register(engine, node).unknown_deliveries == 1

    assert rows(engine, "SELECT id, state FROM delivery ORDER BY id") == [
        ("s1-j1-d", "unknown"),
        ("s2-j1-d", "pending"),
    ]


def test_a_commit_is_stamped_with_the_incarnation(engine: Engine, node: NodeIdentity) -> None:
    register(engine, node)
    register(engine, node)

    do(engine, first_commit())

    assert rows(engine, "SELECT node, incarnation FROM session") == [("node-a", 2)]


def test_node_that_leaves_owns_nothing_from_then_on(engine: Engine, clock: ManualClock) -> None:
    do(engine, lambda tx: register_node(tx, lease_s=15, max_deliveries=3))
    here = Presence("10.0.0.1:3000", b"key", takes_mail=True)
    first: Heartbeat = do(engine, partial(heartbeat_node, lease_s=15, ran_s=5, presence=here))

    do(engine, leave)

    assert [(member.name, member.address, member.mail_key) for member in first.members] == [
        ("node-a", "10.0.0.1:3000", b"key")
    ]
    assert rows(engine, "SELECT wire, lease_until FROM node") == [(0, clock.now_s())]


def test_node_that_takes_no_mail_or_is_silent_is_no_member(engine: Engine, clock: ManualClock) -> None:
    do(engine, lambda tx: register_node(tx, lease_s=15, max_deliveries=3))
    other = "INSERT INTO node (name, incarnation, started_at, heartbeat_at, lease_until, wire) VALUES"
    for name, until_s, wire in (("silent", -1, 1), ("earlier", 15, 0), ("later", 15, 2), ("b", 15, 1)):
        do(engine, partial(Transaction.run, sql=f"{other} (?, 1, 0, 0, ?, ?)", params=(name, NOW + until_s, wire)))

    beat: Heartbeat = do(engine, partial(heartbeat_node, lease_s=15, ran_s=5))

    assert [(member.name, member.address) for member in beat.members] == [("b", "b")]
