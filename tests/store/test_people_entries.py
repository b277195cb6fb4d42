"""One entry of a conversation is deleted, and all else of its person stays, on both databases."""

from functools import partial

import pytest

from omi_actors.domain.hearing.segments import RecentSegments, build_version
from omi_actors.errors import FencedError
from omi_actors.store import sessions
from omi_actors.store.engine import Engine
from omi_actors.store.people import entries, recall_index
from tests.store.builders import count, do, next_commit, rows, segment
from tests.store.test_people_recall import add_account, ask, index, says
from tests.store.whole_person import fill_person, places_of

ADA, SECRET = "zqx", "lighthouse"
ACCOUNT, TALK = f"{ADA}account", f"{ADA}talk"


@pytest.fixture
def ada(engine: Engine) -> Engine:
    """A store with a person whose message, answer's sources, job and segment hold a secret."""

    def tell(tx):
        fill_person(tx, ADA)
        for place in (
            "message SET text", "message SET speaker", "job SET payload", "job SET error",
            "notification_event SET text",
            "transcript_segment SET text", "transcript_segment SET speaker", "transcript_segment SET person_id",
        ):  # fmt: skip
            tx.run(f"UPDATE {place} = 'the {SECRET} of {ADA}'")
        tx.run(f"UPDATE conversation SET title = 'the {SECRET}…'")  # noqa: S608 (our own words)
        tx.run("DELETE FROM recall_text WHERE memory_id IS NULL")
        numbers = ((2, f"{ADA}message", None, None), (3, None, f"{ADA}session", 1))
        for number, *source in numbers:
            tx.run(
                "INSERT INTO recall_text (no, follows, words, message_id, session_id, seq)"
                " VALUES ((SELECT no FROM recall_owner) * 4294967296 + ?, FALSE, ?, ?, ?, ?)",
                (number, f"1_{SECRET}", *source),
            )

    do(engine, tell)
    return engine


def erase(engine: Engine, entry_id: str, talk: str = TALK, account_id: str = ACCOUNT) -> bool:
    is_gone: bool = do(
        engine, partial(entries.erase_entry, account_id=account_id, conversation_id=talk, entry_id=entry_id)
    )
    return is_gone


def test_words_of_deleted_entries_stand_in_no_column(ada: Engine) -> None:
    assert len(places_of(ada, SECRET)) == 10

    assert erase(ada, f"{ADA}message")
    assert erase(ada, f"{TALK}:1")
    while do(ada, partial(recall_index.merge_words, is_first=True)):
        pass

    assert places_of(ada, SECRET) == set()
    assert [count(ada, table) for table in ("delivery", "notification_event", "answer_source", "job")] == [0] * 4
    assert [count(ada, table) for table in ("conversation", "memory", "recall_text", "recall_vector")] == [1] * 4
    assert rows(ada, "SELECT text, key, seq FROM transcript_segment") == [("", f"{ADA}segmentkey", 1)]
    assert not erase(ada, f"{ADA}message")
    assert not erase(ada, f"{TALK}:1")


def test_entries_of_others_and_unknown_ones_stay(ada: Engine) -> None:
    add_account(ada, "bob", owns="none")
    for entry in (f"{ADA}message", f"{TALK}:1"):
        assert not erase(ada, entry, account_id="bob")
        assert not erase(ada, entry, talk="other")
    for unknown in ("", ":", "1", f"{TALK}:", f"{TALK}:2", f"{TALK}:-1", f"{TALK}:{'9' * 30}", f"{TALK}:²"):
        assert not erase(ada, unknown)

    assert len(places_of(ada, SECRET)) == 10


def test_spoken_question_stays_known_by_its_place_and_its_job_under_way_ends(ada: Engine) -> None:
    is_asked = "UPDATE job SET kind = 'answer', idempotency_key = ?, state = 'running', token = 't', lease_until = 9e9"
    do(ada, lambda tx: tx.run(is_asked, (f"answer:{ADA}session:k1:0",)))

    assert erase(ada, f"{ADA}message")

    assert rows(ada, "SELECT state, payload, error FROM job") == [("cancelled", "{}", "")]
    record = ada.read(partial(sessions.load_session, session_key=f"omi:{ADA}uid", recent=1, asked=1))
    assert record is not None
    assert record.asked == (("k1", 0),)


def test_deleted_sentence_is_not_found_nor_brought_back_by_a_longer_repetition(engine: Engine) -> None:
    do(engine, says("We booked the hotel in Lisbon.", "The weather was awful."))
    add_account(engine)
    index(engine)

    assert erase(engine, "s1-c1:1", "s1-c1", "ada")

    longer = segment(9, key="key-1", text="We booked the hotel in Lisbon, at last.")
    with pytest.raises(FencedError):  # decided by a session that still has it in memory
        do(engine, next_commit(segments=(longer,)))
    do(engine, next_commit(epoch_before=2, epoch=3, last_seq=9, segments=(longer,)))
    index(engine)
    assert ask(engine, "Which hotels did I book?") == []
    assert rows(engine, "SELECT text FROM transcript_segment ORDER BY seq") == [("",), ("The weather was awful.",)]
    transcript = engine.read(partial(sessions.load_transcript, session_key="omi:s1", after_seq=0, limit=9, messages=9))
    assert transcript is not None
    assert [one.text for one in transcript.segments] == ["The weather was awful."]
    context = engine.read(partial(sessions.load_answer_context, session_id="s1", choose_rows=lambda _: (9, 9)))
    assert [line.text for line in context.transcript] == ["The weather was awful."]


def test_deleted_sentence_that_was_not_indexed_yet_enters_no_index(engine: Engine) -> None:
    do(engine, says("We booked the hotel in Lisbon."))
    add_account(engine)

    assert erase(engine, "s1-c1:1", "s1-c1", "ada")

    find = partial(recall_index.find_sessions, node="n", until=2e9, limit=9)
    assert engine.read(find) == ()
    index(engine)
    assert count(engine, "recall_text") == 0


def test_deleted_segment_counts_as_longer_than_any_text(engine: Engine) -> None:
    do(engine, says("We booked the hotel in Lisbon."))
    add_account(engine)
    erase(engine, "s1-c1:1", "s1-c1", "ada")

    record = engine.read(partial(sessions.load_session, session_key="omi:s1", recent=9))
    found = engine.read(partial(sessions.find_segments, session_id="s1", keys=["key-1"]))

    assert record is not None
    (deleted,) = record.recent_segments
    assert min(found["key-1"], build_version(deleted)) > build_version(segment(text="x" * 10_000))
    assert RecentSegments().remember(found).find("key-1") == found["key-1"]
