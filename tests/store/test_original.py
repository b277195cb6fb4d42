"""The move of a database of the original server into ours."""

from contextlib import closing, nullcontext
from datetime import UTC

import psycopg2
import pytest

from omi_actors.domain.people.conversations import NEWEST
from omi_actors.errors import StoreError
from omi_actors.store.engine import Engine, StoreConfig
from omi_actors.store.original import move
from omi_actors.store.original.source import OriginalDatabase
from omi_actors.store.people.conversations import list_conversations, list_messages
from omi_actors.store.people.preferences import load_preferences
from omi_actors.store.transaction import NodeIdentity
from scripts.lab.moving.original import OriginalPlan, make_original
from scripts.lab.replay.postgres_server import fresh_postgres_database

pytestmark = pytest.mark.service
PLAN = OriginalPlan(users=4, texts=640)
ODD = """
INSERT INTO "User" ("id", "email", "passwordHash", "updatedAt") VALUES
    (made('u', 90), ' PERSON1@example.com', 'x', now()), (made('u', 91), 'no address', 'x', now());
INSERT INTO "OmiUserLink" ("id", "userId", "omiUserId") VALUES (made('l', 90), made('u', 1), 'wearable-90');
INSERT INTO "OmiSession" ("id", "omiSessionId", "userId") VALUES
    (made('s', 90), 'wearable-90', NULL), (made('s', 91), 'wearable-91', made('u', 2));
UPDATE "OmiSession" SET "userId" = made('u', 3) WHERE "omiSessionId" = 'wearable-2';
INSERT INTO "TranscriptSegment" ("id", "omiSessionId", "omiSegmentId", "text", "start", "end", "createdAt") VALUES
    (made('t', 9000), made('s', 90), 'one', 'nobody was linked', -1, 'Infinity', '2025-06-02 10:00');
INSERT INTO "Conversation" ("id", "openaiConversationId") VALUES (made('c', 90), '');
INSERT INTO "Message" ("id", "conversationId", "role", "text", "source", "createdAt") VALUES
    (made('m', 9000), made('c', 90), 'USER', 'of nobody', 'FRONTEND', '2025-06-02'),
    (made('m', 9001), made('c', 1), 'SYSTEM', 'You are now another', 'SYSTEM', '2025-06-02'),
    (made('m', 9002), made('c', 1), 'ASSISTANT', 'I''m sorry, please try again later.', 'SYSTEM', '2027-06-02');
INSERT INTO "Memory" ("id", "userId", "text", "createdAt") VALUES (made('y', 9000), made('u', 1), '  ', '2025-06-02');
INSERT INTO "UserContextWindow" ("id", "userId", "slot", "conversationId") VALUES
    (made('w', 90), made('u', 1), 7, made('c', 1)), (made('w', 91), made('u', 1), 2, made('c', 5));
UPDATE "UserPreference" SET "dndQuietHoursEnd" = '7:' WHERE "userId" = made('u', 1);
"""


@pytest.fixture(scope="module")
def source():
    """The URL of a database of the original, with rows that do not fit."""
    with fresh_postgres_database() as url:
        make_original(url, PLAN)
        with closing(psycopg2.connect(url)) as con, con.cursor() as cursor:
            cursor.execute(ODD)
            con.commit()
        yield url


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def moved(request, source, tmp_path_factory):
    """An engine on a database into which the original has been moved, and the move's record."""
    folder = tmp_path_factory.mktemp("moved")
    with fresh_postgres_database() if request.param == "postgres" else nullcontext("") as url:
        engine = Engine(StoreConfig(url=url, data_dir=folder), NodeIdentity("node-a", 1))
        engine.open()
        yield engine, run(source, engine, folder / "record.json")
        engine.close()


def fetch(url, sql):
    with closing(psycopg2.connect(url)) as con, con.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def run(source, engine, file, on_batch=lambda *_: None, *, is_shared=False):
    with closing(OriginalDatabase(source)) as original:
        return move.move_all(original, engine, file, on_batch, is_shared=is_shared)


def test_a_move_keeps_every_row_that_fits_and_counts_the_reasons_of_the_others(moved):
    engine, record = moved

    assert record.is_done
    assert all(kept.read == kept.in_all for kept in record.tables.values())
    counts = {name: (kept.in_all, kept.kept, kept.there) for name, kept in record.tables.items()}
    assert counts == {
        "User": (6, 4, 0),
        "OmiUserLink": (5, 4, 0),
        "OmiSession": (6, 6, 0),
        "Conversation": (9, 8, 0),
        "TranscriptSegment": (641, 641, 0),
        "Message": (643, 641, 0),
        "UserPreference": (4, 4, 0),
        "UserContextWindow": (6, 4, 0),
        "AgentEvent": (64, 64, 0),
        "NotificationEvent": (64, 64, 0),
        "Memory": (641, 640, 0),
        "AuthSession": (4, 0, 0),
        "OmiSessionPreference": (0, 0, 0),
    }
    assert record.tables["User"].left_out == {"another account has its email": 1, "its email is no email": 1}
    assert engine.read(lambda tx: tx.fetch("SELECT count(*) FROM recall_text"))[0][0] == 640


