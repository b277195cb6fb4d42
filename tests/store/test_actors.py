"""The store as the other actors see it: real actors, real threads, a real database."""

import asyncio
import random
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest

from omi_actors.clock import SystemClock
from omi_actors.domain.answers.prompt import EarlierMessage
from omi_actors.domain.hearing.segments import build_version
from omi_actors.domain.work.queue_admin import Requester
from omi_actors.errors import DuplicateError, FencedError, LeaseLostError, StoreError, StoreUnavailableError
from omi_actors.instruments import metrics
from omi_actors.instruments.actor_metrics import ActorMetrics
from omi_actors.kit.errors import ActorUnavailableError
from omi_actors.kit.future import Future
from omi_actors.kit.handle import Handle
from omi_actors.kit.runtime import Runtime
from omi_actors.kit.spec import Backoff, ChildSpec
from omi_actors.kit.supervisor import start_root
from omi_actors.store import answers, dead_jobs, jobs, nodes, queue_admin, queue_state, retention, sessions
from omi_actors.store.actors import StoreReader, StoreWriter
from omi_actors.store.engine import StoreConfig
from omi_actors.store.facade import Store
from omi_actors.store.messages import Apply, enqueues
from omi_actors.store.transaction import EntityTransaction, NodeIdentity, Transaction
from tests.store.builders import answer, asking_commit, first_commit, next_commit, segment, step

pytestmark = pytest.mark.threads

WAIT_S = 10.0


class Stage:
    """A writer and a reader; their mailboxes take mail before `start`."""

    def __init__(self, config: StoreConfig) -> None:
        self.runtime = Runtime(SystemClock(), random.Random(0), hooks=ActorMetrics())
        self.runtime.bind(asyncio.get_running_loop())
        self.node = NodeIdentity("node-a")
        self.opened: Future[None] = Future()
        self.config = config
        self.writer = Handle(ChildSpec("store_writer", "store_writer", self._build_writer), self.runtime)
        self.reader = Handle(
            ChildSpec("store_reader", "store_reader", lambda: StoreReader(config, self.opened)), self.runtime
        )
        self.cold_readers = [
            Handle(ChildSpec(name, "store_reader", lambda: StoreReader(config, self.opened)), self.runtime)
            for name in ("store_reader_cold_1", "store_reader_cold_2")
        ]
        self.store = Store(self.writer, [self.reader], self.cold_readers, write_timeout_s=WAIT_S, read_timeout_s=WAIT_S)

    def _build_writer(self) -> StoreWriter:
        return StoreWriter(self.config, self.node, self.opened, lease_s=15, max_deliveries=3)

    def start(self) -> None:
        self.root = start_root(
            self.runtime,
            [self.writer, self.reader, *self.cold_readers],
            on_give_up=lambda _error: None,
            backoff=Backoff(min_s=0.0, max_s=0.0),
        )


@pytest.fixture
async def stage(config: StoreConfig) -> AsyncIterator[Stage]:
    stage = Stage(config)
    yield stage
    assert await stage.root.stop(WAIT_S)


def sample(name: str, **labels: str) -> float:
    return metrics.REGISTRY.get_sample_value(name, labels) or 0.0


async def test_writer_ends_jobs_before_it_enqueues_others_and_each_kind_in_its_order(stage: Stage) -> None:
    stage.start()
    await stage.store.commit(asking_commit("s1"))
    (held,) = await stage.store.write(jobs.claim_jobs, kinds=("answer",), limit=1, lease_s=30.0)
    made: list[str] = []

    def note(name: str) -> Future[None]:
        return stage.store.write(lambda _tx: made.append(name))

    def hold(_tx: Transaction) -> None:
        assert is_filled.wait(WAIT_S)

    is_filled = threading.Event()
    first = stage.store.write(hold)

    @enqueues
    def add(tx: Transaction) -> None:
        made.append(f"late, {count_running(tx)} running")

    late = stage.store.write(add)
    replies = [late, note("one"), stage.store.write(jobs.complete_answer, answer(held)), note("two")]
    is_filled.set()
    for reply in (first, *replies):
        await reply

    assert made == ["one", "two", "late, 0 running"]


