"""The index of words and recall, on both databases: a person's texts are found by them alone, and are forgotten."""

import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from omi_actors.domain.sessions.records import SessionCommit
from omi_actors.store.engine import DATABASE_FILE, Engine, StoreConfig
from omi_actors.store.people import recall, recall_index
from omi_actors.store.transaction import Transaction
from tests.store.builders import NOW, count, do, first_commit, message, next_commit, rows, segment

LATER = NOW + 1_000


def add_account(engine: Engine, name: str = "ada", *, owns: str = "s1", zone: str | None = None) -> None:
    def work(tx: Transaction) -> None:
        tx.run(
            "INSERT INTO account (id, email, password_hash, created_at, updated_at) VALUES (?, ?, 'h', 0, 0)",
            (name, f"{name}@example.com"),
        )
        tx.run("UPDATE session SET account_id = ? WHERE id = ?", (name, owns))
        tx.run(
            "INSERT INTO user_preference (account_id, meeting_transcribe, inject_memories, mute, time_zone, created_at,"
            " updated_at) VALUES (?, FALSE, TRUE, FALSE, ?, 0, 0)",
            (name, zone),
        )

    do(engine, work)


def says(*texts: str, session: str = "s1", **changes: Any) -> SessionCommit:
    """A session's first turn, in which these texts are said, a second apart."""
    said = tuple(
        segment(n, session=session, text=text, created_at=NOW + n, **changes) for n, text in enumerate(texts, 1)
    )
    return first_commit(session, segments=said, last_seq=len(said))


def index(engine: Engine, session: str = "s1", *, until: float = LATER, limit: int = 100) -> bool:
    has_more: bool = do(engine, partial(recall_index.index_session, session_id=session, until=until, limit=limit))
    return has_more


def ask(engine: Engine, question: str, name: str = "ada") -> list[str]:
    found = engine.read(partial(recall.find_texts, account_id=name, question=question, limit=5))
    return [one.text for one in found]


def test_a_text_is_found_by_other_forms_of_its_words(engine: Engine) -> None:
    do(engine, says("We booked the hotel in Lisbon.", "The weather was awful.", "Yes."))
    add_account(engine)
    index(engine)

    assert ask(engine, "Which hotels did I book?")[0] == "We booked the hotel in Lisbon."


def test_an_answer_is_found_beside_the_words_of_its_question(engine: Engine) -> None:
    do(engine, says("It rained.", "What did the plumber want for the boiler?", "Ninety, parts included.", "Fine."))
    add_account(engine)
    index(engine)

    assert ask(engine, "How much did the plumber ask for the boiler?")[0] == "Ninety, parts included."


def test_a_neighbour_of_another_conversation_is_no_neighbour(engine: Engine) -> None:
    do(engine, says("What did the plumber want for the boiler?"))
    do(engine, says("Ninety, parts included.", session="s2"))
    add_account(engine)
    do(engine, lambda tx: tx.run("UPDATE session SET account_id = 'ada' WHERE id = 's2'"))
    index(engine, "s1")
    index(engine, "s2")

    assert ask(engine, "What did the plumber want?") == ["What did the plumber want for the boiler?"]


def test_a_date_in_words_finds_what_was_said_on_that_day(engine: Engine) -> None:
    do(engine, says("About the garden: we wait.", "About the garden: we sell it."))
    do(engine, lambda tx: tx.run("UPDATE transcript_segment SET created_at = created_at - 864000 WHERE seq = 1"))
    add_account(engine)
    index(engine)

    first, second = "About the garden: we wait.", "About the garden: we sell it."
    assert ask(engine, "What about the garden on 11 September?") == [first, second]  # NOW is 21 September 2026
    assert ask(engine, "Was war am 21. September mit dem Garten?") == [second]


def test_a_day_is_a_day_of_the_persons_time_zone(engine: Engine) -> None:
    do(engine, says("The garden again."))
    add_account(engine, zone="Pacific/Auckland")  # where NOW is 22 September, at 02:13
    index(engine)

    ((words,),) = rows(engine, "SELECT words FROM recall_text")
    assert "__d20260922" in words
    assert "__d20260921" not in words


