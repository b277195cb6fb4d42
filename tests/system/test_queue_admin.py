"""The queue admin of a running server, by HTTP and by the command line."""

import asyncio
import json

import pytest
from click.testing import CliRunner

from omi_actors.cli import main
from omi_actors.errors import UpstreamRejectedError
from tests.canaries import ADMIN_TOKEN
from tests.system.conftest import ADMIN, eventually, stop
from tests.system.test_promises import GatedModel
from tests.web.http_client import Connection

MOON = "Hey Omi, how far is the moon?"
REFUSED = UpstreamRejectedError("as told", code="insufficient_quota")


async def call(program, method, path, body=None, headers=ADMIN):
    data = b"" if body is None else json.dumps(body).encode()
    return await program.connection.request(method, f"/operator/{path}", data, headers)


async def jobs(program, query=""):
    reply = await call(program, "GET", f"queue/jobs{query}")
    assert reply.status == 200, reply
    return reply.json["jobs"]


async def events(program):
    return [(one["action"], one["jobs"]) for one in (await call(program, "GET", "events")).json["events"]]


@pytest.fixture
async def dead(start, database_url):
    """A server with one dead job, which has sent the failure in its reply; its model answers now."""
    model = GatedModel(REFUSED)
    model.gate.set()
    program = await start(database_url, model=model)
    failed = await program.say(MOON)
    assert failed.json["message"]
    (job,) = await jobs(program)
    assert job["state"] == "dead"
    return program, job["id"]


async def test_page_shows_the_dead_job_at_once_after_each_action(dead):
    program, job_id = dead

    async def queue():
        reply = await program.connection.request("GET", "/metrics-dashboard/data.json", b"", ADMIN)
        return reply.json["queue"]

    shown = await queue()
    assert (shown["states"]["dead"], shown["paused"]) == (1, {})
    assert [(one["kind"], one["dead"], one["waiting"]) for one in shown["kinds"]] == [("answer", 1, 0)]
    assert [one["id"] for one in shown["failed"]] == [job_id]
    assert shown["failed"][0]["error"] == "UpstreamRejectedError"

    await call(program, "POST", "queue/pause", {"kind": "notify"})
    await call(program, "DELETE", f"queue/jobs/{job_id}")

    async def is_shown():
        shown = await queue()
        return shown["states"]["dead"] == 0 and shown["failed"] == [] and set(shown["paused"]) == {"notify"}

    await eventually(is_shown, timeout_s=2.0)


async def restart(program, path, headers=ADMIN):
    body = json.dumps({"path": path}).encode()
    return await program.connection.request("POST", "/metrics-dashboard/actors/restart", body, headers)


async def test_actor_is_restarted_by_hand_and_the_server_goes_on(start, database_url):
    program = await start(database_url)

    async def shown():
        reply = await program.connection.request("GET", "/metrics-dashboard/data.json", b"", ADMIN)
        return {one["path"]: one for group in reply.json["actors"] for one in group["children"]}

    paths = [path for path, one in (await shown()).items() if one["canRestart"]]
    assert {"node_group/janitor", "jobs_group/workers", "store_group/store_writer"} <= set(paths)
    for path in paths:
        assert (await restart(program, path)).json == {"restarted": path}

    after = await shown()
    assert all(after[path]["restarts"] >= 1 and after[path]["crashes"] == 0 for path in paths)
    assert (await program.say(MOON)).json["message"]
    assert [one for one, _ in await events(program)] == ["restart_actor"] * len(paths)
    recorded = (await call(program, "GET", "events")).json["events"]
    assert [one["target"]["actor"] for one in reversed(recorded)] == paths


async def test_only_children_of_groups_are_restarted_and_nothing_else_is_recorded(start):
    program = await start()

    for path in ("jobs_group", "sessions_group/sessions", "omi:ada", ""):
        assert (await restart(program, path)).status == 404
    assert (await program.connection.request("POST", "/metrics-dashboard/actors/restart", b"{}", ADMIN)).status == 400
    assert await events(program) == []


async def test_answer_of_a_retried_dead_job_goes_into_the_next_reply_and_the_failure_stays(dead):
    program, job_id = dead

    assert (await call(program, "POST", f"queue/jobs/{job_id}/retry")).json == {"retried": 1}

    async def is_done():
        return (await jobs(program))[0]["state"] == "done"

    await eventually(is_done)
    heard = []
    for number in range(3):
        reply = await program.say("And so on.", sid=f"t{number}", start=10.0 + number)
        heard.append(reply.json.get("message"))
    assert [message for message in heard if message] == ["answer to how far is the moon?"]
    kinds = [message["kind"] for message in (await program.transcript())["messages"]]
    assert kinds == ["question", "failure", "answer"]
    assert await events(program) == [("retry", 1)]


async def test_job_is_shown_without_a_persons_words_unless_asked_for_and_recorded(dead):
    program, job_id = dead

    shown = await call(program, "GET", f"queue/jobs/{job_id}")
    assert b"moon" not in shown.body
    assert shown.json["payload"]["question"] == {"characters": len("how far is the moon?")}
    assert shown.json["question"] == {"characters": len("how far is the moon?")}
    assert await events(program) == []

    asked = (await call(program, "GET", f"queue/jobs/{job_id}?text=1")).json
    assert (asked["question"]["text"], asked["payload"]["question"]) == ("how far is the moon?",) * 2
    assert await events(program) == [("show_text", 1)]


