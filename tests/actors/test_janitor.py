"""The janitor's rounds: everything old is found, batch by batch, with pauses in which others write."""

import pytest

from omi_actors.actors.maintenance.janitor import Janitor
from omi_actors.domain.work.retention import RetentionRules
from omi_actors.kit.testing import Driver
from omi_actors.store.retention import Pruned, StalePage

NOTHING = Pruned({"job": 0}, has_more=False)
SOME = Pruned({"transcript_segment": 3}, has_more=False)
PERIOD_S = 3_600.0


@pytest.fixture
def driver(store):
    store.replies |= {"prune_work": NOTHING, "prune_session": SOME, "find_stale": StalePage((), None), "scrub": None}
    return Driver(Janitor(store, RetentionRules(), period_s=PERIOD_S))


def steps(store):
    return [(name, first) if name in ("find_stale", "prune_session") else name for name, first in store.calls]


def test_round_with_nothing_old_looks_once_and_scrubs_nothing(driver, store):
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
