"""Two nodes write one PostgreSQL database at once, in opposite orders: nothing fails, is lost, or goes out of order."""

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from omi_actors.domain.answers.notifications import NotificationBegun, NotificationLimits
from omi_actors.domain.people.prompts import Draft
from omi_actors.domain.sessions.records import SessionCommit
from omi_actors.domain.work.jobs import ClaimedJob
from omi_actors.errors import DuplicateError, FencedError, LeaseLostError
from omi_actors.instruments import metrics
from omi_actors.jobs.notify import build_notify_job
from omi_actors.store import jobs, notifications
from omi_actors.store.answers import change_delivery
from omi_actors.store.dead_jobs import reap_jobs
from omi_actors.store.engine import Engine, Outcome, StoreConfig, Write
from omi_actors.store.messages import comes_late
from omi_actors.store.nodes import heartbeat_node, register_node
from omi_actors.store.people import prompts
from omi_actors.store.transaction import NodeIdentity, Transaction
from scripts.lab.replay.postgres_server import fresh_postgres_database
from tests.store.builders import NOW, answer, claim, do, first_commit, job, message, next_commit, rows, step

pytestmark = pytest.mark.service

LEASE_S = 30.0
MEETING_S = 20.0
SESSIONS = [f"s{number}" for number in range(16)]
TURNS = 40
# Where the two nodes of a test meet.
barrier = threading.Barrier(2)


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[tuple[Engine, Engine]]:
    """Two nodes' writers."""
    with fresh_postgres_database() as url:
        both = tuple(Engine(StoreConfig(url=url, data_dir=tmp_path), NodeIdentity(name, 1)) for name in "ab")
        for engine in both:
            engine.open()
        yield both[0], both[1]
        for engine in both:
            engine.close()


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """Do all of it at once, each in a thread of its own."""
    with ThreadPoolExecutor(len(works)) as threads:
        return [done.result() for done in [threads.submit(work) for work in works]]


def meeting() -> Callable[[Transaction], None]:
    """Return a write that waits for the other node's, the first time that it is tried."""
    met = threading.Event()

    def meet(_tx: Transaction) -> None:
        if not met.is_set():
            met.set()
            barrier.wait(MEETING_S)

    return meet


def conflicts() -> float:
    return float(metrics.STORE_CONFLICTS._value.get())


def ask(session: str, number: int, epoch: int) -> SessionCommit:
    """A turn of a session with a question in it."""
    asked = message(number, session=session)
    return next_commit(
        session,
        epoch_before=epoch,
        epoch=epoch + 1,
        segments=(),
        jobs=(job(number, session=session, run_at=0.0),),
        messages=(asked,),
    )


def add_person(account_id: str, tx: Transaction) -> None:
    columns = "id, email, password_hash, created_at, updated_at"
    tx.run(f"INSERT INTO account ({columns}) VALUES (?, 'a', 'x', 0, 0)", (account_id,))  # noqa: S608 (our own words)


def finish(held: ClaimedJob) -> Write:
    return partial(jobs.complete_answer, done=answer(held, session=held.lane))


@pytest.mark.parametrize("ends_first", [True, False])
def test_two_nodes_that_end_jobs_and_enqueue_behind_each_others_both_succeed(
    nodes: tuple[Engine, Engine], *, ends_first: bool
) -> None:
    a, b = nodes
    for name in ("s1", "s2"):
        do(a, first_commit(name))
        do(a, ask(name, 1, 1))
    held = {one.lane: one for one in claim(a)}
    before = conflicts()

    def build_group(ended: str, asked: str) -> list[Write]:
        group: list[Write] = [finish(held[ended]), meeting(), ask(asked, 2, 2)]
        return group if ends_first else group[::-1]

    ours, theirs = at_once(
        lambda: a.commit_group(build_group("s1", "s2")), lambda: b.commit_group(build_group("s2", "s1"))
    )

    assert [outcome.error for outcome in (*ours, *theirs)] == [None] * 6
    assert (conflicts() > before) is not ends_first
    assert sorted(one.job_id for one in claim(b)) == ["s1-j2", "s2-j2"]
    assert rows(a, "SELECT job_id, state FROM job WHERE state = 'done' ORDER BY 1") == [
        ("s1-j1", "done"),
        ("s2-j1", "done"),
    ]


