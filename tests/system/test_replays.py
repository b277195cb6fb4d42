"""Signed webhooks that come again after everything else has moved on, and to a program that does not remember them."""

import json
from dataclasses import dataclass

import pytest

from omi_actors.clock import SystemClock
from scripts.lab.replay.sender import build_signer
from tests.canaries import SIGNING_SECRET
from tests.system.conftest import UID, eventually, stop
from tests.system.test_deliveries import ANSWER, AT_ONCE, QUESTION, stands
from tests.system.test_promises import GatedModel

SIGNED = {"OMI_SIGNING_SECRETS": SIGNING_SECRET}


@dataclass
class Recorded:
    """A signed webhook as somebody on its way has recorded it."""

    body: bytes
    headers: dict[str, str]

    async def send(self, program):
        reply = await program.post(self.body, **self.headers)
        assert reply.status == 200
        assert reply.dropped is None
        return reply.json


def sign(text, sid="s1", start=1.0, uid=UID):
    spoken = {"id": sid, "text": text, "speaker": "SPEAKER_00", "is_user": True, "start": start, "end": start + 1}
    body = json.dumps({"session_id": uid, "segments": [spoken]}).encode()
    headers = build_signer((SIGNING_SECRET,), SystemClock())(uid, body)
    return Recorded(body, {name.replace("-", "_"): value for name, value in headers.items()})


@pytest.fixture(params=["remembers", "forgets"])
def forget(request, start, database_url):
    """Give the program back as it is, or stopped and started anew, with all that it keeps in memory gone."""

    async def forget_it(program, **settings):
        if request.param == "remembers":
            return program
        await stop(program)
        return await start(database_url, **settings)

    return forget_it


async def test_webhooks_that_come_again_change_nothing_after_the_session_has_moved_on(start, database_url, forget):
    model = GatedModel()
    model.gate.set()
    program = await start(database_url, model=model, **SIGNED)
    grown = sign("we talked about the", sid="g")
    recorded = [sign("good morning", sid="m", start=2.0), sign(QUESTION, start=60.0), grown]
    replies = [await one.send(program) for one in recorded]
    # The segment grows, and a new conversation begins: its times fall back.
    await sign("we talked about the garden", sid="g").send(program)
    await sign("another day", sid="d", start=0.5).send(program)
    await eventually(program.has_answered)
    before = await program.transcript()

    program = await forget(program, model=model, **SIGNED)
    again = [await one.send(program) for one in (*recorded, *reversed(recorded))]

    assert (replies, again) == ([{}, {"message": ANSWER}, {}], [{}] * 6)
    assert await program.transcript() == before
    assert model.calls == 1


async def test_answer_that_waits_for_the_wearer_is_given_to_nobody_who_repeats(start, database_url, forget):
    model = GatedModel()
    settings = SIGNED | AT_ONCE
    program = await start(database_url, model=model, **settings)
    recorded = [sign("good morning", sid="m"), sign(QUESTION)]
    assert [await one.send(program) for one in recorded] == [{}, {}]
    model.gate.set()
    await eventually(stands(program, "kept", ""))

    program = await forget(program, model=model, **settings)
    again = [await one.send(program) for one in (*recorded, *recorded)]

    assert again == [{}] * 4
    # The wearer speaks on.
    assert await sign("and so on", sid="n").send(program) == {"message": ANSWER}


async def test_webhook_of_one_wearer_is_never_anothers(start, database_url, forget):
    program = await start(database_url, **SIGNED)
    recorded = sign("good morning")
    await recorded.send(program)

    program = await forget(program, **SIGNED)
    reply = await program.post(recorded.body, query="uid=eve", **recorded.headers)

    assert reply.status == 401
    assert await program.texts() == ["good morning"]
