"""What has been kept long enough goes while the server runs; what is sent again late is not asked again."""

import pytest

from omi_actors.domain.work.retention import Cutoffs
from omi_actors.store import retention
from tests.system.conftest import UID, eventually

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
    cutoffs = Cutoffs(said=said, done=done, dead=0.0, used=0.0, events=0.0)
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
