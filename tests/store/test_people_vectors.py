"""Vectors of texts: they come after the words, leave with their text, and find what shares no word."""

from functools import partial

import pytest

from omi_actors.clock import ManualClock
from omi_actors.store.engine import Engine
from omi_actors.store.people import recall
from omi_actors.store.people.recall_index import index_memory
from omi_actors.store.people.recall_vectors import VectorCache, find_waiting, keep_vectors, load_speakers
from tests.store.builders import count, do, rows
from tests.store.test_people_recall import add_account, index, says
from tests.store.vectors import encode

FLIGHT, QUESTION = "My flight leaves at seven.", "When does the plane take off?"


@pytest.fixture
def ada(engine: Engine) -> Engine:
    """A store with a person of whom some texts are indexed."""
    do(engine, says(FLIGHT, "Yes.", "Buy oat milk."))
    add_account(engine)
    index(engine)
    return engine


def waiting_texts(engine: Engine, limit: int = 10, pick: float = 0.0):
    return engine.read(partial(find_waiting, pick=pick, limit=limit))


def embed(engine: Engine) -> None:
    while (waiting := waiting_texts(engine, 2)) is not None:
        vectors = [(number, encode(text)) for number, text in waiting.texts]
        do(engine, partial(keep_vectors, waiting=waiting, vectors=vectors))


def ask(engine: Engine, cache: VectorCache, name: str = "ada") -> list[str]:
    near = partial(cache.find_near, vector=encode(QUESTION))
    found = engine.read(partial(recall.find_texts, account_id=name, question=QUESTION, limit=5, near=near))
    return [one.text for one in found]


def test_a_text_that_shares_no_word_with_the_question_is_found_by_its_meaning(ada: Engine) -> None:
    embed(ada)

    assert ada.read(partial(recall.find_texts, account_id="ada", question=QUESTION, limit=5)) == ()
    assert ask(ada, VectorCache(ManualClock()))[0] == FLIGHT
    assert waiting_texts(ada) is None
    assert rows(ada, "SELECT last_vector FROM recall_owner") == [(3,)]
    assert count(ada, "recall_vector") == 2  # "Yes." means nothing


def test_another_person_finds_nothing_of_it(ada: Engine) -> None:
    add_account(ada, "bob", owns="none")
    do(ada, says("We need a lock.", session="s2"))
    do(ada, lambda tx: tx.run("UPDATE session SET account_id = 'bob' WHERE id = 's2'"))
    index(ada, "s2")
    assert len({waiting_texts(ada, pick=pick).owner_no for pick in (0.0, 0.99)}) == 2
    embed(ada)

    assert ask(ada, VectorCache(ManualClock()), "bob") == ["We need a lock."]


def test_a_vector_leaves_with_its_text_and_a_text_that_left_gets_none(ada: Engine) -> None:
    clock = ManualClock()
    cache = VectorCache(clock)
    waiting = waiting_texts(ada)
    do(ada, lambda tx: tx.run("DELETE FROM transcript_segment WHERE seq = 3"))
    do(ada, partial(keep_vectors, waiting=waiting, vectors=[(no, encode(text)) for no, text in waiting.texts]))
    assert count(ada, "recall_vector") == 1
    assert ask(ada, cache) == [FLIGHT]

    do(ada, lambda tx: tx.run("DELETE FROM transcript_segment WHERE seq = 1"))

    assert count(ada, "recall_vector") == 0
    assert ask(ada, cache) == []
    assert [person.size for person in cache._persons.values()] == [4]
    clock.advance(300.0)
    ask(ada, cache)
    assert [person.size for person in cache._persons.values()] == [0]


def test_vectors_that_another_node_has_stored_are_kept_and_new_ones_are_seen(ada: Engine) -> None:
    cache = VectorCache(ManualClock())
    late = waiting_texts(ada)
    embed(ada)
    assert ask(ada, cache)[0] == FLIGHT
    do(ada, lambda tx: tx.run("UPDATE recall_vector SET vector = ? WHERE no % 4294967296 = 3", (b"another model",)))
    assert ask(ada, VectorCache(ManualClock())) == [FLIGHT]

    do(ada, partial(keep_vectors, waiting=late, vectors=[(no, b"\x01\x01\x01") for no, _ in late.texts]))
    assert bytes(rows(ada, "SELECT vector FROM recall_vector ORDER BY no")[0][0]) == encode(FLIGHT)

    def add_memory(tx):
        tx.run(
            "INSERT INTO memory (id, account_id, dedupe_key, text, created_at) VALUES ('m', 'ada', 'k', ?, 0)",
            ("The airport is in the north",),
        )
        index_memory(tx, "ada", "m", "The airport is in the north", at=0.0)

    do(ada, add_memory)
    embed(ada)
    assert {"The airport is in the north", FLIGHT} == {*ask(ada, cache)[:2]}
    assert ada.read(partial(load_speakers, account_id="none")) == ()
