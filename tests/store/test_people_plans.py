"""Statements behind what persons call: each goes by an index, so that others' rows cost nothing."""

import re
import sqlite3

import pytest
from psycopg2 import extensions

from omi_actors.domain.people.conversations import NEWEST
from omi_actors.domain.people.memories import NewMemory
from omi_actors.store.messages import Call
from omi_actors.store.people import conversations, memories, recall, recall_index, stats, windows
from tests.people.talks import fill

ME = "me"
POLLED = {
    "current": Call(conversations.load_current, ME, limit=20),
    "windows": Call(windows.load_windows, ME),
    "stamp of current": Call(conversations.stamp_current, ME, limit=20),
    "stamp of windows": Call(windows.stamp_windows, ME),
    "news": Call(conversations.load_news, ME, after=NEWEST, limit=5),
    "recall": Call(recall.find_texts, ME, "what about the message and the blue bicycle", limit=5),
}
LISTED = {
    "memories": Call(memories.list_memories, ME, limit=50),
    "memories by offset": Call(memories.list_memories, ME, limit=50, offset=0),
    "search": Call(memories.list_memories, ME, limit=50, search="bicycle", offset=0),
    "conversations": Call(conversations.list_conversations, ME, before=NEWEST, limit=20),
    "conversations by offset": Call(conversations.list_by_offset, ME, offset=0, limit=20),
    "stats": Call(stats.load_stats, ME, now_s=2e9),
}
# Tables with rows of all persons.
TABLES = "memory|message|session|conversation|transcript_segment|recall_text|recall_owner|context_window|auth_session"


@pytest.fixture
def talk(engine):
    """A person with a conversation and a memory, both indexed; returns the conversation's id."""

    def store(tx):
        tx.run(
            "INSERT INTO account (id, email, password_hash, created_at, updated_at) VALUES (?, 'a', 'x', 0, 0)", (ME,)
        )
        (talk,) = fill(tx, ME, messages=4)
        ((session_id,),) = tx.fetch("SELECT id FROM session")
        recall_index.index_session(tx, session_id, until=3e9, limit=50)
        return talk

    (outcome,) = engine.commit_group([store])
    engine.write_alone(lambda tx: memories.add_memory(tx, ME, NewMemory(text="my bicycle is blue")))
    return outcome.value


class _Recorder(extensions.cursor):
    statements: list[str] = []  # noqa: RUF012 (of one test)

    def execute(self, sql, params=None):
        super().execute(sql, params)
        self.statements.append((self.query or b"").decode())


@pytest.fixture
def record(engine, database):
    """Return the statements that a query runs, with their values."""
    con = engine._connection.get()

    def record(run, query):
        statements = _Recorder.statements = []
        if database == "sqlite":
            con.set_trace_callback(statements.append)
        else:
            con.cursor_factory = _Recorder
        run(query)
        if database == "sqlite":
            con.set_trace_callback(None)
        return [re.sub(r"\bInf\b", "9e999", one) for one in statements if re.match(r"\s*(SELECT|WITH)\b", one)]

    return record


def scanned(tx, statement):
    """Return the steps of a statement's plan that read a whole table of all persons."""
    if isinstance(tx._cursor, sqlite3.Cursor):
        steps = [row[3] for row in tx.fetch(f"EXPLAIN QUERY PLAN {statement}")]
        return [step for step in steps if re.match(rf"SCAN ({TABLES})\b", step)]
    tx._cursor.execute("SET LOCAL enable_seqscan = off")
    tx._cursor.execute(f"EXPLAIN {statement.rpartition(';')[2]}")
    steps = [row[0] for row in tx._cursor.fetchall()]
    return [step for step in steps if re.search(rf"Seq Scan on ({TABLES})\b", step)]


@pytest.mark.parametrize("name", ["messages", "stamp of messages", *POLLED, *LISTED])
def test_statement_of_a_person_reads_no_whole_table(engine, talk, record, name):
    messages = Call(conversations.list_messages, ME, talk, before=NEWEST, limit=50)
    stamp = Call(conversations.stamp_messages, ME, talk, limit=50)
    query = {**LISTED, **POLLED, "messages": messages, "stamp of messages": stamp}[name]

    statements = record(engine.read_cold if name in LISTED else engine.read, query)

    assert statements
    assert [step for one in statements for step in engine.read(Call(scanned, one))] == []


def test_plan_that_reads_a_whole_table_is_noticed(engine, talk, record):
    statements = record(engine.read, lambda tx: tx.fetch("SELECT id FROM memory WHERE text = ?", ("x",)))

    assert [step for one in statements for step in engine.read(Call(scanned, one))]


def test_search_of_memories_reads_their_texts_from_an_index(engine, talk, record, database):
    (search, *_) = record(engine.read_cold, LISTED["search"])

    def explain(tx):
        if database == "sqlite":
            return tx.fetch(f"EXPLAIN QUERY PLAN {search}")
        for plan in ("seqscan", "bitmapscan", "indexscan"):  # which are cheaper for one row
            tx._cursor.execute(f"SET LOCAL enable_{plan} = off")
        tx._cursor.execute(f"EXPLAIN {search}")
        return tx._cursor.fetchall()

    plan = "\n".join(row[-1] for row in engine.read(explain))
    assert re.search(r"COVERING INDEX memory_search\b|Index Only Scan \w* ?using memory_search\b", plan), plan


def test_page_of_conversations_takes_as_many_statements_for_three_as_for_one(engine, talk, record):
    few = record(engine.read_cold, LISTED["conversations by offset"])
    engine.commit_group([lambda tx: fill(tx, ME, conversations=2, messages=2)])

    many = record(engine.read_cold, LISTED["conversations by offset"])

    assert len(many) == len(few)
    total, page = engine.read_cold(LISTED["conversations by offset"])
    assert total == 3
    assert [one.message_count for one in page] == [2, 2, 4]
    assert [one.last_message.text for one in page] == ["message 1", "message 1", "message 3"]
