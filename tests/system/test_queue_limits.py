"""Limits of the queue in a running server: lane caps, unreadable jobs, and releases at a stop."""

import json
import sqlite3
from contextlib import closing

from omi_actors.store.engine import DATABASE_FILE
from tests.system.conftest import ADMIN, UID, eventually, stop
from tests.system.test_promises import GatedModel
from tests.web.http_client import Connection, request_bytes


async def jobs(program, query=""):
    return (await program.connection.request("GET", f"/operator/queue/jobs{query}", b"", ADMIN)).json["jobs"]


async def pause(program, word="pause"):
    assert (await program.connection.request("POST", f"/operator/queue/{word}", b"", ADMIN)).status == 200


def change_rows(tmp_path, *statements):
    """Run statements on the stopped server's database."""
    with closing(sqlite3.connect(tmp_path / DATABASE_FILE)) as con:
        for statement in statements:
            con.execute(statement)
        con.commit()


async def test_question_beyond_the_lanes_cap_gets_a_failure_and_is_stored(start, database_url):
    program = await start(database_url, QUEUE_LANE_CAP="1", WEBHOOK_REPLY_DEADLINE_MS="6000")
    await pause(program)
    asked = {"message": "What is one and one?", "session_id": f"omi:{UID}"}
    async with await Connection.open(program.port) as other:
        other.write(request_bytes("POST", "/chat", json.dumps(asked).encode(), ADMIN))

        async def is_in():
            return len(await jobs(program)) == 1

        await eventually(is_in)
        reply = await program.say("Hey Omi, how far is the moon?")

    assert "too much to do" in reply.json["message"]
    assert await program.texts() == ["Hey Omi, how far is the moon?"]
    assert next(job["state"] for job in await jobs(program)) == "dead"


async def test_rows_that_cannot_be_read_are_buried_with_a_reason_and_the_rest_flows(start, tmp_path):
    model = GatedModel()
    model.gate.set()
    program = await start(model=model, WEBHOOK_REPLY_DEADLINE_MS="100")
    await pause(program)
    for name in ("ada", "bob", "cyd", "dan", "eve"):
        await program.say("Hey Omi, how far is the moon?", uid=name)
    await stop(program)
    change_rows(
        tmp_path,
        "UPDATE job SET payload = '{\"question\": ' WHERE seq = 1",
        "UPDATE job SET version = 9 WHERE seq = 2",
        "UPDATE job SET payload = '{}' WHERE seq = 3",
        "UPDATE job SET kind = 'dream' WHERE seq = 4",
    )

    program = await start(model=model)
    await pause(program, "resume")

    async def are_settled():
        return {job["state"] for job in await jobs(program)} == {"dead", "done"}

    await eventually(are_settled)
    found = {job["number"]: job for job in await jobs(program)}
    assert [found[number]["state"] for number in range(1, 6)] == ["dead"] * 4 + ["done"]
    for number, word in enumerate(("no JSON object", "version 9", "lacks", "kind dream"), start=1):
        assert word in found[number]["error"]
        assert found[number]["id"] in found[number]["error"]
    assert model.calls == 1
    for name in ("ada", "bob", "cyd", "dan"):
        assert [one["kind"] for one in (await program.transcript(name))["messages"]] == ["question", "failure"]


async def test_running_job_is_released_when_the_server_stops_as_if_never_begun(start, tmp_path):
    model = GatedModel()
    program = await start(model=model, WEBHOOK_REPLY_DEADLINE_MS="100")
    await program.say("Hey Omi, how far is the moon?")
    await model.asked.wait()

    await stop(program, grace_s=0.0)

    with closing(sqlite3.connect(tmp_path / DATABASE_FILE)) as con:
        found = con.execute("SELECT state, attempts, deliveries, token FROM job").fetchall()
    assert found == [("ready", 0, 0, None)]