async def test_many_are_counted_first_and_changed_only_as_counted(dead):
    program, job_id = dead

    counted = (await call(program, "POST", "queue/discard", {"state": "dead"})).json
    assert counted["count"] == 1
    wrong = await call(program, "POST", "queue/discard", {"state": "dead", "confirm": "000000000000"})
    other = await call(program, "POST", "queue/discard", {"confirm": counted["confirm"]})
    assert (wrong.status, wrong.json["code"], other.status) == (409, "conflict", 409)
    assert (await jobs(program))[0]["state"] == "dead"

    done = await call(program, "POST", "queue/discard", {"state": "dead", "confirm": counted["confirm"]})
    again = await call(program, "POST", f"queue/jobs/{job_id}/retry")
    assert (done.json, again.status) == ({"discarded": 1}, 409)
    assert (await jobs(program, "?state=cancelled"))[0]["id"] == job_id


@pytest.mark.parametrize("body", [{"kinds": "answer"}, {"state": "asleep"}, {"kind": 7}, {"lane": "a b"}])
async def test_misspelt_choice_is_refused(start, body):
    program = await start()

    assert (await call(program, "POST", "queue/discard", body)).status == 400


async def test_pause_holds_after_a_restart_until_it_is_ended(start, database_url):
    model = GatedModel()
    model.gate.set()
    program = await start(database_url, model=model, WEBHOOK_REPLY_DEADLINE_MS="100")
    assert (await call(program, "POST", "queue/pause", {"kind": "answer"})).json == {"kind": "answer", "changed": True}
    assert (await call(program, "POST", "queue/pause", {"kind": "anwser"})).status == 400
    assert (await program.say(MOON)).json == {}
    await stop(program)

    program = await start(database_url, model=model)
    reply = await program.connection.request("GET", "/omi-webhook/queue-status", b"", ADMIN)
    assert list(reply.json["queue"]["paused"]) == ["answer"]
    assert ([job["state"] for job in await jobs(program)], model.calls) == (["ready"], 0)
    assert (await call(program, "POST", "queue/resume")).json == {"kind": "*", "changed": True}

    async def is_done():
        return (await jobs(program))[0]["state"] == "done"

    await eventually(is_done)


async def test_discarded_question_gets_the_failure_in_its_own_reply(start):
    program = await start(model=GatedModel())
    await call(program, "POST", "queue/pause")
    async with await Connection.open(program.port) as other:
        asking = asyncio.create_task(program.say(MOON, connection=other))

        async def is_there():
            return bool(await jobs(program, "?state=ready"))

        await eventually(is_there)
        (job,) = await jobs(program)

        assert (await call(program, "DELETE", f"queue/jobs/{job['id']}")).json == {"discarded": 1}

        assert (await asking).json["message"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "queue/jobs"),
        ("GET", "queue/jobs/j1"),
        ("DELETE", "queue/jobs/j1"),
        ("POST", "queue/jobs/j1/retry"),
        ("POST", "queue/retry"),
        ("POST", "queue/discard"),
        ("POST", "queue/pause"),
        ("POST", "queue/resume"),
        ("GET", "events"),
    ],
)
async def test_queue_admin_is_for_the_operator_and_for_no_foreign_page(start, method, path):
    program = await start()

    assert (await call(program, method, path, headers={})).status == 401
    if method != "GET":
        foreign = await call(program, method, path, headers={**ADMIN, "Origin": "https://elsewhere.example"})
        assert foreign.status == 403


async def test_job_that_never_was_is_not_found(start):
    program = await start()

    replies = [
        await call(program, method, f"queue/jobs/{path}")
        for method, path in (("GET", "j1"), ("DELETE", "j1"), ("POST", "j1/retry"))
    ]

    assert [reply.status for reply in replies] == [404, 404, 404]


async def test_command_does_the_same(dead, monkeypatch, tmp_path):
    program, job_id = dead
    monkeypatch.chdir(tmp_path)

    async def run(*arguments):
        given = ("queue", "--port", str(program.port), *arguments)
        invoke = CliRunner().invoke
        done = await asyncio.to_thread(lambda: invoke(main, given, env={"ADMIN_TOKEN": ADMIN_TOKEN}))
        return done.exit_code, done.stdout, done.stderr

    assert job_id in (await run("list", "--state", "dead"))[1]
    assert json.loads((await run("show", job_id))[1])["state"] == "dead"
    assert (await run("retry"))[1].startswith("jobs: 1; nothing was done")
    assert (await run("pause", "answer"))[1] == "answer: paused\n"
    assert (await run("retry", "--yes"))[1] == "retried: 1\n"
    assert (await run("discard", job_id))[1] == "discarded: 1\n"
    code, _, said = await run("discard", job_id)
    assert (code, said.partition(" says ")[2]) == (2, "409: The job is cancelled: there is nothing to discard.\n")
    assert (await run("resume"))[1] == "all kinds: resumed\n"
    assert [line.split()[3] for line in (await run("audit"))[1].splitlines()] == ["resume", "discard", "retry", "pause"]
