"""The indexer's steps: conversations first, then sessions one after the other, with pauses between."""

import pytest

from omi_actors.actors.maintenance.indexer import Indexer, MergeWords, WordsDeleted
from omi_actors.domain.people.memories import NewMemory
from omi_actors.errors import StoreError, StoreUnavailableError
from omi_actors.kit.testing import Driver
from omi_actors.store.people.memories import HeardConversation
from omi_actors.store.people.recall_vectors import WaitingTexts


@pytest.fixture
def driver(store):
    store.replies |= {"find_conversations": (), "find_sessions": (), "index_session": False, "merge_words": False}
    return Driver(Indexer(store, "node-a")).start()


def test_an_idle_indexer_looks_every_few_seconds(driver, store):
    driver.advance(16.0)

    assert len(store.of("find_conversations")) == len(store.of("find_sessions")) == 3
    assert store.of("index_session") == store.of("merge_words") == []


def test_sessions_take_turns_until_each_is_done(driver, store):
    store.replies["find_sessions"] = ("s1", "s2")
    store.replies["index_session"] = True
    driver.advance(5.5)

    assert store.of("index_session") == ["s1", "s2", "s1", "s2"]


def test_conversations_come_before_sessions(driver, store):
    store.replies |= {"find_conversations": ("heard",), "keep_conversation": True, "find_sessions": ("s1",)}
    driver.advance(5.0)
    assert (store.of("keep_conversation"), store.of("index_session")) == (["heard"], [])

    store.replies["find_conversations"] = ()
    driver.advance(0.16)
    assert store.of("index_session") == ["s1"]


def test_conversation_that_can_never_be_stored_is_marked_as_read_without_a_memory(driver, store):
    heard = HeardConversation("e1", "a1", NewMemory(text="the shop opens at nine"))
    store.replies |= {"find_conversations": (heard,), "keep_conversation": StoreError("a value that cannot be stored")}

    driver.advance(5.0)

    assert store.of("keep_conversation") == [heard, HeardConversation("e1", "a1", None)]


def test_texts_get_their_vectors_when_all_are_indexed(store):
    waiting = WaitingTexts(1, 0, 2, ((7, "a flight"), (8, "nothing")))
    store.replies |= {"find_conversations": (), "find_sessions": (), "find_waiting": waiting, "keep_vectors": None}
    driver = Driver(Indexer(store, "node-a", embed)).start()

    driver.advance(5.0)

    assert store.of("keep_vectors") == [{"waiting": waiting, "vectors": [(7, b"v")]}]
    store.replies |= {"find_waiting": None, "merge_words": False}
    driver.advance(6.0)
    assert len(store.of("keep_vectors")) == 1


async def embed(text):
    return b"v" if text == "a flight" else None


def test_a_failing_store_is_tried_again_later(driver, store):
    store.replies["find_conversations"] = StoreUnavailableError("gone")
    driver.advance(5.0)
    store.replies |= {"find_conversations": (), "find_sessions": ("s1",)}
    driver.advance(4.9)
    assert store.of("index_session") == []
    driver.advance(0.2)

    assert store.of("index_session") == ["s1"]


def test_deleted_words_are_removed_step_by_step_when_nothing_else_is_to_do(driver, store):
    store.replies["merge_words"] = True
    driver.tell(MergeWords())
    driver.advance(5.35)
    assert len(store.of("merge_words")) == 3

    store.replies["merge_words"] = False
    driver.advance(20.0)
    assert len(store.of("merge_words")) == 4


def test_deletions_of_a_minute_are_removed_together_a_minute_after_the_first(driver, store):
    driver.advance(100.0)
    begun = len(store.of("merge_words"))
    driver.tell(WordsDeleted())
    driver.advance(50.0)
    driver.tell(WordsDeleted())
    assert len(store.of("merge_words")) == begun == 1

    driver.advance(20.0)
    assert len(store.of("merge_words")) == begun + 1

    driver.advance(200.0)
    assert len(store.of("merge_words")) == begun + 1
    driver.tell(WordsDeleted())
    driver.advance(70.0)
    assert len(store.of("merge_words")) == begun + 2