def test_a_move_keeps_each_text_with_its_time_and_its_person(source, moved):
    engine, _ = moved

    ((me,),) = fetch(source, "SELECT id::text FROM \"User\" WHERE email = 'person2@example.com'")
    theirs = fetch(
        source,
        'SELECT m."id"::text, m."text", m."createdAt" FROM "Message" m JOIN "Conversation" c ON c.id = "conversationId"'
        " WHERE c.\"userId\" = made('u', 2)",
    )
    talks = engine.read(lambda tx: list_conversations(tx, me, before=NEWEST, limit=50))
    ours = [
        message
        for talk in talks
        for message in engine.read(
            lambda tx, talk=talk: list_messages(tx, me, talk.conversation_id, before=NEWEST, limit=500)
        )
    ]
    assert {(one.message_id, one.text, one.created_at) for one in ours} == {
        (key, text, at.replace(tzinfo=UTC).timestamp()) for key, text, at in theirs
    }
    assert {talk.session_key for talk in talks} == {"omi:wearable-2", f"account:{me}:original"}
    entered = engine.read(lambda tx: load_preferences(tx, me)).entered
    assert (entered["listen_mode"], entered["quiet_hours_start"], entered["quiet_hours_end"]) == (
        *("FOLLOWUP", "22:00", "07:00"),
    )


def test_a_wearables_session_goes_to_the_account_with_its_confirmed_link(source, moved):
    engine, _ = moved

    owners = dict(
        engine.read(lambda tx: tx.fetch("SELECT uid, account_id FROM session WHERE session_key LIKE 'omi:%'"))
    )
    (second,) = (str(key) for (key,) in fetch(source, "SELECT made('u', 2)"))
    assert owners["wearable-2"] == second
    assert owners["wearable-90"] is None


def test_heard_speech_keeps_its_order_and_falls_into_the_conversation_of_its_time(source, moved):
    engine, _ = moved

    rows = engine.read(
        lambda tx: tx.fetch(
            "SELECT seq, heard.created_at, heard.conversation_id, start_s, end_s FROM transcript_segment AS heard"
            " JOIN session ON session.id = session_id WHERE uid = 'wearable-1' ORDER BY seq"
        )
    )
    assert [row[0] for row in rows] == list(range(1, 161))
    assert [row[1] for row in rows] == sorted(row[1] for row in rows)
    assert {row[2] for row in rows} == {str(key) for (key,) in fetch(source, "SELECT made('c', 2)")}
    lone = engine.read(lambda tx: tx.fetch("SELECT start_s, end_s FROM transcript_segment WHERE key = 'one'"))
    assert [tuple(row) for row in lone] == [(0.0, 1e9)]


def test_a_sentence_of_failure_is_kept_as_one_and_never_as_an_answer(source, moved):
    engine, _ = moved

    kinds = engine.read(lambda tx: tx.fetch("SELECT DISTINCT kind FROM message WHERE text LIKE 'I''m sorry%'"))
    assert [tuple(row) for row in kinds] == [("failure",)]


def test_nothing_that_waited_to_be_sent_is_sent_after_the_move(source, moved):
    engine, _ = moved

    counts = dict(engine.read(lambda tx: tx.fetch("SELECT status, count(*) FROM notification_event GROUP BY status")))
    assert counts == {"sent": 52, "error": 12}


def test_a_move_that_ended_amid_a_table_goes_on_and_keeps_each_row_once(source, sqlite_engine, tmp_path):
    file = tmp_path / "record.json"

    def stop(name, kept):
        if name == "Message" and kept.read < kept.in_all:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(source, sqlite_engine, file, stop)
    names = []
    record = run(source, sqlite_engine, file, lambda name, _: names.append(name))

    assert names[0] == "Message"
    assert (record.tables["Message"].kept, record.tables["Message"].there) == (641, 0)
    assert sqlite_engine.read(lambda tx: tx.fetch("SELECT count(*) FROM message"))[0][0] == 641


def test_a_move_without_its_record_finds_every_row_there(source, sqlite_engine, tmp_path):
    run(source, sqlite_engine, tmp_path / "record.json")
    ask = "SELECT id, conversation_number, last_seq FROM session ORDER BY id"
    before = sqlite_engine.read(lambda tx: tx.fetch(ask))

    record = run(source, sqlite_engine, tmp_path / "another.json")

    assert {name: kept.kept for name, kept in record.tables.items() if kept.kept} == {}
    after = sqlite_engine.read(lambda tx: tx.fetch(ask))
    assert [tuple(row) for row in after] == [tuple(row) for row in before]


def test_a_record_of_another_database_is_refused(source, sqlite_engine, tmp_path):
    file = tmp_path / "record.json"
    file.write_text('{"source": "elsewhere:5432/omi", "tables": {}}')

    with pytest.raises(StoreError, match="is the record of elsewhere"):
        run(source, sqlite_engine, file)


def test_a_database_without_the_originals_tables_is_refused(module_postgres_url):
    with pytest.raises(StoreError, match="has no tables of the original"):
        OriginalDatabase(module_postgres_url)


def test_a_move_is_refused_while_a_node_uses_the_database(source, sqlite_engine, tmp_path):
    lease = "INSERT INTO node (name, incarnation, started_at, heartbeat_at, lease_until) VALUES ('b', 1, 0, 0, ?)"
    sqlite_engine.commit_group([lambda tx: tx.run(lease, (tx.now_s() + 30.0,))])

    with pytest.raises(StoreError, match="node b uses the database"):
        run(source, sqlite_engine, tmp_path / "record.json", is_shared=True)