class Node:
    """A node that asks on its own sessions and answers on everybody's, all in random groups."""

    def __init__(self, engine: Engine, seed: int, sessions: list[str], claimed: list[ClaimedJob]) -> None:
        self.engine = engine
        self.claimed = claimed
        self.rng = random.Random(seed)
        self.epochs = dict.fromkeys(sessions, 1)
        self.held: list[ClaimedJob] = []
        self.errors: list[Exception] = []

    def run(self) -> None:
        barrier.wait(MEETING_S)
        for number in range(1, TURNS + 1):
            self.turn([ask(name, number, epoch) for name, epoch in self.epochs.items()])
            for name in self.epochs:
                self.epochs[name] += 1

    def turn(self, asked: list[SessionCommit]) -> None:
        group: list[Write] = [*asked, *map(finish, self.held)]
        self.rng.shuffle(group)
        tokens = [held.token for held in self.held]
        group.append(partial(jobs.heartbeat_jobs, tokens=tokens, lease_s=LEASE_S))
        group.append(partial(jobs.claim_jobs, kinds=("answer",), limit=8, lease_s=LEASE_S))
        group.sort(key=comes_late)  # as the writer does
        outcomes: list[Outcome] = self.engine.commit_group(group)
        self.errors += [outcome.error for outcome in outcomes if outcome.error is not None]
        (self.held,) = (outcome.value for outcome in outcomes if isinstance(outcome.value, list))
        self.claimed += self.held


def test_two_nodes_that_work_on_shared_lanes_lose_nothing_and_keep_the_order(nodes: tuple[Engine, Engine]) -> None:
    for name in SESSIONS:
        do(nodes[0], first_commit(name))
    claimed: list[ClaimedJob] = []
    both = [Node(engine, seed, SESSIONS[seed::2], claimed) for seed, engine in enumerate(nodes)]

    before = conflicts()

    at_once(*(node.run for node in both))
    for turn in range(TURNS * len(SESSIONS)):
        both[turn % 2].turn([])
        if rows(nodes[0], "SELECT count(*) FROM job WHERE state <> 'done'") == [(0,)]:
            break

    assert [error for node in both for error in node.errors] == []
    assert conflicts() == before
    assert rows(nodes[0], "SELECT state, count(*) FROM job GROUP BY state") == [("done", TURNS * len(SESSIONS))]
    begun = {name: [one.job_id for one in claimed if one.lane == name] for name in SESSIONS}
    assert begun == {name: [f"{name}-j{number}" for number in range(1, TURNS + 1)] for name in SESSIONS}
    assert rows(nodes[0], "SELECT count(*), count(DISTINCT job_id) FROM message WHERE role = 'assistant'") == [
        (TURNS * len(SESSIONS), TURNS * len(SESSIONS))
    ]


def test_two_nodes_that_hear_the_same_sessions_in_any_order_do_not_wait_for_each_other(
    nodes: tuple[Engine, Engine],
) -> None:
    for engine in nodes:
        do(engine, partial(register_node, lease_s=15, max_deliveries=10))
        do(engine, partial(heartbeat_node, lease_s=15, ran_s=1))
    do(nodes[0], partial(heartbeat_node, lease_s=15, ran_s=1))
    for name in SESSIONS:
        do(nodes[0], first_commit(name))
    before, stored = conflicts(), []

    def hear(engine: Engine, seed: int) -> None:
        rng, epochs = random.Random(seed), dict.fromkeys(SESSIONS, 1)
        barrier.wait(MEETING_S)
        for _ in range(TURNS):
            names = rng.sample(SESSIONS, len(SESSIONS))
            # As a webhook with a question does, others stand between two turns.
            group: list[Write] = []
            for name in names:
                commit = next_commit(name, epoch_before=epochs[name], epoch=epochs[name] + 1, segments=())
                group += [commit, Transaction.now_s]
            for outcome in engine.commit_group(group)[::2]:
                assert outcome.error is None or isinstance(outcome.error, FencedError)
                stored.append(outcome.error is None)
            epochs = dict(rows(engine, "SELECT id, epoch FROM session"))

    at_once(partial(hear, nodes[0], 1), partial(hear, nodes[1], 2))

    assert any(stored)
    assert conflicts() == before