def test_nothing_of_another_person_is_found_or_counts(engine: Engine) -> None:
    do(engine, says("My safe opens with 4711."))
    do(engine, says("My boat is at the pier.", session="s2"))
    add_account(engine, "ada", owns="s1")
    add_account(engine, "bob", owns="s2")
    index(engine, "s1")
    index(engine, "s2")

    assert ask(engine, "What opens my safe?", "bob") == []
    assert ask(engine, "What opens my safe?", "ada") == ["My safe opens with 4711."]
    assert ask(engine, "What opens my safe?", "nobody") == []


def test_a_text_of_a_session_that_left_its_person_is_not_shown(engine: Engine) -> None:
    do(engine, says("My safe opens with 4711."))
    add_account(engine)
    index(engine)
    do(engine, lambda tx: tx.run("UPDATE session SET account_id = NULL"))

    assert ask(engine, "What opens my safe?") == []
    assert engine.read(partial(recall_index.find_sessions, node="node-a", until=LATER, limit=9)) == ("s1",)
    assert index(engine) is False
    assert count(engine, "recall_text") == count(engine, "recall_progress") == 0


def test_a_session_that_comes_to_another_person_is_indexed_anew_for_them(engine: Engine) -> None:
    do(engine, says("My safe opens with 4711.", "The boat is blue."))
    add_account(engine, "ada")
    index(engine)
    add_account(engine, "bob", owns="s1")

    assert engine.read(partial(recall_index.find_sessions, node="node-a", until=LATER, limit=9)) == ("s1",)
    while index(engine, limit=1):
        pass
    assert ask(engine, "What opens my safe?", "ada") == []
    assert ask(engine, "What opens my safe?", "bob")[0] == "My safe opens with 4711."
    assert count(engine, "recall_text") == 2


def test_names_of_speakers_are_no_words_but_a_bonus(engine: Engine) -> None:
    do(engine, says("Ben, look at this boat.", "Ben, are you there?"))
    more = segment(3, text="I like that boat.", speaker="Ben", created_at=NOW + 3)
    do(engine, next_commit(segments=(more,), last_seq=3))
    add_account(engine)
    index(engine)

    assert ask(engine, "What did Ben say about the boat?")[0] == "I like that boat."
    assert "Ben, are you there?" not in ask(engine, "What did Ben say?")


def test_typed_questions_and_answers_are_indexed_once_and_failures_never(engine: Engine) -> None:
    talk = (
        message(1, source="frontend", text="My bike is blue."),
        message(2, role="assistant", kind="answer", source="system", text="A blue bike, noted.", job_id="j-a"),
        message(3, role="assistant", kind="failure", source="system", text="No bike today.", job_id="j-f"),
        message(4, text="Hey Omi, which bike?", job_id="j-s"),
    )
    do(engine, first_commit(segments=()))
    for one in talk:
        do(engine, partial(_insert_message, one=one))
    add_account(engine)
    while index(engine, limit=1):
        pass
    assert index(engine) is False

    assert {*ask(engine, "bike")} == {"My bike is blue.", "A blue bike, noted."}


def _insert_message(tx: Transaction, one: Any) -> None:
    tx.run(
        "INSERT INTO message (id, session_id, conversation_id, role, kind, source, text, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (one.message_id, "s1", "s1-c1", one.role, one.kind, one.source, one.text, one.created_at),
    )


def test_a_session_is_indexed_in_batches_and_only_what_is_settled(engine: Engine) -> None:
    do(engine, says(*(f"word{n} apple" for n in range(1, 8))))
    add_account(engine)
    find = partial(recall_index.find_sessions, node="node-a", until=NOW + 5, limit=10)

    assert engine.read(find) == ("s1",)
    assert index(engine, until=NOW + 5, limit=3) is True
    index(engine, until=NOW + 5, limit=3)
    assert engine.read(find) == ()
    assert count(engine, "recall_text") == 5
    index(engine)
    assert [row[0] for row in rows(engine, "SELECT follows FROM recall_text ORDER BY no")] == [False, *[True] * 6]


