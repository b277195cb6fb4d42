from functools import partial
from pathlib import Path

import pytest

from omi_actors.domain.sessions.records import SessionCommit
from omi_actors.errors import FencedError
from omi_actors.store import retention
from omi_actors.store.engine import DATABASE_FILE, Engine, StoreConfig
from omi_actors.store.people import erasure
from omi_actors.store.transaction import NodeIdentity, Transaction
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
)
from tests.store.whole_person import CHECKED, OF_NOBODY, columns_of_text, fill_person, places_of

SECRET = "xyzzy-plugh"  # noqa: S105 (speech, not a password)


def talk(session: str, word: str) -> SessionCommit:
    """A long session in which everything holds `word`."""
    return first_commit(
        session,
        segments=tuple(segment(n, session=session, text=f"{word} {n} " * 30, key=f"{word}-{n}") for n in range(1, 400)),
        jobs=(job(session=session, payload={"question": word}),),
        messages=(message(session=session, text=word * 3000),),
        raw_events=(raw_event(session=session, body=word.encode() * 3000),),
    )


# Long enough that no random id or secret has them.
ADA, BOB = "zqxvwadax", "kvwzqbobx"


@pytest.fixture
def two_persons(engine: Engine) -> Engine:
    """A store with Ada and Bob, each with a row in every table."""
    for word in (ADA, BOB):
        do(engine, partial(fill_person, word=word))
    return engine


def erase(engine: Engine, account_id: str = f"{ADA}account", limit: int = 100) -> int:
    """Erase an account by all steps; return the number of the steps that deleted rows."""
    begin = partial(erasure.begin_erasure, account_id=account_id, key_digest="d" * 64, verified_hash=None, limit=limit)
    assert do(engine, begin) is not None
    (mine,) = do(engine, lambda tx: erasure.claim(tx, limit=10))
    assert mine.account_id == account_id
    steps = 1
    while not do(engine, lambda tx: erasure.erase_some(tx, account_id, limit=limit)):
        steps += 1
        assert steps < 10_000
    is_first = True
    while do(engine, partial(erasure.merge_some, is_first=is_first)):
        is_first = False
    do(engine, retention.scrub)
    assert do(engine, lambda tx: erasure.end_erasures(tx, [account_id]))
    return steps


def bytes_of_all_files(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.iterdir()))


def test_deleting_a_session_deletes_all_of_it_and_no_other(engine: Engine) -> None:
    do(engine, asking_commit("s1"))
    do(engine, asking_commit("s2"))

    assert do(engine, lambda tx: retention.delete_session(tx, "omi:s1"))

    tables = ("session", "conversation", "transcript_segment", "message", "job")
    assert {count(engine, table) for table in tables} == {1}
    assert rows(engine, "SELECT id FROM session") == [("s2",)]
    assert not do(engine, lambda tx: retention.delete_session(tx, "omi:s1"))


def test_every_column_of_text_is_filled_or_holds_nobodys_words(two_persons: Engine) -> None:
    ours = {(table, column) for table, column, _ in columns_of_text(two_persons) if not OF_NOBODY.fullmatch(table)}

    assert {f"{table}.{column}" for table, column in ours} - CHECKED == places_of(two_persons, ADA)


