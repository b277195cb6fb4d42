"""Memories in the store, on both databases: pages, changes, repetition, imports, and conversations of Omi."""

import json
import secrets
from functools import partial
from typing import Any

import pytest

from omi_actors.clock import ManualClock
from omi_actors.domain.people.conversations import NEWEST, Position
from omi_actors.domain.people.memories import REPEAT_S, NewMemory, build_conversation_key, build_memory_key
from omi_actors.store.engine import Engine
from omi_actors.store.people import linking, meetings, memories, recall
from omi_actors.store.people.memories import Kept, MemoryPage
from omi_actors.store.transaction import Transaction
from tests.store.builders import alone, count, do, first_commit, raw_event, rows


@pytest.fixture
def people(engine: Engine) -> Engine:
    """A store with two persons; session s1 is Ada's."""
    do(engine, first_commit())

    def work(tx: Transaction) -> None:
        for name in ("ada", "bob"):
            tx.run(
                "INSERT INTO account (id, email, password_hash, created_at, updated_at) VALUES (?, ?, 'h', 0, 0)",
                (name, f"{name}@example.com"),
            )
        tx.run("UPDATE session SET account_id = 'ada'")

    do(engine, work)
    return engine


def add(engine: Engine, text: str, name: str = "ada", **more: Any) -> Kept:
    kept: Kept = alone(engine, partial(memories.add_memory, account_id=name, new=NewMemory(text=text, **more)))
    return kept


def page(engine: Engine, name: str = "ada", **asked: Any) -> MemoryPage:
    return engine.read_cold(partial(memories.list_memories, account_id=name, **{"limit": 10} | asked))


def texts(engine: Engine, name: str = "ada", **asked: Any) -> list[str]:
    return [one.text for one in page(engine, name, **asked).memories]


def ask(engine: Engine, question: str, name: str = "ada") -> list[str]:
    found = engine.read(partial(recall.find_texts, account_id=name, question=question, limit=5))
    return [one.text for one in found]


def test_a_memory_is_kept_listed_and_recalled_by_its_person_alone(people: Engine) -> None:
    kept = add(people, "The spare key is under the blue pot.")

    assert kept.is_new
    assert page(people) == MemoryPage((kept.memory,), has_more=False)
    assert texts(people, "bob") == ask(people, "Where is the spare key?", "bob") == []
    assert ask(people, "Where are the keys?") == ["The spare key is under the blue pot."]


def test_the_same_text_is_kept_once_in_twelve_hours(people: Engine, clock: ManualClock) -> None:
    first = add(people, "Milk")

    assert add(people, "Milk") == Kept(first.memory, is_new=False)
    assert add(people, "Milk", "bob").is_new
    clock.advance(REPEAT_S + 1)
    assert add(people, "Milk").is_new
    assert texts(people) == ["Milk", "Milk"]