def test_sessions_without_a_person_are_not_indexed(engine: Engine) -> None:
    do(engine, says("nothing to see"))

    assert engine.read(partial(recall_index.find_sessions, node="node-a", until=LATER, limit=10)) == ()
    assert index(engine) is False
    assert count(engine, "recall_text") == 0


def test_a_text_leaves_the_index_with_its_row(engine: Engine) -> None:
    do(engine, says("My safe opens with 4711.", "The boat is blue."))
    add_account(engine)
    index(engine)
    do(engine, lambda tx: tx.run("DELETE FROM transcript_segment WHERE seq = 1"))

    assert ask(engine, "What opens my safe?") == []
    assert ask(engine, "boat") == ["The boat is blue."]
    do(engine, lambda tx: tx.run("DELETE FROM account"))
    assert count(engine, "recall_text") == count(engine, "recall_owner") == 0


def test_erasing_takes_bounded_steps_and_leaves_others_alone(engine: Engine) -> None:
    do(engine, says(*(f"apple {n}" for n in range(5))))
    do(engine, says("apple pie", session="s2"))
    add_account(engine, "ada")
    add_account(engine, "bob", owns="s2")
    index(engine, "s1")
    index(engine, "s2")
    erase = partial(recall_index.erase_texts, account_id="ada", limit=3)

    assert [do(engine, erase) for _ in range(3)] == [True, False, False]
    assert ask(engine, "apple") == []
    assert ask(engine, "apple", "bob") == ["apple pie"]


def test_deleted_words_leave_the_files_of_sqlite_after_the_merges(
    sqlite_engine: Engine, sqlite_config: StoreConfig
) -> None:
    engine = sqlite_engine
    do(engine, says(*(f"xyzzyplugh{n} apple" for n in range(300))))
    add_account(engine)
    while index(engine, limit=20):
        pass
    do(engine, lambda tx: tx.run("DELETE FROM account"))
    do(engine, lambda tx: tx.run("DELETE FROM session"))

    is_first, steps = True, 0
    while do(engine, partial(recall_index.merge_words, is_first=is_first)):
        is_first, steps = False, steps + 1
    do(engine, partial(recall_index.merge_words, is_first=False))

    assert steps < 100
    assert b"xyzzyplugh" not in b"".join(file.read_bytes() for file in Path(sqlite_config.data_dir).iterdir())
    with closing(sqlite3.connect(sqlite_config.data_dir / DATABASE_FILE)) as con:
        con.execute("CREATE VIRTUAL TABLE temp.terms USING fts5vocab (main, recall_word, row)")
        assert con.execute("SELECT count(*) FROM terms WHERE term LIKE '%xyzzy%'").fetchone() == (0,)


def test_sources_of_an_answer_are_the_texts_that_still_are(engine: Engine) -> None:
    do(engine, says("My safe opens with 4711.", "The safe is blue."))
    add_account(engine)
    index(engine)
    for one in (message(2, role="assistant", kind="answer", source="system", text="4711."),):
        do(engine, partial(_insert_message, one=one))
    found = engine.read(partial(recall.find_texts, account_id="ada", question="What opens my safe?", limit=5))
    numbers = tuple(one.number for one in found)
    do(engine, partial(recall.add_sources, message_id="s1-m2", numbers=(*numbers, 99)))
    load = partial(recall.load_sources, account_id="ada", message_ids=("s1-m2", "s1-m3"))

    assert engine.read(load) == {"s1-m2": found}
    do(engine, lambda tx: tx.run("DELETE FROM transcript_segment WHERE seq = 1"))
    assert [one.text for one in engine.read(load)["s1-m2"]] == ["The safe is blue."]
    assert engine.read(partial(recall.load_sources, account_id="bob", message_ids=("s1-m2",))) == {}


@pytest.mark.parametrize("question", ["", "?", "the and of", "x" * 100_000, "\0 ' \" OR 1=1 | & ! :* (", "漢字 🙂"])
def test_a_question_without_words_finds_nothing_and_breaks_nothing(engine: Engine, question: str) -> None:
    do(engine, says("My safe opens with 4711."))
    add_account(engine)
    index(engine)

    assert ask(engine, question) == []
