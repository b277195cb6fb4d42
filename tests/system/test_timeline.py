"""One request in the whole system: its stages in order, its jobs and its lines, as JSON and in a terminal."""

import asyncio

from click.testing import CliRunner

from omi_actors.cli import main
from omi_actors.errors import UpstreamRejectedError
from tests.canaries import ADMIN_TOKEN
from tests.system.conftest import ADMIN, eventually
from tests.system.test_promises import GatedModel

QUESTION = "Hey Omi, what's the capital of France?"


async def timeline_of(run, reply):
    found = await run.connection.request(
        "GET", f"/metrics-dashboard/requests/{reply.headers['x-request-id']}", b"", ADMIN
    )
    return found.json


def names(timeline):
    return [stage["stage"] for stage in timeline["stages"]]


async def test_question_shows_each_stage_up_to_its_delivery(start):
    run = await start()
    silent = await run.say("nice weather", sid="s0")
    asked = await run.say(QUESTION, start=5.0)

    async def is_delivered():
        return names(await timeline_of(run, asked))[-1] == "delivered (inline)"

    await eventually(is_delivered)
    timeline = await timeline_of(run, asked)
    assert names(timeline)[:-1] == [
        "received",
        "heard",
        "committed",
        "answer begins",
        "context",
        "answered",
        "done",
        "replied",
    ]
    at = [stage["atMs"] for stage in timeline["stages"]]
    assert at == sorted(at)
    assert [(job["kind"], job["outcome"]) for job in timeline["jobs"]] == [("answer", "done")]
    assert names(await timeline_of(run, silent)) == ["received", "committed", "replied"]
    assert "capital" not in str(timeline)

    shown = await asyncio.to_thread(
        CliRunner().invoke, main, ["logs", timeline["id"], "--port", str(run.port)], env={"ADMIN_TOKEN": ADMIN_TOKEN}
    )
    assert [word in shown.stdout for word in ("answer: done", "delivered (inline)", "200 after")] == [True] * 3


async def test_question_that_a_pause_ends_belongs_to_the_request_with_its_words(start):
    run = await start(QUESTION_PAUSE_MS="200")
    asked = await run.say("Hey Omi tell me about")

    async def is_answered():
        return "done" in names(await timeline_of(run, asked))

    await eventually(is_answered)


async def test_answer_in_a_later_reply_is_delivered_to_the_request_that_asked(start):
    model = GatedModel()
    run = await start(model=model, WEBHOOK_REPLY_DEADLINE_MS="100")
    asked = await run.say(QUESTION)
    model.gate.set()
    await run.speak_on()

    async def is_delivered():
        return names(await timeline_of(run, asked))[-1] == "delivered (next_webhook)"

    await eventually(is_delivered)


async def test_failing_job_shows_its_lines_at_the_request_and_is_an_error_of_its_kind(start):
    run = await start(model=GatedModel(*[UpstreamRejectedError("it does not know us")] * 9))
    asked = await run.say(QUESTION)

    async def has_ended():
        jobs = (await timeline_of(run, asked))["jobs"]
        return [job["outcome"] for job in jobs] == ["buried"]

    await eventually(has_ended)
    data = (await run.connection.request("GET", "/metrics-dashboard/data.json", b"", ADMIN)).json
    (group,) = [one for one in data["errors"] if one["where"] == "job_attempt_failed (answer)"]
    assert (group["type"], group["request"]) == ("UpstreamRejectedError", asked.headers["x-request-id"])


async def test_slow_job_and_slow_statements_name_the_stage(start):
    model = GatedModel()
    run = await start(
        model=model, SLOW_JOB_THRESHOLD="1", SLOW_STATEMENT_THRESHOLD="1", WEBHOOK_REPLY_DEADLINE_MS="400"
    )
    asked = await run.say(QUESTION)  # its reply waits 400 ms in vain, and hides nothing
    model.gate.set()

    async def slow_lines():
        return {line["event"]: line["fields"] for line in (await timeline_of(run, asked))["lines"]}

    async def is_slow():
        return "slow job" in await slow_lines()

    await eventually(is_slow)
    fields = (await slow_lines())["slow job"]
    assert (fields["kind"], fields["slow_stage"]) == ("answer", "answered")
    assert fields["slow_stage_ms"] > 200


async def test_statements_are_logged_with_time_and_without_values(start, caplog):
    run = await start(DB_ENABLE_LOGGING="true")
    await run.say(QUESTION)
    (job,) = (await run.connection.request("GET", "/operator/queue/jobs", b"", ADMIN)).json["jobs"]
    await run.connection.request("GET", f"/operator/queue/jobs/{job['id']}", b"", ADMIN)

    statements = [record.msg for record in caplog.records if "'event': 'statement'" in str(record.msg)]
    assert any("INSERT INTO transcript_segment" in str(line) for line in statements)
    by_pony = [str(line) for line in statements if '"job"."job_id"' in str(line)]
    assert by_pony
    assert not any(job["id"] in line for line in by_pony)
    assert all("'ms':" in str(line) for line in statements)
    assert not any("capital" in str(line) for line in statements)
