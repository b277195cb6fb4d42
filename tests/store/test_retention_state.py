"""When retention rests: leaps of a process's clock, the operator's word, and a clock that is not the database's."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from omi_actors.clock import ManualClock, SystemClock
from omi_actors.domain.work.queue_admin import Requester
from omi_actors.domain.work.retention import DAY_S, GAP_S, PARTED_S, REST_S, Cutoffs, RetentionRules, RetentionState
from omi_actors.errors import ClockRefusedError
from omi_actors.store import nodes, queue_admin, retention, retention_state
from omi_actors.store.engine import Engine, StoreConfig
from omi_actors.store.retention_state import begin_round, load_state
from omi_actors.store.transaction import NodeIdentity
from scripts.lab.replay.postgres_server import fresh_postgres_database
from tests.store.builders import NOW, alone, count, do, first_commit, segment

RULES = RetentionRules()


def register(engine: Engine) -> None:
    do(engine, partial(nodes.register_node, lease_s=15, max_deliveries=3))


def beat(engine: Engine, ran_s: float = 5.0) -> nodes.Heartbeat:
    told: nodes.Heartbeat = do(engine, partial(nodes.heartbeat_node, lease_s=15, ran_s=ran_s))
    return told


def state_of(engine: Engine) -> RetentionState:
    return engine.read(load_state)


def begin(engine: Engine) -> Any:
    return do(engine, partial(begin_round, rules=RULES))


def may_begin(engine: Engine) -> bool:
    return begin(engine) is not None


def prune(engine: Engine, cutoffs: Cutoffs, session: str = "s1") -> None:
    do(engine, partial(retention.prune_session, session_id=session, cutoffs=cutoffs, limit=100))


def resume(engine: Engine) -> bool:
    return bool(alone(engine, partial(retention_state.resume, by=Requester(request_id="r1"))))


@pytest.fixture
def started(config: StoreConfig) -> Iterator[Callable[..., Engine]]:
    """Start a process anew on the same store, as often as it is called."""
    engines: list[Engine] = []

    def start(name: str = "node-a") -> Engine:
        if engines:
            engines[-1].close()
        engines.append(Engine(config, NodeIdentity(name)))
        engines[-1].open()
        register(engines[-1])
        return engines[-1]

    yield start
    engines[-1].close()


@pytest.mark.parametrize("leap_s", [GAP_S + 1, -GAP_S - 1])
def test_start_far_from_the_previous_heartbeat_lets_retention_rest_also_after_the_next_start(
    started: Callable[..., Engine], clock: ManualClock, leap_s: float
) -> None:
    started()
    clock.jump(leap_s)

    assert not may_begin(started())

    engine = started()
    assert not may_begin(engine)
    assert (state_of(engine).leap_s, state_of(engine).leaps) == (leap_s, 1)


@pytest.mark.parametrize("name", ["node-a", "renamed"])
def test_start_within_a_week_of_the_previous_heartbeat_changes_nothing(
    started: Callable[..., Engine], clock: ManualClock, name: str
) -> None:
    started()
    clock.jump(GAP_S - 1)

    assert may_begin(started(name))


@pytest.mark.parametrize(("leap_s", "rests"), [(61, True), (-61, True), (59, False), (-59, False)])
def test_clock_that_leaves_the_running_one_by_a_minute_lets_retention_rest(
    started: Callable[..., Engine], clock: ManualClock, leap_s: float, *, rests: bool
) -> None:
    engine = started()
    clock.jump(leap_s)

    assert may_begin(engine) != rests


def test_write_alone_after_a_leap_notes_it_first(started: Callable[..., Engine], clock: ManualClock) -> None:
    engine = started()
    clock.jump(PARTED_S + 1)

    assert alone(engine, load_state).leaps == 1


def test_small_steps_of_the_clock_add_up(started: Callable[..., Engine], clock: ManualClock) -> None:
    engine = started()
    for _ in range(3):
        clock.jump(PARTED_S / 2)
        beat(engine)

    assert state_of(engine).leap_s == pytest.approx(1.5 * PARTED_S)


def test_rest_is_over_after_a_day_of_uptime_and_a_process_that_is_down_does_not_count(
    started: Callable[..., Engine], clock: ManualClock
) -> None:
    engine = started()
    clock.jump(400 * DAY_S)
    beat(engine, 0.0)
    clock.advance(2 * DAY_S)
    engine = started()

    beat(engine, REST_S - 1)
    assert not may_begin(engine)
    beat(engine, 1.0)

    assert may_begin(engine)


@pytest.mark.parametrize("days", [-400, -100, -1, 1, 100, 400])
def test_nothing_young_goes_when_the_rest_is_over_whichever_clock_has_dated_it(
    started: Callable[..., Engine], clock: ManualClock, days: float
) -> None:
    def speak(session: str) -> None:
        said = (segment(session=session, created_at=clock.now_s()),)
        do(engine, first_commit(session, segments=said))

    engine = started()
    speak("before")
    for session, leap_s in (("wrong", days * DAY_S), ("right", -days * DAY_S)):
        clock.jump(leap_s)
        speak(session)
        beat(engine, REST_S)
        cutoffs = begin(engine).cutoffs
        for pruned in ("before", "wrong", "right"):
            prune(engine, cutoffs, pruned)

    assert count(engine, "transcript_segment") == 3


def test_round_under_way_deletes_nothing_more_once_the_clock_has_leapt(
    started: Callable[..., Engine], clock: ManualClock
) -> None:
    engine = started()
    cutoffs = begin(engine).cutoffs
    clock.jump(-400 * DAY_S)
    do(engine, first_commit(segments=(segment(created_at=clock.now_s()),)))

    prune(engine, cutoffs)
    assert count(engine, "transcript_segment") == 1

    do(engine, lambda tx: tx.run("DELETE FROM retention_state"))
    prune(engine, cutoffs)
    assert count(engine, "transcript_segment") == 0


def test_operators_word_ends_the_rest_is_recorded_and_frees_one_round(
    started: Callable[..., Engine], clock: ManualClock
) -> None:
    engine = started()
    clock.jump(400 * DAY_S)
    assert not may_begin(engine)

    assert resume(engine)

    first, second = begin(engine), begin(engine)
    assert (first.max_percent, second.max_percent) == (None, 10)
    assert first.cutoffs.transcripts == clock.now_s() - 90 * DAY_S
    (event,) = engine.read_cold(partial(queue_admin.load_events, before=None, limit=9))
    assert (event.action, event.request_id) == ("resume_retention", "r1")
    assert not resume(engine)


def test_zero_days_have_no_limit(engine: Engine) -> None:
    begun = do(engine, partial(begin_round, rules=RetentionRules(transcript_days=0)))

    assert begun.max_percent is None


def test_old_rows_are_counted_by_table_up_to_the_first_that_is_young(engine: Engine) -> None:
    many = tuple(segment(n, created_at=NOW if n <= 1_500 else NOW + 10, key=f"k{n}") for n in range(1, 1_601))
    do(engine, first_commit(segments=many, last_seq=1_600))
    cutoffs = Cutoffs(transcripts=NOW + 5, done=NOW, dead=NOW, used=NOW, events=NOW)

    counted = engine.read(partial(retention.count_session, session_id="s1", cutoffs=cutoffs))
    totals = [engine.read(partial(retention.count_rows, table="transcript_segment", limit=n)) for n in (9, 9_999)]
    old = engine.read(partial(retention.count_work, cutoffs=cutoffs))

    assert counted == {"transcript_segment": 1_500, "message": 0, "raw_event": 0, "notification_event": 0}
    assert (totals, old) == ([9, 1_600], {"job": 0, "operator_event": 0})


class OffClock:
    """The machine's clock, off by `off_s`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.off_s = 0.0
        monkeypatch.setattr(SystemClock, "now_s", lambda _: time.time() + self.off_s)  # noqa: TID251 (a wrong one)