def test_job_of_a_paused_node_ends_once_although_another_takes_it_back_at_that_moment(
    nodes: tuple[Engine, Engine],
) -> None:
    a, b = nodes
    for engine in nodes:
        do(engine, partial(register_node, lease_s=15, max_deliveries=10))
    for name in SESSIONS:
        do(a, first_commit(name))
        do(a, ask(name, 1, 1))
    held = claim(a, limit=len(SESSIONS))
    do(a, lambda tx: tx.run("UPDATE node SET lease_until = 0 WHERE name = 'a'"))

    def end_all() -> list[Outcome]:
        barrier.wait(MEETING_S)
        return [a.commit_group([finish(one)])[0] for one in held]

    def take_all() -> int:
        barrier.wait(MEETING_S)
        taken: int = do(b, partial(reap_jobs, max_deliveries=3, max_losses=10))
        return taken

    outcomes, taken = at_once(end_all, take_all)
    for again in claim(b, limit=len(SESSIONS)):
        do(b, finish(again))

    refused = [outcome.error for outcome in outcomes if outcome.error is not None]
    assert len(held) == len(SESSIONS)
    assert len(refused) == taken
    assert all(isinstance(error, LeaseLostError) for error in refused)
    assert rows(a, "SELECT state, count(*) FROM job GROUP BY state") == [("done", len(SESSIONS))]
    assert rows(a, "SELECT count(*) FROM message WHERE role = 'assistant'") == [(len(SESSIONS),)]


def test_answer_that_one_node_says_in_a_reply_is_not_notified_by_another_at_that_moment(
    nodes: tuple[Engine, Engine],
) -> None:
    a, b = nodes
    do(a, first_commit())
    do(a, ask("s1", 1, 1))
    do(a, finish(claim(a)[0]))
    chosen = step("s1-j1-d", ("pending",), "pending", "notify")
    notify = build_notify_job("s1-j1-d", "omi:s1", "r1", NOW)
    assert do(a, partial(notifications.enqueue_notification, change=chosen, job=notify))
    (held,) = claim(b, kinds=("notify",))
    begin = partial(
        notifications.begin_notification,
        job_id=held.job_id,
        token=held.token,
        delivery_id="s1-j1-d",
        limits=NotificationLimits(per_hour=10, expires_s=1e12),
    )
    is_taken, has_looked = threading.Event(), threading.Event()

    def say(tx: Transaction) -> bool:
        taken = change_delivery(tx, step("s1-j1-d", ("pending",), "sending"))
        is_taken.set()
        has_looked.wait(0.5)  # as long as a lock keeps the other node from looking, it cannot
        return taken

    def look(tx: Transaction) -> NotificationBegun:
        assert is_taken.wait(MEETING_S)
        begun: NotificationBegun = begin(tx)
        has_looked.set()
        return begun

    said, begun = at_once(lambda: do(a, say), lambda: do(b, look))

    assert said is True
    assert (begun.text, begun.state) == (None, "sending")
    assert rows(a, "SELECT state, channel, node FROM delivery") == [("sending", "inline", "a")]


def test_one_prompt_name_taken_at_both_nodes_at_once_is_given_once_and_refused_once(nodes):
    do(nodes[0], partial(add_person, "mara"))
    draft = Draft(text="Be short.", output_type="text")

    def take(node: Engine, name: str, meet: Callable[[Transaction], None]) -> Outcome:
        def work(tx: Any) -> Any:
            meet(tx)
            return prompts.add_prompt(tx, "mara", name, draft, None)

        return node.write_alone(work)

    for number in range(10):
        taken = at_once(*[partial(take, node, f"name {number}", meeting()) for node in nodes])

        assert [type(one.error) for one in taken if one.error] == [DuplicateError]


def test_node_that_is_silent_within_a_transaction_holds_up_nobody_for_long(nodes: tuple[Engine, Engine]) -> None:
    """A paused node has the locks of its rows. The database ends it before others give up; then it begins again."""
    a, b = nodes
    do(a, first_commit())
    is_silent, may_go_on = threading.Event(), threading.Event()

    def fall_silent(tx: Transaction) -> None:
        tx.run("UPDATE session SET last_seen_at = last_seen_at WHERE id = 's1'")
        if not is_silent.is_set():
            is_silent.set()
            may_go_on.wait(MEETING_S)
        tx.fetch_one("SELECT 1")

    with ThreadPoolExecutor(1) as threads:
        silent = threads.submit(do, a, fall_silent)
        try:
            assert is_silent.wait(MEETING_S)
            do(b, next_commit(epoch=2))
        finally:
            may_go_on.set()
        silent.result()

    assert rows(b, "SELECT epoch, last_seq FROM session") == [(2, 2)]