async def test_writes_alone_and_groups_take_turns(stage: Stage) -> None:
    made: list[str] = []
    groups: list[Future[None]] = []

    def note(_tx: Transaction, name: str) -> None:
        made.append(name)

    def note_alone(_tx: EntityTransaction, number: int) -> None:
        made.append(f"alone {number}")
        groups.append(stage.store.write(note, f"group {number}"))

    alone = [stage.store.write_alone(note_alone, number) for number in (1, 2, 3)]
    groups.append(stage.store.write(note, "group 0"))
    stage.start()
    for reply in alone:
        await reply
    for reply in groups:
        await reply

    assert made == ["group 0", "alone 1", "group 1", "alone 2", "group 2", "alone 3", "group 3"]


async def test_write_alone_that_crashes_the_writer_fails_with_those_behind_it(stage: Stage) -> None:
    def bug(_tx: EntityTransaction) -> None:
        raise AttributeError("a bug in a statement's module")

    replies: list[Future[Any]] = [
        stage.store.write_alone(bug),
        stage.store.write_alone(queue_admin.pause_kind, "answer", by=Requester(request_id="")),
    ]
    stage.start()

    for reply in replies:
        with pytest.raises(ActorUnavailableError):
            await reply
    assert await stage.store.write_alone(queue_admin.pause_kind, "answer", by=Requester(request_id="r1"))
    assert [
        event.request_id for event in await stage.store.read_cold(queue_admin.load_events, before=None, limit=9)
    ] == ["r1"]


async def test_cold_read_does_not_wait_behind_a_long_one(stage: Stage) -> None:
    stage.start()
    ended = threading.Event()

    long = stage.store.read_cold(lambda _tx: ended.wait(WAIT_S))
    try:
        assert await stage.store.read_cold(lambda _tx: "short") == "short"
        assert not long.done
    finally:
        ended.set()
    assert await long


async def test_value_that_is_taken_is_told_to_its_asker_and_counted(stage: Stage) -> None:
    failed = sample("omi_store_errors_total", kind="refused")

    def add_account(tx: EntityTransaction, name: str) -> None:
        tx.db.Account(id=name, email="a@b.c", password_hash="h", role="user", created_at=0.0, updated_at=0.0)  # noqa: S106

    stage.start()
    await stage.store.write_alone(add_account, "a1")
    with pytest.raises(DuplicateError, match="email"):
        await stage.store.write_alone(add_account, "a2")

    assert sample("omi_store_errors_total", kind="refused") == failed + 1


def count_running(tx: Transaction) -> int:
    return int((tx.fetch_one("SELECT count(*) FROM job WHERE state = 'running'") or (-1,))[0])


async def test_what_waits_is_stored_as_one_group(stage: Stage) -> None:
    groups, commits = (sample(f"omi_store_group_size_{part}") for part in ("count", "sum"))
    stored = sample("omi_store_commits_total", outcome="stored")
    replies = [stage.store.commit(first_commit(f"s{n}")) for n in range(10)]

    stage.start()
    for reply in replies:
        await reply

    assert sample("omi_store_group_size_count") == groups + 1
    assert sample("omi_store_group_size_sum") == commits + 10
    assert sample("omi_store_commits_total", outcome="stored") == stored + 10
    assert await stage.store.read(sessions.load_session, "omi:s9", recent=5) is not None


async def test_each_asker_hears_what_became_of_its_own(stage: Stage) -> None:
    fenced = sample("omi_store_commits_total", outcome="fenced")
    failed = sample("omi_store_errors_total", kind="refused")
    good = stage.store.commit(first_commit("s1"))
    late = stage.store.commit(next_commit("s1", epoch_before=9))
    bad = stage.store.commit(first_commit("s2", segments=(segment(text="\ud800"),)))
    lost = stage.store.write(jobs.release_job, "none", "none")

    stage.start()

    await good
    with pytest.raises(FencedError):
        await late
    with pytest.raises(StoreError, match="cannot be stored"):
        await bad
    with pytest.raises(LeaseLostError):
        await lost
    assert sample("omi_store_commits_total", outcome="fenced") == fenced + 2
    assert sample("omi_store_errors_total", kind="refused") == failed + 1