@pytest.fixture
def off(monkeypatch: pytest.MonkeyPatch) -> OffClock:
    return OffClock(monkeypatch)


@pytest.fixture
def on_postgres(off: OffClock, tmp_path: Path) -> Iterator[Engine]:
    """A node on PostgreSQL, which goes by the database's own clock."""
    with fresh_postgres_database() as url:
        engine = Engine(StoreConfig(url=url, data_dir=tmp_path), NodeIdentity("node-a"))
        engine.open()
        yield engine
        engine.close()


@pytest.mark.service
@pytest.mark.parametrize("off_s", [320.0, -320.0, 400 * DAY_S, -400 * DAY_S])
def test_clock_five_minutes_off_the_databases_is_refused_at_start(off: OffClock, tmp_path: Path, off_s: float) -> None:
    off.off_s = off_s
    with fresh_postgres_database() as url:
        engine = Engine(StoreConfig(url=url, data_dir=tmp_path), NodeIdentity("node-a"))
        engine.open()

        with pytest.raises(ClockRefusedError, match=f"s {'ahead of' if off_s > 0 else 'behind'} the database's; set"):
            register(engine)

        assert count(engine, "node") == 0
        engine.close()


@pytest.mark.service
@pytest.mark.parametrize("off_s", [280.0, -280.0])
def test_clock_less_than_five_minutes_off_is_told_at_each_heartbeat(
    on_postgres: Engine, off: OffClock, off_s: float
) -> None:
    register(on_postgres)
    assert beat(on_postgres).off_s == pytest.approx(0.0, abs=1.0)

    off.off_s = off_s

    assert beat(on_postgres).off_s == pytest.approx(off_s, abs=1.0)
    off.off_s = 0.0
    do(on_postgres, lambda tx: tx.fetch_durability())
    off.off_s = -off_s
    do(on_postgres, lambda tx: tx.fetch_durability())
    off.off_s = 2 * off_s
    with pytest.raises(ClockRefusedError):
        beat(on_postgres)


@pytest.mark.service
def test_what_a_node_has_dated_after_a_leap_is_not_stored_and_cutoffs_are_the_databases(
    on_postgres: Engine, off: OffClock
) -> None:
    register(on_postgres)
    off.off_s = -400 * DAY_S

    with pytest.raises(ClockRefusedError, match=r"34,560,\d+ s behind"):
        do(on_postgres, first_commit())
    assert count(on_postgres, "transcript_segment") == 0

    off.off_s = 299.0
    assert begin(on_postgres).cutoffs.transcripts == pytest.approx(time.time() - 90 * DAY_S, abs=5.0)  # noqa: TID251 (the true one)
