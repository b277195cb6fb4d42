from functools import partial
from pathlib import Path

import pytest

from omi_actors.domain.sessions.records import SessionCommit
from omi_actors.store import retention
from omi_actors.store.engine import DATABASE_FILE, Engine, StoreConfig
from omi_actors.store.transaction import NodeIdentity, Transaction
from tests.store.builders import asking_commit, count, do, first_commit, job, message, raw_event, rows, segment

SECRET = "xyzzy-plugh"  # noqa: S105 (speech, not a password)
_TABLES = ("session", "conversation", "transcript_segment", "message", "delivery", "job", "raw_event", "memory",
           "context_window", "agent_event", "notification_event", "user_preference", "session_preference",
           "auth_session", "omi_link", "account")  # fmt: skip


def talk(session: str, word: str) -> SessionCommit:
    """A long session in which everything holds `word`."""
    return first_commit(
        session,
        segments=tuple(segment(n, session=session, text=f"{word} {n} " * 30, key=f"{word}-{n}") for n in range(1, 400)),
        jobs=(job(session=session, payload={"question": word}),),
        messages=(message(session=session, text=word * 3000),),
        raw_events=(raw_event(session=session, body=word.encode() * 3000),),
    )


# An account that owns session s1, and the secret in every column of its that can hold text.
_ACCOUNT = """
INSERT INTO account (id, email, password_hash, display_name, role, created_at, updated_at)
VALUES ('a1', 'SECRET@x.y', 'h', 'SECRET', 'user', 0, 0);
UPDATE session SET account_id = 'a1' WHERE id = 's1';
INSERT INTO auth_session VALUES
('0000000000000000000000000000000000000000000000000000000000000000', 'a1', 0, 0, 'i', '');
INSERT INTO omi_link VALUES ('l1', 'a1', 'SECRET', true, NULL, NULL, 0, 0, NULL, NULL);
INSERT INTO memory (id, account_id, session_id, conversation_id, dedupe_key, text, created_at)
    VALUES ('x1', 'a1', NULL, 's1-c1', 'k', 'SECRET', 0);
INSERT INTO agent_event VALUES ('x1', 'a1', NULL, NULL, 'task', 'SECRET', 0);
INSERT INTO delivery VALUES ('d1', 's1', 's1-m1', 'pending', '', '', 0, 0, 0);
INSERT INTO notification_event VALUES ('x1', 'a1', 's1', 'd1', 'omi', 'sent', 'SECRET', NULL, 0, 0);
INSERT INTO context_window VALUES ('a1', 1, 's1-c1', true, 0);
INSERT INTO user_preference (account_id, default_conversation_id, meeting_transcribe, inject_memories, mute,
    activation_regex, created_at, updated_at) VALUES ('a1', 's1-c1', true, true, true, 'SECRET', 0, 0);
INSERT INTO session_preference (session_id, activation_regex, created_at, updated_at) VALUES ('s1', 'SECRET', 0, 0)
"""


def add_account(tx: Transaction) -> None:
    for statement in _ACCOUNT.replace("SECRET", SECRET).split(";"):
        tx.run(statement)


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


def test_deleting_an_account_leaves_no_row_of_it(engine: Engine) -> None:
    do(engine, talk("s1", SECRET))
    do(engine, add_account)
    assert 0 not in {count(engine, table) for table in _TABLES}

    assert do(engine, lambda tx: retention.delete_account(tx, "a1"))

    assert {count(engine, table) for table in _TABLES} == {0}


def test_deleting_a_conversation_takes_its_segments(engine: Engine) -> None:
    do(engine, asking_commit("s1"))
    do(engine, asking_commit("s2"))

    do(engine, lambda tx: tx.run("DELETE FROM conversation WHERE id = 's1-c1'"))

    assert rows(engine, "SELECT session_id FROM transcript_segment") == [("s2",)]
    assert rows(engine, "SELECT session_id FROM message") == [("s2",)]


@pytest.mark.parametrize("whose", ["session", "account"])
def test_no_byte_of_a_deleted_persons_text_stays_in_sqlites_files(
    sqlite_engine: Engine, tmp_path: Path, whose: str
) -> None:
    for turn in (talk("s0", "innocent"), talk("s1", SECRET), talk("s2", "harmless")):
        do(sqlite_engine, turn)
    erase = partial(retention.delete_session, session_key="omi:s1")
    if whose == "account":
        do(sqlite_engine, add_account)
        erase = partial(retention.delete_account, account_id="a1")
    assert SECRET.encode() in bytes_of_all_files(tmp_path)

    assert do(sqlite_engine, erase)

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