def test_pages_by_cursor_and_by_offset_hold_every_memory_once_even_at_equal_times(people: Engine) -> None:
    for number in range(7):
        add(people, f"memory {number}", created_at=1_790_000_000.0 + number // 3)
    everything = texts(people)

    by_cursor: list[str] = []
    before = NEWEST
    while True:
        one = page(people, limit=2, before=before)
        by_cursor += [memory.text for memory in one.memories]
        if not one.has_more:
            break
        before = Position(one.memories[-1].created_at, one.memories[-1].memory_id)
    by_offset = [text for offset in range(0, 8, 2) for text in texts(people, limit=2, offset=offset)]

    assert by_cursor == by_offset == everything
    assert sorted(everything) == [f"memory {number}" for number in range(7)]
    assert page(people, limit=2, offset=4).total == 7


@pytest.mark.parametrize(
    ("search", "found"),
    [("ÜBER", ["Über den Berg"]), ("100%", ["100% wool"]), ("_", ["a_b"]), ("!", []), ("e", ["Über den Berg"])],
)
def test_search_ignores_case_in_every_language_and_takes_signs_as_they_are(
    people: Engine, search: str, found: list[str]
) -> None:
    for text in ("Über den Berg", "100% wool", "a_b", "1000 tons"):
        add(people, text)

    assert texts(people, search=search) == found
    assert page(people, search=search, offset=0).total == len(found)


def test_a_search_by_offset_counts_all_that_hold_the_words_on_each_page(people: Engine) -> None:
    for number in range(5):
        add(people, f"bicycle {number}", created_at=1_790_000_000.0 + number)
    add(people, "a boat")

    pages = [page(people, search="bicycle", limit=2, offset=offset) for offset in (0, 2, 4, 6)]

    assert [(len(one.memories), one.has_more, one.total) for one in pages] == [
        (2, True, 5), (2, True, 5), (1, False, 5), (0, False, 5),
    ]  # fmt: skip
    assert page(people, search="train", offset=0) == MemoryPage((), has_more=False, total=0)


def test_long_texts_are_found_among_short_ones_in_their_order(people: Engine) -> None:
    noise = secrets.token_hex(4_900)  # which no index of PostgreSQL can compress enough
    for number, text in enumerate(("my boat", f"{noise} BOAT", "a boat", f"{noise} boats", "a train")):
        add(people, text, created_at=1_790_000_000.0 + number)

    first = page(people, search="boat", limit=2)
    last = first.memories[-1]
    rest = page(people, search="boat", before=Position(last.created_at, last.memory_id))

    found = [one.text[-8:].strip().lower() for one in (*first.memories, *rest.memories)]
    assert [one.split()[-1] for one in found] == ["boats", "boat", "boat", "boat"]
    assert (first.has_more, rest.has_more) == (True, False)
    assert page(people, search="boat", limit=1, offset=1).total == 4


def test_an_edited_memory_is_found_by_its_new_words_only(people: Engine) -> None:
    kept = add(people, "The key is under the pot.")
    edit = partial(memories.edit_memory, memory_id=kept.memory.memory_id, text="The lock has a code.")

    assert alone(people, partial(edit, account_id="bob")) is None
    changed = alone(people, partial(edit, account_id="ada"))

    assert (changed.text, changed.created_at) == ("The lock has a code.", kept.memory.created_at)
    assert ask(people, "key pot") == []
    assert ask(people, "code") == texts(people, search="CODE") == ["The lock has a code."]


def test_a_deleted_memory_is_gone_and_another_person_cannot_delete_it(people: Engine) -> None:
    kept = add(people, "The key is under the pot.")
    delete = partial(memories.delete_memory, memory_id=kept.memory.memory_id)

    assert alone(people, partial(delete, account_id="bob")) is False
    assert alone(people, partial(delete, account_id="ada")) is True
    assert alone(people, partial(delete, account_id="ada")) is False
    assert texts(people) == ask(people, "key") == []
    assert count(people, "recall_text") == count(people, "forgotten_memory") == 0


def link(engine: Engine, uid: str, name: str = "ada") -> None:
    """Link a wearable, which can be undone by the digest "undo" and its uid."""
    do(
        engine,
        lambda tx: tx.run(
            "INSERT INTO omi_link (id, account_id, omi_uid, is_verified, created_at, verified_at, undo_sha256)"
            " VALUES (?, ?, ?, TRUE, 0, 0, ?)",
            (f"{name}-{uid}", name, uid, f"undo {uid}"),
        ),
    )


def test_an_import_keeps_what_is_new_and_never_brings_back_what_was_deleted(people: Engine) -> None:
    add(people, "Likes tea")
    link(people, "o1")
    some = tuple(
        NewMemory(text=text, dedupe_key=build_memory_key("o1", text), created_at=1.0)
        for text in ("Likes tea", "Swims", "Sings")
    )
    load = partial(memories.import_memories, account_id="ada", omi_uid="o1", some=some)

    assert alone(people, load) == 2
    assert alone(people, load) == 0
    (swims,) = page(people, search="swims").memories
    alone(people, partial(memories.edit_memory, account_id="ada", memory_id=swims.memory_id, text="Swims daily"))
    (sings,) = page(people, search="sings").memories
    alone(people, partial(memories.delete_memory, account_id="ada", memory_id=sings.memory_id))
    assert alone(people, load) == 0
    assert sorted(texts(people)) == ["Likes tea", "Swims daily"]
    assert ask(people, "swimming?") == ["Swims daily"]


CONVERSATION = {"id": "c-1", "structured": {"emoji": "x", "title": "T", "overview": "O"}, "transcript_segments": []}


def keep_all(engine: Engine) -> list[bool]:
    found = engine.read_cold(partial(memories.find_conversations, node="node-a", limit=10))
    return [alone(engine, partial(memories.keep_conversation, heard=heard)) for heard in found]


def hear(engine: Engine, number: int, body: object, session: str = "s1") -> None:
    event = raw_event(number, session=session, body=body if isinstance(body, bytes) else json.dumps(body).encode())
    epoch = rows(engine, f"SELECT epoch FROM session WHERE id = '{session}'")[0][0]  # noqa: S608 (our own id)
    do(
        engine,
        first_commit(
            session, epoch_before=epoch, epoch=epoch + 1, new_conversation=None, segments=(), raw_events=(event,)
        ),
    )


def test_a_conversation_of_omi_becomes_one_memory_however_often_it_comes(people: Engine) -> None:
    hear(people, 1, CONVERSATION)
    hear(people, 2, CONVERSATION | {"structured": {"title": "Changed"}})
    hear(people, 3, {**CONVERSATION, "id": "c-2", "discarded": True})
    hear(people, 4, b"\xff not json")

    assert sorted(keep_all(people)) == [False, False, False, True]
    assert keep_all(people) == []
    assert texts(people) == ["x T: O"]
    assert rows(people, "SELECT dedupe_key FROM memory") == [(build_conversation_key("s1", "c-1"),)]


def test_undoing_a_link_takes_all_that_came_from_its_wearable_and_nothing_else(people: Engine) -> None:
    for uid in ("s1", "s10"):
        link(people, uid)
        some = [NewMemory(text=f"Of {uid} {n}", dedupe_key=build_memory_key(uid, str(n))) for n in range(3)]
        alone(people, partial(memories.import_memories, account_id="ada", omi_uid=uid, some=some))
    hear(people, 1, CONVERSATION)
    hear(people, 2, {"structured": {"title": "Without an id"}})
    keep_all(people)
    alone(people, partial(meetings.keep_meeting, session_id="s1", conversation_id="s1-c1"))
    add(people, "Typed")
    (deleted,) = page(people, search="Of s1 2").memories
    alone(people, partial(memories.delete_memory, account_id="ada", memory_id=deleted.memory_id))
    assert len(texts(people)) == 9

    undo = partial(linking.undo_link, undo_digest="undo s1", now_s=1.0, limit=2)
    steps = [alone(people, undo) for _ in range(4)]

    assert [one and one.has_more for one in steps] == [True, True, False, None]
    assert sorted(texts(people)) == ["Of s10 0", "Of s10 1", "Of s10 2", "Typed"]
    assert ask(people, "T O without an id?") == []
    assert count(people, "recall_text") == 4
    assert count(people, "forgotten_memory") == 0
    late = partial(memories.import_memories, account_id="ada", omi_uid="s1", some=[NewMemory(text="Late")])
    assert alone(people, late) == 0


def test_conversation_that_was_read_before_its_link_was_undone_is_not_kept_afterwards(people: Engine) -> None:
    link(people, "s1")
    hear(people, 1, CONVERSATION)
    found = people.read_cold(partial(memories.find_conversations, node="node-a", limit=10))
    alone(people, partial(linking.undo_link, undo_digest="undo s1", now_s=1.0, limit=10))

    assert [alone(people, partial(memories.keep_conversation, heard=heard)) for heard in found] == [False]
    do(people, lambda tx: tx.run("UPDATE session SET account_id = 'bob'"))
    assert keep_all(people) == [True]
    assert (texts(people), texts(people, "bob")) == ([], ["x T: O"])


def test_a_conversation_waits_until_its_session_belongs_to_a_person(people: Engine) -> None:
    do(people, first_commit("s2"))
    hear(people, 1, CONVERSATION, "s2")

    assert keep_all(people) == []
    do(people, lambda tx: tx.run("UPDATE session SET account_id = 'bob' WHERE id = 's2'"))
    assert keep_all(people) == [True]
    assert texts(people, "bob") == ["x T: O"]


def test_a_deleted_conversation_does_not_return(people: Engine) -> None:
    hear(people, 1, CONVERSATION)
    keep_all(people)
    (kept,) = page(people).memories
    alone(people, partial(memories.delete_memory, account_id="ada", memory_id=kept.memory_id))
    hear(people, 2, CONVERSATION)

    assert keep_all(people) == [False]
    assert texts(people) == []
