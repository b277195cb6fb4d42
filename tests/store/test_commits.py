import math

import pytest
from msgspec.structs import replace

from omi_actors.domain.sessions.records import SessionCommit
from omi_actors.errors import FencedError, StoreError
from omi_actors.store.engine import Engine, Write
from omi_actors.store.sessions import load_session
from omi_actors.store.transaction import Transaction
from tests.store.builders import (
    asking_commit,
    count,
    do,
    first_commit,
    job,
    message,
    next_commit,
    raw_event,
    rows,
    segment,
    step,
)


def test_a_first_turn_is_read_back_whole(engine: Engine) -> None:
    commit = first_commit(segments=(segment(1, person_id="p", speaker_id=None, is_user=False, text="Grüße 🙂"),))

    do(engine, commit)

    record = engine.read(lambda tx: load_session(tx, "omi:s1", recent=30))
    assert record is not None
    assert (record.session_id, record.uid, record.epoch) == ("s1", "s1", 1)
    assert (record.conversation_id, record.conversation_number) == ("s1-c1", 1)
    assert (record.last_seq, record.last_end_s, record.last_seen_at) == (1, 1.5, commit.last_seen_at)
    assert record.recent_segments == commit.segments


def test_a_session_is_inserted_once(engine: Engine) -> None:
    do(engine, first_commit())

    with pytest.raises(FencedError):
        do(engine, first_commit(segments=(segment(5),)))

    assert rows(engine, "SELECT seq FROM transcript_segment") == [(1,)]


def test_a_second_session_cannot_take_a_key(engine: Engine) -> None:
    do(engine, first_commit("s1"))

    with pytest.raises(FencedError):
        do(engine, first_commit("s2", session_key="omi:s1"))


def test_an_older_epoch_writes_nothing(engine: Engine) -> None:
    do(engine, first_commit())
    do(engine, next_commit(epoch=2, segments=()))

    with pytest.raises(FencedError):
        do(engine, next_commit(epoch_before=1, epoch=1, jobs=(job(),), raw_events=(raw_event(),)))

    assert rows(engine, "SELECT epoch, last_seq FROM session") == [(2, 2)]
    assert count(engine, "job") == 0
    assert count(engine, "raw_event") == 0
    assert rows(engine, "SELECT seq FROM transcript_segment") == [(1,)]


def test_every_write_names_its_owner(engine: Engine) -> None:
    do(engine, first_commit())

    assert rows(engine, "SELECT node, incarnation FROM session") == [("node-a", 1)]


def test_the_same_turn_again_changes_nothing(engine: Engine) -> None:
    do(engine, asking_commit())
    turn = next_commit(jobs=(job(2),), messages=(message(2),), raw_events=(raw_event(),))

    do(engine, turn)
    do(engine, turn)

    tables = ("transcript_segment", "job", "message", "raw_event")
    assert [count(engine, table) for table in tables] == [2, 2, 2, 1]


@pytest.mark.parametrize(("text", "kept"), [("text 1 and more", "text 1 and more"), ("text", "text 1")])
def test_only_a_longer_text_replaces_a_segment(engine: Engine, text: str, kept: str) -> None:
    do(engine, first_commit())

    do(engine, next_commit(segments=(segment(2, key="key-1", text=text, end_s=9.0),)))

    expected_end_s = 9.0 if kept == text else 1.5
    assert rows(engine, "SELECT seq, text, end_s FROM transcript_segment") == [(1, kept, expected_end_s)]


def test_the_speaker_of_a_segment_is_corrected_in_its_place(engine: Engine) -> None:
    do(engine, first_commit())
    corrected = segment(2, key="key-1", text="text 1", speaker="SPEAKER_01", speaker_id=None, is_user=False)

    do(engine, next_commit(segments=(replace(corrected, person_id="p1"),)))

    said_by = "SELECT seq, text, speaker, speaker_id, is_user, person_id FROM transcript_segment"
    assert rows(engine, said_by) == [(1, "text 1", "SPEAKER_01", None, False, "p1")]


def test_one_turn_may_hold_a_segment_and_its_longer_version(engine: Engine) -> None:
    do(engine, first_commit(segments=(segment(1, text="a"), segment(2, key="key-1", text="ab"))))

    assert rows(engine, "SELECT seq, text FROM transcript_segment") == [(1, "ab")]


def test_a_job_is_enqueued_once_for_ever(engine: Engine) -> None:
    do(engine, asking_commit())

    do(engine, next_commit(jobs=(job(9, idempotency_key="answer:s1:1"),)))

    assert rows(engine, "SELECT job_id FROM job") == [("s1-j1",)]


@pytest.mark.parametrize("before", [[], [lambda tx: tx.separate()]], ids=["in a group", "row by row"])
def test_a_question_that_is_known_leaves_no_message(engine: Engine, before: list[Write]) -> None:
    do(engine, asking_commit())
    known = job(9, idempotency_key="answer:s1:1")
    again = next_commit(epoch=2, jobs=(known, job(3)), messages=(message(9), message(3)))

    outcomes = engine.commit_group([*before, again, asking_commit("s2")])

    assert [outcome.error for outcome in outcomes[-2:]] == [None, None]
    assert rows(engine, "SELECT id FROM message ORDER BY id") == [("s1-m1",), ("s1-m3",), ("s2-m1",)]


