"""Minutes of the metrics: each node keeps its last day, whatever the clock says."""

from functools import partial

from omi_actors.instruments.minutes import Minutes, dump_minute
from omi_actors.store import minutes, retention
from omi_actors.store.engine import Engine
from tests.store.builders import NOW, count, do, rows
from tests.store.test_retention import LATER

MINUTE = dump_minute(Minutes(0.0).close({"requests": 2.0}, {"sessions": 1.0}, now_s=60.0, mono_s=60.0))


def keep(engine: Engine, *began_at: float, node: str = "a") -> None:
    for at in began_at:
        do(engine, partial(minutes.keep_minute, node=node, began_at=at, figures=MINUTE))


def test_day_of_a_node_has_its_own_minutes_as_columns(engine: Engine) -> None:
    keep(engine, NOW - 90_000, NOW - 120, NOW - 60)
    keep(engine, NOW - 30, node="b")

    shown = engine.read(partial(minutes.show_day, node="a", now_s=NOW))

    assert shown == {"at": [NOW - 120, NOW - 60], "requests": [2.0, 2.0], "sessions": [1.0, 1.0]}


def test_clock_that_leaps_ahead_and_back_deletes_no_minute_and_hides_only_its_own(engine: Engine) -> None:
    keep(engine, NOW - 120, NOW + 10**8, NOW - 60, NOW - 60)

    assert [at for at, _ in engine.read(partial(minutes.load_minutes, node="a", since=0.0, until=NOW))] == [
        NOW - 120,
        NOW - 60,
        NOW - 60,
    ]
    assert count(engine, "metric_minute") == 4


def test_oldest_minutes_of_a_node_go_by_their_number(engine: Engine) -> None:
    keep(engine, *(NOW + 60 * number for number in range(3)), node="b")
    do(engine, lambda tx: tx.run("UPDATE metric_minute SET no = no + ?", (minutes.MOST_ROWS,)))
    keep(engine, NOW)

    keep(engine, NOW + 180, node="b")

    assert rows(engine, "SELECT no FROM metric_minute WHERE node = 'b' ORDER BY no") == [
        (minutes.MOST_ROWS + number,) for number in (1, 2, 3, 4)
    ]
    do(
        engine,
        lambda tx: tx.run("UPDATE metric_minute SET no = 3 WHERE node = 'b' AND no = ?", (minutes.MOST_ROWS + 1,)),
    )
    keep(engine, NOW + 240, node="b")
    assert count(engine, "metric_minute") == 5


def test_minutes_of_a_node_that_is_gone_are_pruned_with_the_rest(engine: Engine) -> None:
    keep(engine, NOW)

    assert do(engine, partial(retention.prune_work, cutoffs=LATER, limit=100)).rows["metric_minute"] == 1


def test_hour_before_a_start_is_loaded_by_the_new_processs_clock(engine: Engine) -> None:
    keep(engine, NOW - 3_700, NOW - 100, NOW + 5)

    (minute,) = engine.read(partial(minutes.load_hour, node="a", until=NOW, ahead_s=NOW - 50.0))

    assert (minute.at, minute.mono_s, minute.counts) == (NOW - 100, -50.0, {"requests": 2.0})
