"""What has been kept long enough goes while the server runs; what is sent again late is not asked again."""

import asyncio
import time

import pytest
from click.testing import CliRunner

from omi_actors.cli import main
from omi_actors.clock import SystemClock
from omi_actors.domain.work.retention import Cutoffs
from omi_actors.store import retention
from tests.canaries import ADMIN_TOKEN
from tests.system.conftest import ADMIN, UID, eventually

QUESTION = "Hey Omi, how far is the moon?"
PRUNED = 'omi_pruned_rows_total{table="transcript_segment"}'
TO_COME = 1e11


async def count(program, table):
    ((number,),) = await program.system._tree.store.read(
        lambda tx: tx.fetch(f"SELECT count(*) FROM {table}"),  # noqa: S608 (our own table names)
    )
    return number


async def age(program, days):
    """Let everything that was said and done have happened so many days ago."""

    def make_older(tx):
        for table, column in (("transcript_segment", "created_at"), ("message", "created_at"), ("job", "finished_at")):
            tx.run(f"UPDATE {table} SET {column} = {column} - ?", (days * 86_400.0,))  # noqa: S608 (as above)

    await program.system._tree.store.write(make_older)


async def test_janitor_prunes_what_is_old_and_a_wearer_goes_on_speaking(start, database_url):
    program = await start(database_url, JANITOR_INTERVAL_S="1")
    before = await program.metric(PRUNED)
    await program.say(QUESTION)
    await program.say("an old remark", sid="s2", start=9.0)
    await age(program, days=91)

    async def is_pruned():
        return await program.metric(PRUNED) == before + 2

    await eventually(is_pruned)
    await program.say("a new remark", sid="s3", start=20.0)
    again = await program.say("Hey Omi, how far is the sun?", sid="s4", start=30.0)

    assert "how far is the sun?" in again.json["message"]
    assert await program.texts() == ["a new remark", "Hey Omi, how far is the sun?"]
    assert [message["kind"] for message in (await program.transcript())["messages"]] == ["question", "answer"]


async def prune(program, *, said=0.0, done=0.0):
    store = program.system._tree.store
    cutoffs = Cutoffs(transcripts=said, done=done, dead=0.0, used=0.0, events=0.0)
    page = await store.read_cold(retention.find_stale, "", cutoffs, limit=10)
    for session_id in page.session_ids:
        await store.write(retention.prune_session, session_id, cutoffs, limit=100)
    await store.write(retention.prune_work, cutoffs, limit=100)


# What is pruned before the same webhook comes once more, and whether its question is asked once more.
@pytest.mark.parametrize(
    ("said", "done", "is_asked_again"), [(0.0, TO_COME, False), (TO_COME, 0.0, False), (TO_COME, TO_COME, True)]
)
async def test_late_repetition_is_known_by_its_segment_or_by_its_job(start, database_url, said, done, is_asked_again):
    program = await start(database_url, SESSION_IDLE_S="1")
    live_sessions = program.system._tree.live_sessions
    await program.say(QUESTION)

    async def is_given():
        rows = await program.system._tree.store.read(lambda tx: tx.fetch("SELECT state FROM delivery"))
        return [row[0] for row in rows] == ["sent"]

    async def has_left():
        return not live_sessions.by_key

    await eventually(is_given)
    await eventually(has_left)
    await prune(program, said=said, done=done)

    again = await program.say(QUESTION)

    assert ("message" in again.json) == is_asked_again
    assert await count(program, "job") == (1 if is_asked_again or done == 0.0 else 0)
    assert (await program.transcript(UID))["messages"] is not None


@pytest.fixture
def off_by(monkeypatch):
    """Set the machine's clock wrong by the first element, in seconds; heartbeats come five times a second."""
    off = [0.0]
    monkeypatch.setattr("omi_actors.actors.maintenance.node_lease._BEATS", 25)
    monkeypatch.setattr(SystemClock, "now_s", lambda _: time.time() + off[0])  # noqa: TID251 (a wrong one)
    return off


async def check_of(program, name):
    return (await program.connection.request("GET", "/health", b"", ADMIN)).json["checks"][name]


def rests(program, word):
    async def is_so():
        check = await check_of(program, "retention")
        return check["status"] == "warn" and word in check["note"] and "retention resume" in check["hint"]

    return is_so


async def resume(program):
    given = ("retention", "--port", str(program.port), "resume")
    invoke = CliRunner().invoke
    done = await asyncio.to_thread(lambda: invoke(main, given, env={"ADMIN_TOKEN": ADMIN_TOKEN}))
    return done.stdout


def fill_with_old(tx):
    """Let 1,091 old segments have been said before the young one."""
    tx.run("UPDATE transcript_segment SET seq = 2000")
    tx.run(
        "INSERT INTO transcript_segment (session_id, seq, key, conversation_id, text, speaker, is_user, start_s, end_s,"
        " created_at) WITH RECURSIVE n (i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 1100)"
        " SELECT s.id, i, 'k' || i, s.conversation_id, 'old', 'S', true, i, i, 1.0 FROM n, session AS s"
    )


async def test_retention_rests_after_a_leap_of_the_clock_until_the_operators_word(start, off_by, caplog):
    program = await start(JANITOR_INTERVAL_S="1")
    await program.say("a remark")
    off_by[0] = 400 * 86_400.0
    await eventually(rests(program, "400 days ahead"))
    off_by[0] = 0.0
    await eventually(rests(program, "400 days back"))
    rested = await program.metric('omi_retention_rounds_total{outcome="rested"}')

    async def has_rested():
        return await program.metric('omi_retention_rounds_total{outcome="rested"}') > rested

    await eventually(has_rested)
    assert await resume(program) == "retention: resumed\n"

    async def goes_on():
        return (await check_of(program, "retention"))["status"] == "pass"

    await eventually(goes_on)
    logged = [record.msg["event"] for record in caplog.records if "node_lease" in record.name]
    assert logged == ["retention_rests", "retention_rests", "retention_goes_on"]
    assert await program.texts() == ["a remark"]
    assert await resume(program) == "retention: did not rest; its next round has no limit\n"
    events = await program.connection.request("GET", "/operator/events", b"", ADMIN)
    assert [one["action"] for one in events.json["events"]] == ["resume_retention"] * 2


async def test_round_that_would_delete_too_much_waits_for_the_operators_word(start, database_url, off_by):
    program = await start(database_url, JANITOR_INTERVAL_S="1")
    await program.say("a remark")
    await program.system._tree.store.write(fill_with_old)

    await eventually(rests(program, "of 1,092 rows of transcript_segment would go"))
    assert await count(program, "transcript_segment") == 1_092
    (cause,) = [one for one in program.system.snapshot().causes if one.what.startswith("Nothing old is deleted")]
    assert "omi-actors retention resume" in cause.do
    await resume(program)

    async def is_pruned():
        return await count(program, "transcript_segment") == 1

    await eventually(is_pruned)


@pytest.mark.service
async def test_node_whose_clock_leaves_the_databases_warns_and_then_stores_nothing_and_ends(
    start, postgres_url, off_by
):
    program = await start(postgres_url)
    off_by[0] = 200.0

    async def is_shown():
        check = await check_of(program, "clock")
        return check["status"] == "warn" and check["ahead_of_database_seconds"] > 190

    await eventually(is_shown)
    off_by[0] = -86_400.0
    said = await program.say("a remark")

    async def has_ended():
        return bool(program.gave_up)

    await eventually(has_ended)
    assert said.headers["x-omi-actors-dropped"] == "store_unavailable"
    assert "s behind the database's" in program.gave_up[0]
