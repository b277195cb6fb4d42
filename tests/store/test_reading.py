import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import omi_actors
from omi_actors.domain.answers.prompt import EarlierMessage
from omi_actors.domain.hearing.segments import StoredSegment, build_version
from omi_actors.errors import StoreError
from omi_actors.store.engine import Engine, StoreConfig
from omi_actors.store.sessions import find_segments, load_answer_context, load_listening, load_session, load_transcript
from omi_actors.store.transaction import NodeIdentity, Transaction
from omi_actors.store.transcripts import LATEST, TalkPlace, load_session_page
from tests.store.builders import NOW, do, first_commit, job, message, next_commit, segment


@pytest.fixture
def told(engine: Engine) -> Engine:
    """A session with ten segments, two answered questions and a failure."""
    do(engine, first_commit(segments=tuple(segment(n) for n in range(1, 11)), last_seq=10))
    do(
        engine,
        next_commit(
            segments=(),
            jobs=(job(1, idempotency_key="chat:s1:a"), job(3, idempotency_key="chat:s1:b")),
            messages=(
                message(1),
                message(2, job_id="s1-j1", role="assistant", kind="answer", source="system"),
                message(3),
                message(4, job_id="s1-j3", role="assistant", kind="failure", source="system"),
            ),
        ),
    )
    return engine


def test_an_unknown_session_is_none(engine: Engine) -> None:
    assert engine.read(lambda tx: load_session(tx, "omi:none", recent=5)) is None
    assert engine.read(lambda tx: load_transcript(tx, "omi:none", after_seq=0, limit=5, messages=5)) is None


@pytest.mark.parametrize(("recent", "expected"), [(0, []), (3, [8, 9, 10]), (99, list(range(1, 11)))])
def test_activation_loads_the_latest_segments_in_order(told: Engine, recent: int, expected: list[int]) -> None:
    record = told.read(lambda tx: load_session(tx, "omi:s1", recent=recent))

    assert record is not None
    assert [found.seq for found in record.recent_segments] == expected


def test_a_transcript_is_read_page_by_page(told: Engine) -> None:
    seen = []
    after_seq: int | None = 0
    while after_seq is not None:
        page = told.read(partial(load_transcript, session_key="omi:s1", after_seq=after_seq, limit=4, messages=2))
        assert page is not None
        assert [found.message_id for found in page.messages] == ["s1-m3", "s1-m4"]
        seen.append([found.seq for found in page.segments])
        after_seq = page.next_after_seq

    assert seen == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10]]


def test_a_full_last_page_says_that_it_is_the_last(told: Engine) -> None:
    page = told.read(lambda tx: load_transcript(tx, "omi:s1", after_seq=5, limit=5, messages=0))

    assert page is not None
    assert (len(page.segments), page.next_after_seq, page.messages) == (5, None, ())


def test_a_failure_is_no_knowledge(told: Engine) -> None:
    context = told.read(lambda tx: load_answer_context(tx, "s1", choose_rows=lambda _: (2, 10)))

    assert [found.text for found in context.transcript] == ["text 9", "text 10"]
    assert [found.role for found in context.history] == ["user", "assistant", "user"]
    assert context.history[0] == EarlierMessage("user", "question 1", is_own=False)


@pytest.mark.parametrize(
    ("stored", "is_own"),
    [
        ({"asker": "user"}, True),
        ({"asker": "other", "speaker": "SPEAKER_01"}, False),
        ({}, False),  # stored before askers were kept
        ({"source": "frontend"}, True),
        ({"asker": "other", "source": "frontend"}, True),
    ],
)
def test_answer_belongs_to_the_asker_of_its_question(engine: Engine, stored: dict[str, Any], is_own: bool) -> None:
    asked = message(**stored)
    do(engine, first_commit(jobs=(job(),), messages=(asked,)))
    said = message(2, role="assistant", kind="answer", job_id="s1-j1")
    do(engine, next_commit(segments=(), messages=(said,)))

    context = engine.read(lambda tx: load_answer_context(tx, "s1", choose_rows=lambda _: (2, 10)))

    assert [(one.role, one.speaker, one.is_own) for one in context.history] == [
        (role, stored.get("speaker", ""), is_own) for role in ("user", "assistant")
    ]


def test_wearer_who_was_recognised_once_stays_known(engine: Engine) -> None:
    do(engine, first_commit())
    known = [engine.read(lambda tx: load_session(tx, "omi:s1", recent=0))]
    do(engine, next_commit(epoch=2, meets_user=True))
    do(engine, next_commit(epoch_before=2, epoch=3, last_seq=3, segments=(segment(3),)))
    known.append(engine.read(lambda tx: load_session(tx, "omi:s1", recent=0)))

    assert [bool(record and record.knows_user) for record in known] == [False, True]