def test_a_job_has_one_message_of_each_role(engine: Engine) -> None:
    do(engine, asking_commit())

    do(engine, next_commit(messages=(message(9, job_id="s1-j1"), message(3, job_id=""), message(4, job_id=""))))

    assert rows(engine, "SELECT id FROM message ORDER BY id") == [("s1-m1",), ("s1-m3",), ("s1-m4",)]


def test_a_raw_event_is_kept_once_with_its_bytes(engine: Engine) -> None:
    do(engine, first_commit(raw_events=(raw_event(1), raw_event(2, dedupe_key="dedupe-1"))))

    assert [bytes(body) for (body,) in rows(engine, "SELECT body FROM raw_event")] == [b"{\x00\xff}"]


def test_a_delivery_that_moved_on_fences_the_turn(engine: Engine) -> None:
    do(engine, first_commit())

    with pytest.raises(FencedError):
        do(engine, next_commit(delivery_changes=(step("nowhere", ("pending",), "sending"),)))

    assert rows(engine, "SELECT seq FROM transcript_segment") == [(1,)]


def test_a_group_stores_all_and_replies_in_order(engine: Engine) -> None:
    outcomes = engine.commit_group([*(first_commit(f"s{n}") for n in range(20)), lambda _tx: "seen"])

    assert [outcome.error for outcome in outcomes] == [None] * 21
    assert outcomes[-1].value == "seen"
    assert count(engine, "transcript_segment") == 20


def test_a_group_is_applied_in_order(engine: Engine) -> None:
    seen = engine.commit_group([first_commit("s1"), _count_sessions, first_commit("s2"), _count_sessions])

    assert [outcome.value for outcome in seen] == [None, 1, None, 2]


def _count_sessions(tx: Transaction) -> int:
    return len(tx.fetch("SELECT id FROM session"))


def test_turns_of_one_session_in_a_group_keep_their_order(engine: Engine) -> None:
    late = next_commit(epoch_before=2, epoch=2, segments=(segment(3),))

    outcomes = engine.commit_group([late, first_commit(), next_commit(epoch=2), late])

    assert [type(outcome.error) for outcome in outcomes] == [FencedError, *[type(None)] * 3]
    assert rows(engine, "SELECT seq FROM transcript_segment ORDER BY seq") == [(1,), (2,), (3,)]


_BAD_TURNS = {
    "lone surrogate": first_commit("bad", segments=(segment(1, text="\ud800"),)),
    "nul": first_commit("bad", segments=(segment(1, text="a\0b"),)),
    "nul in a message": first_commit("bad", messages=(message(session="bad", text="\0"),)),
    "number beyond 64 bits": first_commit("bad", segments=(segment(1, speaker_id=2**70),)),
    "not a number": first_commit("bad", segments=(segment(1, start_s=math.nan),)),
    "infinite": first_commit("bad", segments=(segment(1, end_s=math.inf),)),
    "unknown word": first_commit("bad", messages=(message(session="bad", job_id="", role="robot"),)),
    "no such conversation": first_commit("bad", messages=(message(session="bad", job_id="", conversation_id="none"),)),
    "place taken": first_commit("bad", segments=(segment(1), segment(1, key="other"))),
    "wrong type": first_commit("bad", segments=(segment(1, speaker=object()),)),
    "unserialisable payload": first_commit("bad", jobs=(job(session="bad", payload={"x": object()}),)),
    "payload with nan": first_commit("bad", jobs=(job(session="bad", payload={"x": math.nan}),)),
    "no state to come from": first_commit("bad", delivery_changes=(step("d", (), "sent"),)),
}


@pytest.mark.parametrize("bad", _BAD_TURNS.values(), ids=_BAD_TURNS.keys())
def test_a_bad_turn_fails_alone(engine: Engine, bad: SessionCommit) -> None:
    before, failed, after = engine.commit_group([first_commit("s1"), bad, first_commit("s2")])

    assert isinstance(failed.error, StoreError)
    assert not isinstance(failed.error, FencedError)
    assert (before.error, after.error) == (None, None)
    assert rows(engine, "SELECT id FROM session ORDER BY id") == [("s1",), ("s2",)]


def test_an_error_says_nothing_that_was_said(engine: Engine) -> None:
    secret = "my secret words"  # noqa: S105 (speech, not a password)
    bad = first_commit(messages=(message(text=secret, job_id="", role="robot"),), segments=(segment(text=secret),))

    with pytest.raises(StoreError) as raised:
        do(engine, bad)

    assert secret not in str(raised.value)
    assert "CHECK" in str(raised.value) or "check" in str(raised.value)


def test_an_error_of_the_program_leaves_nothing_and_is_not_hidden(engine: Engine) -> None:
    def broken(_tx: object) -> None:
        raise AttributeError("a bug")

    with pytest.raises(AttributeError):
        engine.commit_group([first_commit(), broken])

    assert count(engine, "session") == 0
    do(engine, first_commit())