async def test_a_question_goes_all_the_way(stage: Stage) -> None:
    stage.start()
    store = stage.store
    await store.commit(asking_commit())

    (held,) = await store.write(jobs.claim_jobs, kinds=["answer"], limit=5, lease_s=30)
    assert await store.write(jobs.heartbeat_jobs, [held.token], lease_s=30) == {held.token}
    assert (await store.read(queue_state.count_queue)).by_state["running"] == 1
    await store.write(jobs.complete_answer, answer(held))
    assert await store.write(answers.change_delivery, step("s1-j1-d", ("pending",), "sending"))

    page = await store.read(sessions.load_transcript, "omi:s1", after_seq=0, limit=10, messages=10)
    assert page is not None
    assert [found.text for found in page.messages] == ["question 1", "because"]
    assert (await store.read(sessions.load_answer_context, "s1", choose_rows=lambda _: (5, 5))).history == tuple(
        EarlierMessage(found.role, found.text, is_own=False) for found in page.messages
    )
    assert await store.read(sessions.find_segments, "s1", ["key-1", "none"]) == {"key-1": build_version(segment(1))}


async def test_failed_jobs_are_retried_released_buried_and_reaped(stage: Stage) -> None:
    stage.start()
    store = stage.store
    await store.commit(asking_commit())

    async def claim_one() -> Any:
        (held,) = await store.write(jobs.claim_jobs, kinds=["answer"], limit=5, lease_s=-1)
        return held

    held = await claim_one()
    await store.write(jobs.retry_job, held.job_id, held.token, run_at=0.0, error="X")
    held = await claim_one()
    await store.write(jobs.release_job, held.job_id, held.token)
    await claim_one()
    assert await store.write(dead_jobs.reap_jobs, max_deliveries=3, max_losses=10) == 1
    held = await claim_one()
    await store.write(dead_jobs.bury_job, held.job_id, held.token, error="X", failure=answer(held, kind="failure"))

    assert (await store.read(queue_state.count_queue)).by_state["dead"] == 1


async def test_deletion_goes_through_the_actors(stage: Stage) -> None:
    stage.start()
    await stage.store.commit(first_commit())

    assert await stage.store.write(retention.delete_session, "omi:s1")
    assert not await stage.store.write(retention.delete_session, "none")
    assert await stage.store.read(sessions.load_session, "omi:s1", recent=1) is None
    assert (await stage.store.write(nodes.heartbeat_node, lease_s=15, ran_s=5)).is_ours


async def test_a_replaced_writer_goes_on_as_the_same_incarnation(stage: Stage) -> None:
    def bug(_tx: Transaction) -> None:
        raise AttributeError("a bug in a statement's module")

    stage.start()
    await stage.store.commit(asking_commit())
    (held,) = await stage.store.write(jobs.claim_jobs, kinds=["answer"], limit=5, lease_s=30)

    with pytest.raises(ActorUnavailableError):
        await stage.writer.ask(Apply(bug), timeout_s=WAIT_S)

    await stage.store.commit(next_commit())
    await stage.store.write(jobs.complete_answer, answer(held))
    assert stage.node.incarnation == 1


async def test_who_starts_the_store_hears_why_it_must_not_be_opened(tmp_path) -> None:
    stage = Stage(StoreConfig(url="nonsense", data_dir=tmp_path))

    with pytest.raises(StoreError, match="DATABASE_URL"):
        stage._build_writer()


async def test_a_store_that_cannot_be_reached_says_so_to_who_starts_it(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    stage = Stage(StoreConfig(url="", data_dir=tmp_path / "file" / "data"))
    stage.start()

    with pytest.raises(StoreUnavailableError):
        await stage.opened
    assert await stage.root.stop(WAIT_S)