def test_stored_segments_are_found_with_what_tells_their_versions_apart(told: Engine) -> None:
    keys = [f"key-{n}" for n in range(9, 1500)]

    assert told.read(lambda tx: find_segments(tx, "s1", keys)) == {
        "key-9": build_version(segment(9)),
        "key-10": build_version(segment(10)),
    }
    assert told.read(lambda tx: find_segments(tx, "s1", [])) == {}
    assert told.read(lambda tx: find_segments(tx, "s2", keys)) == {}


def test_a_reader_sees_what_is_committed_and_writes_nothing(told: Engine, config: StoreConfig) -> None:
    reader = Engine(config, NodeIdentity("reader"), readonly=True)
    reader.open()
    try:
        record = reader.read(lambda tx: load_session(tx, "omi:s1", recent=1))
        with pytest.raises(StoreError):
            reader.read(lambda tx: tx.run("DELETE FROM session"))
    finally:
        reader.close()

    assert record is not None
    assert told.read(lambda tx: load_session(tx, "omi:s1", recent=1)) == record


def test_a_session_comes_with_the_places_of_its_latest_heard_questions(told: Engine) -> None:
    heard = [job(n, session="s1", idempotency_key=f"answer:s1:key-{n}:{n % 2}") for n in (6, 7, 8)]
    typed = job(9, session="s1", idempotency_key="chat:s1:abc")
    do(told, next_commit(segments=(), jobs=(*heard, typed)))

    record = told.read(lambda tx: load_session(tx, "omi:s1", recent=0, asked=2))

    assert record is not None
    assert record.asked == (("key-7", 1), ("key-8", 0))


def test_sessions_that_listened_too_long_are_found_on_their_own_node(engine: Engine) -> None:
    do(engine, first_commit("s1", listening_until=NOW + 2))
    do(engine, first_commit("s2", listening_until=NOW + 1))
    do(engine, first_commit("s3"))

    def listening(until: float, node: str = "node-a") -> tuple[str, ...]:
        return engine.read(lambda tx: load_listening(tx, node=node, until=until, limit=9))

    assert listening(NOW + 2) == ("omi:s2", "omi:s1")
    assert listening(NOW + 1) == ("omi:s2",)
    assert listening(NOW + 2, node="node-b") == ()


def test_a_session_that_listens_no_more_is_not_found(engine: Engine) -> None:
    do(engine, first_commit("s1", listening_until=NOW))
    do(engine, next_commit("s1"))

    assert engine.read(lambda tx: load_listening(tx, node="node-a", until=NOW, limit=9)) == ()


def test_reads_are_snapshots_and_cannot_write_after_a_single_statement_was_read(
    engine: Engine, config: StoreConfig
) -> None:
    reader = Engine(config, NodeIdentity("reader"), readonly=True)
    reader.open()
    assert reader.read(_count, is_apart=True) == 0

    def look_twice(tx: Transaction) -> tuple[int, int]:
        before = _count(tx)
        do(engine, first_commit())
        return before, _count(tx)

    assert reader.read(look_twice) == (0, 0)
    assert reader.read(_count, is_apart=True) == 1
    assert reader.read_cold(lambda tx: (tx.db.Session.select().count(), _count(tx))) == (1, 1)
    do(engine, first_commit("s2"))
    assert reader.read(_count) == 2
    with pytest.raises(StoreError):
        reader.read(lambda tx: tx.run("DELETE FROM session"))
    with pytest.raises(StoreError):
        reader.read(lambda tx: tx.fetch("SELECT nothing"), is_apart=True)
    assert reader.read(_count, is_apart=True) == reader.read(_count) == 2
    reader.close()


def test_stored_message_is_never_changed() -> None:
    """Polls show a message by its id, as it was when they showed it first (web/people/polls.py)."""
    sources = [file for kind in ("*.py", "*.sql") for file in Path(omi_actors.__file__).parent.rglob(kind)]

    assert not [file for file in sources if re.search(r"UPDATE\s+message\b", file.read_text())]


def _count(tx: Transaction) -> int:
    return int(tx.fetch("SELECT count(*) FROM session")[0][0])


def test_page_of_a_session_has_what_was_said_and_written_in_order_and_leads_to_all_before(told: Engine) -> None:
    seen: list[str] = []
    place: TalkPlace | None = LATEST
    while place is not None:
        page = told.read(partial(load_session_page, session_key="omi:s1", before=place, limit=4))
        assert page is not None
        assert (len(page.entries) <= 4, page.numbers) == (True, {"s1-c1": 1})
        seen = [one.key if isinstance(one, StoredSegment) else one.message_id for one in page.entries] + seen
        place = page.earlier

    assert seen == [*(f"key-{seq}" for seq in range(1, 11)), "s1-m1", "s1-m2", "s1-m3", "s1-m4"]
    assert told.read(lambda tx: load_session_page(tx, "omi:none", before=LATEST, limit=4)) is None
