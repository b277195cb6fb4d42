"""Rounds of the janitor: all old rows are found, batch by batch, with pauses in which others write."""

import pytest

from omi_actors.actors.maintenance.janitor import Janitor
from omi_actors.domain.work.retention import RetentionRound, RetentionRules, find_cutoffs
from omi_actors.kit.testing import Driver
from omi_actors.store.retention import Pruned, StalePage

NOTHING = Pruned({"job": 0}, has_more=False)
SOME = Pruned({"transcript_segment": 3}, has_more=False)
PERIOD_S = 3_600.0
CUTOFFS = find_cutoffs(1_790_000_000.0, RetentionRules())


@pytest.fixture
def driver(store):
    store.replies |= {
        "begin_round": RetentionRound(CUTOFFS, None),
        "prune_work": NOTHING,
        "prune_session": SOME,
        "find_stale": StalePage((), None),
        "note_excess": None,
        "scrub": None,
    }
    return Driver(Janitor(store, RetentionRules(), period_s=PERIOD_S))


def steps(store):
    """Return what was done, without the beginning of each round."""
    named = ("find_stale", "prune_session", "count_session", "count_rows", "note_excess")
    return [(name, first) if name in named else name for name, first in store.calls if name != "begin_round"]


@pytest.fixture
def limited(store, driver):
    """A store of 30,000 segments, of which a round may delete one in ten; two sessions hold 1,400 old ones each."""
    store.replies |= {
        "begin_round": RetentionRound(CUTOFFS, 10),
        "count_work": {"job": 0, "operator_event": 0},
        "count_rows": 30_000,
        "count_session": {"transcript_segment": 1_400},
        "find_stale": StalePage(("s1", "s2"), None),
    }
    return driver.start()


def test_round_counts_everything_before_it_deletes_anything(limited, store):
    limited.advance(63.0)

    assert steps(store) == [
        "count_work",
        ("find_stale", ""),
        ("count_session", "s1"),
        ("count_rows", "transcript_segment"),
        ("count_session", "s2"),
        ("count_rows", "transcript_segment"),
        ("note_excess", ""),
        "prune_work",
        ("find_stale", ""),
        ("prune_session", "s1"),
        ("prune_session", "s2"),
        "scrub",
    ]


def test_round_that_would_delete_more_than_its_share_deletes_nothing_and_notes_it(limited, store):
    store.replies["count_session"] = {"transcript_segment": 1_501}

    limited.advance(63.0)

    assert steps(store)[-1] == ("note_excess", "3,002 or more of 30,000 rows of transcript_segment would go")
    assert store.of("prune_work") == store.of("prune_session") == []


def test_thousand_rows_may_always_be_deleted(limited, store):
    store.replies["count_session"] = {"transcript_segment": 500}

    limited.advance(63.0)

    assert store.of("count_rows") == []
    assert len(store.of("prune_session")) == 2


def test_round_that_may_not_begin_deletes_nothing_and_the_next_one_asks_anew(driver, store):
    store.replies["begin_round"] = None
    driver.start()
    driver.advance(61.0)
    assert steps(store) == []

    store.replies["begin_round"] = RetentionRound(CUTOFFS, None)
    driver.advance(PERIOD_S)

    assert steps(store) == ["prune_work", ("find_stale", "")]


def test_round_without_old_rows_searches_once_and_scrubs_nothing(driver, store):
    driver.start()
    assert store.calls == []

    driver.advance(61.0)

    assert steps(store) == ["prune_work", ("find_stale", "")]


def test_every_session_of_every_page_is_pruned_and_the_files_are_scrubbed_at_the_end(driver, store):
    driver.start()
    store.replies["find_stale"] = StalePage(("s1", "s2"), "s2")

    driver.advance(60.11)
    store.replies["find_stale"] = StalePage(("s9",), None)
    driver.advance(2.0)

    assert steps(store) == [
        "prune_work",
        ("find_stale", ""),
        ("prune_session", "s1"),
        ("prune_session", "s2"),
        ("find_stale", "s2"),
        ("prune_session", "s9"),
        "scrub",
    ]


def test_session_is_pruned_until_it_has_no_more_with_a_pause_after_each_batch(driver, store):
    driver.start()
    store.replies |= {
        "find_stale": StalePage(("s1",), None),
        "prune_session": Pruned({"message": 100}, has_more=True),
    }
    driver.advance(61.0)
    batches = len(store.of("prune_session"))
    store.replies["prune_session"] = SOME

    driver.advance(1.0)

    # 0.9 s in batches of one in 0.05 s, and the last one.
    assert 15 <= batches <= 19
    assert len(store.of("prune_session")) == batches + 1
    assert store.calls[-1][0] == "scrub"


def test_store_that_fails_ends_the_round_and_the_next_one_begins_anew(driver, store, failure):
    driver.start()
    store.replies["prune_work"] = failure
    driver.advance(61.0)
    store.replies["prune_work"] = NOTHING

    driver.advance(PERIOD_S)

    assert steps(store) == ["prune_work", "prune_work", ("find_stale", "")]


def test_round_that_is_under_way_is_not_begun_again(driver, store):
    driver.start()
    del store.replies["prune_work"]

    driver.advance(3 * PERIOD_S)

    assert steps(store) == ["prune_work"]
