"""The webhook inspector with the whole system: reveal, copy and replay, recorded; and no trace is left of either."""

import asyncio
from urllib.parse import parse_qs, urlsplit

from omi_actors.actors.maintenance import eraser
from tests.canaries import WEBHOOK_TOKEN
from tests.system.conftest import ADMIN, UID

PLACE = "/metrics-dashboard/webhooks"
QUESTION = "Hey Omi, what's the capital of France?"


async def ask(run, method, path, **headers):
    return await run.connection.request(method, path, b"", {**ADMIN, **headers})


async def test_text_is_hidden_until_an_operator_reveals_it_and_that_is_recorded(start):
    run = await start()
    request_id = (await run.say(QUESTION)).headers["x-request-id"]

    hidden = await ask(run, "GET", f"{PLACE}/{request_id}")
    page = await ask(run, "GET", f"{PLACE}/{request_id}", Accept="text/html")
    for reply in (hidden, page):
        assert not any(word in reply.body.decode() for word in ("capital", UID, WEBHOOK_TOKEN))
    assert b"Reveal the text" in page.body

    shown = (await ask(run, "POST", f"{PLACE}/{request_id}/reveal")).json
    assert QUESTION in shown["text"]
    assert shown["query"] == {"uid": UID}
    assert WEBHOOK_TOKEN not in str(shown)
    (event,) = (await ask(run, "GET", "/operator/events")).json["events"]
    assert (event["action"], event["target"]) == ("show_text", {"webhook": request_id})


async def test_copied_command_sends_the_same_webhook_with_the_token_of_the_shell(start):
    run = await start()
    request_id = (await run.say('It\'s $HOME `id` "quoted"')).headers["x-request-id"]
    shown = (await ask(run, "POST", f"{PLACE}/{request_id}/reveal")).json

    command = shown["curl"].replace("curl ", "printf '%s\\0' ", 1)
    shell = await asyncio.create_subprocess_shell(command, stdout=asyncio.subprocess.PIPE, env={"WEBHOOK_TOKEN": "t0"})
    said = (await shell.communicate())[0].decode().split("\0")

    address = urlsplit(said[0])
    assert (address.netloc, parse_qs(address.query)) == ("omi.example.com", {"token": ["t0"], "uid": [UID]})
    assert said[said.index("--data-binary") + 1] == shown["text"]


async def test_replay_goes_to_a_scratch_session_that_is_nobodys_and_soon_deleted(start, monkeypatch):
    run = await start()
    asked = await run.say(QUESTION)
    request_id = asked.headers["x-request-id"]
    before = [QUESTION], 2

    reply = await ask(run, "POST", f"{PLACE}/{request_id}/replay")

    replay = reply.json["replay"]
    assert (reply.status, replay["answered"]) == (200, True)
    assert "capital" not in reply.body.decode()
    assert replay["session"].startswith("scratch:")
    timeline = (await ask(run, "GET", replay["timeline"])).json
    assert [stage["stage"] for stage in timeline["stages"]][:3] == ["received", "heard", "committed"]
    scratch = (await ask(run, "GET", replay["transcript"])).json
    assert [one["text"] for one in scratch["transcripts"]] == [QUESTION]
    assert (await run.texts(), len((await run.transcript())["messages"])) == before
    assert await run.job_kinds() == ["answer"]
    (event, *_) = (await ask(run, "GET", "/operator/events")).json["events"]
    assert (event["action"], event["target"]["session"]) == ("replay_webhook", replay["session"])

    monkeypatch.setattr(eraser, "_SCRATCH_KEPT_S", 0.0)
    while await run.system._tree.store.read(lambda tx: tx.fetch("SELECT 1 FROM session WHERE session_key LIKE 'scr%'")):
        run.system._tree.eraser.tell(eraser.EraseNow())
    assert (await run.texts(), len((await run.transcript())["messages"])) == before
