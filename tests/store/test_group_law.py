"""The law of group commit: a group is stored as if its writes had come one after the other."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from omi_actors.clock import ManualClock
from omi_actors.domain.hearing.segments import StoredSegment
from omi_actors.domain.sessions.records import NewConversation, SessionCommit
from omi_actors.store import jobs, retention
from omi_actors.store.answers import change_delivery
from omi_actors.store.engine import Engine, Outcome, StoreConfig, Write
from omi_actors.store.transaction import NodeIdentity, Transaction
from scripts.lab.replay.postgres_server import fresh_postgres_database
from tests.store.builders import first_commit, job, message, raw_event, rows, segment, step

Pair = tuple[Engine, Engine]

# The first two exist at epoch 1 when a group begins.
_SESSIONS = ("s1", "s2", "s3")
_DUMPS = (
    "SELECT id, epoch, conversation_id, last_seq FROM session ORDER BY id",
    "SELECT id, session_id, number FROM conversation ORDER BY id",
    "SELECT session_id, seq, key, text, end_s FROM transcript_segment ORDER BY session_id, seq",
    "SELECT id, role, text FROM message ORDER BY id",
    "SELECT id, state FROM delivery ORDER BY id",
    "SELECT job_id, lane, state, attempts, deliveries FROM job ORDER BY seq",
    "SELECT session_id, dedupe_key FROM raw_event ORDER BY session_id, dedupe_key",
)


@st.composite
def segments(draw: st.DrawFn) -> StoredSegment:
    seq = draw(st.integers(1, 4))
    text = "x" * draw(st.integers(1, 3))
    return segment(seq, key=f"key-{seq}", text=text, end_s=float(len(text)))


@st.composite
def commits(draw: st.DrawFn) -> SessionCommit:
    """A turn that is mostly good: it may be of an older or newer epoch, and it may be poisoned."""
    session = draw(st.sampled_from(_SESSIONS))
    epoch_before = draw(st.sampled_from([1, 1, 1, 0, 2]))
    number = draw(st.integers(1, 2))
    commit = first_commit(
        session,
        epoch_before=epoch_before,
        epoch=max(1, epoch_before + draw(st.sampled_from([0, 0, 1]))),
        new_conversation=NewConversation(conversation_id=f"{session}-c1", number=1, started_at=0.0),
        last_seq=number,
        segments=tuple(draw(st.lists(segments(), max_size=3))),
    )
    # Jobs share their keys between sessions, so that neighbours in a group meet in the same rows.
    extras: dict[str, dict[str, Any]] = {
        "none": {},
        "job": {"jobs": (job(number, session=session, idempotency_key=f"k{number}"),)},
        "message": {"messages": (message(number, session=session),)},
        "raw": {"raw_events": (raw_event(number, session=session),)},
        "delivery": {"delivery_changes": (step("d1", ("pending",), "sending"),)},
        "unknown word": {"messages": (message(number, session=session, role="robot"),)},
        "big number": {"last_seq": 2**70},
        "bad text": {"segments": (segment(1, text="\ud800"),)},
        "place taken": {"segments": (segment(1, key="other"),)},
    }
    names = ["none", "job", "message", "raw", "delivery"] * 2 + sorted(extras)
    return replace(commit, **extras[draw(st.sampled_from(names))])


def claim_all(tx: Transaction) -> list[str]:
    return [found.job_id for found in jobs.claim_jobs(tx, kinds=["answer"], limit=9, lease_s=30)]


def finish_running(tx: Transaction) -> int:
    return tx.run("UPDATE job SET state = 'done' WHERE state = 'running'")


def lose_a_lease(tx: Transaction) -> None:
    jobs.release_job(tx, "s1-j1", "none")


def forget_a_session(tx: Transaction) -> bool:
    return retention.delete_session(tx, "omi:s1")


def add_delivery(tx: Transaction) -> None:
    tx.run("INSERT INTO delivery VALUES ('d1', 's1', 's1-m1', 'pending', '', '', 0, 0, 0)")


def send_delivery(tx: Transaction) -> bool:
    return change_delivery(tx, step("d1", ("pending",), "sending"))


functions: st.SearchStrategy[Callable[[Transaction], Any]] = st.sampled_from(
    [claim_all, finish_running, lose_a_lease, forget_a_session, add_delivery, send_delivery]
)
groups: st.SearchStrategy[list[Write]] = st.lists(st.one_of(commits(), commits(), functions), max_size=10)


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.service)])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two stores of a kind: one for groups, one for the same writes one by one."""
    with ExitStack() as stack:
        engines = []
        for name in ("together", "apart"):
            url = stack.enter_context(fresh_postgres_database()) if request.param == "postgres" else ""
            engine = Engine(build_config(url, tmp_path_factory.mktemp(name)), NodeIdentity("n", 1))
            engine.open()
            stack.callback(engine.close)
            engines.append(engine)
        yield engines[0], engines[1]


def build_config(url: str, folder: Path) -> StoreConfig:
    return StoreConfig(url=url, data_dir=folder, clock=ManualClock())


def seed(engine: Engine) -> None:
    """Two sessions, of which the first has asked; what is made of the third is up to the writes."""
    asking = first_commit("s1", jobs=(job(),), messages=(message(),))
    outcomes = engine.commit_group([lambda tx: tx.run("DELETE FROM session"), asking, first_commit("s2"), add_delivery])
    assert {outcome.error for outcome in outcomes} == {None}


def describe(outcomes: Sequence[Outcome]) -> list[tuple[Any, type]]:
    return [(outcome.value, type(outcome.error)) for outcome in outcomes]


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(groups)
def test_a_group_is_stored_as_if_one_by_one(pair: Pair, writes: list[Write]) -> None:
    together, apart = pair
    for engine in pair:
        seed(engine)

    grouped = describe(together.commit_group(writes))
    single = describe([apart.commit_group([write])[0] for write in writes])

    assert grouped == single
    for dump in _DUMPS:
        assert rows(together, dump) == rows(apart, dump)