def test_erasure_leaves_no_word_and_no_id_of_a_person_and_all_of_others(two_persons: Engine) -> None:
    held = places_of(two_persons, BOB)
    counts = {table: count(two_persons, table) for table in erasure.BOUNDED | erasure.FEW}
    assert 0 not in counts.values()

    erase(two_persons)

    assert places_of(two_persons, ADA) == set()
    assert places_of(two_persons, BOB) == held
    assert {table: count(two_persons, table) for table in counts} == {t: n // 2 for t, n in counts.items()}


def test_tables_that_grow_with_a_person_are_erased_in_bounded_steps(two_persons: Engine) -> None:
    def fill_more(tx: Transaction) -> None:
        for number in range(2, 202):
            tx.run(
                "INSERT INTO transcript_segment (session_id, seq, key, conversation_id, text, speaker, is_user,"
                " start_s, end_s, created_at) VALUES (?, ?, ?, ?, 'x', '', TRUE, 0, 1, 1)",
                (f"{ADA}session", number, f"k{number}", f"{ADA}talk"),
            )

    do(two_persons, fill_more)

    assert erase(two_persons, limit=10) >= 20
    assert count(two_persons, "transcript_segment") == 1


def test_every_table_that_belongs_to_persons_is_known_to_the_erasure(two_persons: Engine) -> None:
    owned = {table for table, _, _ in columns_of_text(two_persons) if not OF_NOBODY.fullmatch(table)}

    # Rows of answer_source go with a message, which `weight` counts; a vector goes with its text.
    assert owned - erasure.BOUNDED - erasure.FEW == {
        *("account", "session", "answer_source", "recall_vector", "model_use")
    }


def test_account_ends_at_once_and_its_wearable_is_nobodys(two_persons: Engine) -> None:
    begun = do(
        two_persons,
        partial(erasure.begin_erasure, account_id=f"{ADA}account", key_digest="d" * 64, verified_hash=None, limit=10),
    )

    assert begun.session_keys == (f"omi:{ADA}uid",)
    assert begun.job_ids == (f"{ADA}jobid",)
    assert begun.digests == (f"{ADA:0<64}",)
    assert places_of(two_persons, f"{ADA}uid") == set()
    assert "account.email" not in places_of(two_persons, f"{ADA}accountemail")
    # Decided before the end: fenced. Anew: a session of nobody.
    with pytest.raises(FencedError):
        do(two_persons, next_commit(f"{ADA}session", session_key=f"omi:{ADA}uid", uid=f"{ADA}uid"))
    do(two_persons, first_commit("new", session_key=f"omi:{ADA}uid", uid=f"{ADA}uid"))
    assert rows(two_persons, f"SELECT id, account_id FROM session WHERE session_key = 'omi:{ADA}uid'") == [  # noqa: S608
        ("new", None)
    ]


def test_erasure_is_refused_when_the_password_has_changed_and_for_unknown_accounts(two_persons: Engine) -> None:
    for account_id, verified_hash in ((f"{ADA}account", "old hash"), ("none", None)):
        begin = partial(
            erasure.begin_erasure, account_id=account_id, key_digest="d" * 64, verified_hash=verified_hash, limit=10
        )
        assert do(two_persons, begin) is None

    assert rows(two_persons, f"SELECT email FROM account WHERE id = '{ADA}account'") == [(f"{ADA}accountemail",)]  # noqa: S608


def test_deleting_a_conversation_takes_its_segments(engine: Engine) -> None:
    do(engine, asking_commit("s1"))
    do(engine, asking_commit("s2"))

    do(engine, lambda tx: tx.run("DELETE FROM conversation WHERE id = 's1-c1'"))

    assert rows(engine, "SELECT session_id FROM transcript_segment") == [("s2",)]
    assert rows(engine, "SELECT session_id FROM message") == [("s2",)]


def test_no_byte_of_a_deleted_sessions_text_stays_in_sqlites_files(sqlite_engine: Engine, tmp_path: Path) -> None:
    for turn in (talk("s0", "innocent"), talk("s1", SECRET), talk("s2", "harmless")):
        do(sqlite_engine, turn)
    assert SECRET.encode() in bytes_of_all_files(tmp_path)

    assert do(sqlite_engine, partial(retention.delete_session, session_key="omi:s1"))

    left = bytes_of_all_files(tmp_path)
    assert SECRET.encode() not in left
    assert b"innocent" in left
    assert b"harmless" in left


def test_a_replaced_text_leaves_sqlites_files_with_the_session(sqlite_engine: Engine, tmp_path: Path) -> None:
    do(sqlite_engine, first_commit(segments=(segment(1, text=SECRET), segment(2, key="key-1", text=SECRET * 20))))

    do(sqlite_engine, lambda tx: retention.delete_session(tx, "omi:s1"))

    assert SECRET.encode() not in bytes_of_all_files(tmp_path)


def test_a_reader_in_the_way_delays_the_scrubbing_to_the_next_commit(
    sqlite_engine: Engine, sqlite_config: StoreConfig, tmp_path: Path
) -> None:
    do(sqlite_engine, talk("s1", SECRET))
    log = tmp_path / f"{DATABASE_FILE}-wal"
    reader = Engine(sqlite_config, NodeIdentity("reader"), readonly=True)
    reader.open()

    def erase_meanwhile(tx: Transaction) -> None:
        tx.fetch("SELECT count(*) FROM session")  # takes the snapshot
        assert do(sqlite_engine, lambda inner: retention.delete_session(inner, "omi:s1"))

    reader.read(erase_meanwhile)
    assert SECRET.encode() in bytes_of_all_files(tmp_path)
    do(sqlite_engine, lambda tx: tx.fetch("SELECT 1"))
    reader.close()

    assert log.stat().st_size == 0
    assert SECRET.encode() not in bytes_of_all_files(tmp_path)
