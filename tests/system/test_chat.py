"""Chat through the whole system: streamed, called off, late, asked again, crashed."""

import asyncio
import json
import statistics
import time

import pytest

from omi_actors.actors.session.actor import SessionActor
from omi_actors.clients.completion_request import RequestOptions
from omi_actors.clients.model import ModelAnswer
from omi_actors.clients.openai_model import OpenAIModel
from omi_actors.errors import UpstreamRejectedError, UpstreamUnavailableError
from tests.fakes.openai_server import Mode, listening_fake
from tests.system.conftest import ADMIN, UID, eventually, stop
from tests.system.test_promises import GatedModel
from tests.web.http_client import Connection, request_bytes
from tests.web.test_chat_stream import Stream

MOON = b'{"message":"how far is the moon?"}'
KEY = "chat:operator:default"


async def chat(program, body=MOON, connection=None, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await (connection or program.connection).request("POST", "/chat", body, ADMIN | named)


async def messages(program, key=KEY):
    reply = await program.connection.request("GET", f"/transcript/{key}", b"", ADMIN)
    return [(one["role"], one["kind"], one["text"]) for one in reply.json["messages"]]


async def fetch(program, sql):
    return [tuple(row) for row in await program.system._tree.store.read(lambda tx: tx.fetch(sql))]


def stands(program, sql, *rows):
    async def does_stand():
        return await fetch(program, sql) == list(rows)

    return does_stand


@pytest.fixture
async def openai():
    async with listening_fake() as fake:
        yield fake


@pytest.fixture
async def model(openai):
    client = OpenAIModel(
        api_key="sk-test", base_url=openai.url, name="gpt-5-mini", concurrency=8, options=RequestOptions()
    )
    yield client
    await client.close()


async def test_question_is_answered_stored_and_given_once(start, database_url):
    program = await start(database_url)

    reply = await chat(program)

    assert reply.status == 200
    assert reply.json["response"].startswith("[demo] You asked: how far is the moon?")
    assert await messages(program) == [
        ("user", "question", "how far is the moon?"),
        ("assistant", "answer", reply.json["response"]),
    ]
    await eventually(stands(program, "SELECT state, channel FROM delivery", ("sent", "chat")))


async def test_duplicate_costs_no_second_call(start):
    model = GatedModel()
    model.gate.set()
    program = await start(model=model)

    first, second = await chat(program), await chat(program)

    assert "duplicate" not in first.json
    assert second.json["duplicate"] is True
    assert second.json["response"].startswith("I just answered that question.")
    assert model.calls == 1


async def test_failure_may_be_asked_again_at_once(start):
    model = GatedModel(UpstreamRejectedError("as told", code="insufficient_quota"))
    model.gate.set()
    program = await start(model=model)

    failed, answered = await chat(program), await chat(program)

    assert (failed.status, failed.json["code"]) == (502, "no_answer")
    assert "credit" in failed.json["error"]
    assert (answered.status, answered.json["response"]) == (200, "answer to how far is the moon?")


async def test_operator_continues_the_wearers_conversation(start):
    program = await start()
    await program.say("the dentist comes on Friday")

    reply = await chat(program, json.dumps({"message": "when?", "session_id": f"omi:{UID}"}).encode())

    transcript = await program.transcript()
    assert {one["conversationId"] for one in transcript["messages"]} == {reply.json["conversationId"]}
    assert transcript["transcripts"][0]["conversationId"] == reply.json["conversationId"]


async def test_pieces_come_in_order_before_the_whole(start, openai, model):
    openai.mode, openai.delay_s = Mode.TRICKLE, 0.002
    program = await start(model=model)
    stream = Stream(program.connection)

    await stream.begin(MOON)
    *deltas, (name, form) = await stream.rest()

    assert name == "done"
    assert {kind for kind, _ in deltas} == {"delta"}
    assert len(deltas) > 3
    assert form["response"].startswith("".join(delta["text"] for _, delta in deltas).strip())
    assert form["response"] == "You asked: how far is the moon?"


class SpeakingModel(GatedModel):
    """Says a piece whenever it is told to."""

    async def answer(self, prompt, *, deadline_s, on_text=None):
        self.say = on_text
        return await super().answer(prompt, deadline_s=deadline_s)


async def test_piece_reaches_its_reader_within_milliseconds(start):
    model = SpeakingModel()
    program = await start(model=model)
    stream = Stream(program.connection)
    await stream.begin(MOON)
    await model.asked.wait()
    took_s = []

    for number in range(21):
        began = time.perf_counter()
        model.say(f"piece {number} ")
        assert await stream.chunk() == ("delta", {"text": f"piece {number} "})
        took_s.append(time.perf_counter() - began)
    model.gate.set()
    await stream.rest()

    assert statistics.median(took_s) < 0.01


class FailingStream(GatedModel):
    """Says something, fails when told to go on, and says something else when it is asked again."""

    async def answer(self, prompt, *, deadline_s, on_text=None):
        self.calls += 1
        if self.calls == 1:
            on_text("Well, ")
            await self.gate.wait()
            raise UpstreamUnavailableError("as told", retry_after_s=0.0)
        on_text("About far.")
        return ModelAnswer("About far.", self.name)


async def test_retry_voids_what_the_first_attempt_has_shown(start):
    model = FailingStream()
    program = await start(model=model)
    stream = Stream(program.connection)
    await stream.begin(MOON)

    first = await stream.chunk()
    model.gate.set()
    *deltas, (name, form) = await stream.rest()

    assert first == ("delta", {"text": "Well, "})
    assert deltas == [("delta", {"text": "About far.", "restart": True})]
    assert (name, form["response"]) == ("done", "About far.")


async def test_model_is_let_go_when_the_listener_leaves(start, database_url, openai, model):
    openai.mode = Mode.HANG
    program = await start(database_url, model=model)
    other = await Connection.open(program.port)
    await Stream(other).begin(MOON)

    async def has_called():
        return bool(openai.calls)

    await eventually(has_called)
    cancelled = await program.metric('omi_model_seconds_count{outcome="cancelled",provider="openai"}')
    other.abort()

    async def is_let_go():
        return await program.metric('omi_model_seconds_count{outcome="cancelled",provider="openai"}') == cancelled + 1

    # At once, and not only by the heartbeat, which would find its lease gone after 10 s.
    await eventually(is_let_go, timeout_s=5.0)
    await eventually(stands(program, "SELECT state, payload FROM job", ("cancelled", "{}")))
    assert await messages(program) == [("user", "question", "how far is the moon?")]


async def test_question_that_waits_for_another_is_called_off_unbegun(start):
    model = GatedModel()
    program = await start(model=model)
    first, second = await Connection.open(program.port), await Connection.open(program.port)
    first.write(request_bytes("POST", "/chat", MOON, ADMIN))
    await model.asked.wait()
    second.write(request_bytes("POST", "/chat", b'{"message":"and the sun?"}', ADMIN))
    await eventually(stands(program, "SELECT state FROM job ORDER BY seq", ("running",), ("ready",)))

    second.abort()
    await eventually(stands(program, "SELECT state FROM job ORDER BY seq", ("running",), ("cancelled",)))
    model.gate.set()

    assert (await first.reply()).json["response"] == "answer to how far is the moon?"
    assert model.calls == 1
    await first.close()


async def test_question_that_was_called_off_may_be_asked_again_by_its_key(start):
    model = GatedModel()
    program = await start(model=model)
    other = await Connection.open(program.port)
    other.write(request_bytes("POST", "/chat", MOON, ADMIN | {"Idempotency-Key": "k"}))
    await model.asked.wait()
    other.abort()
    await eventually(stands(program, "SELECT state FROM job", ("cancelled",)))
    model.gate.set()

    reply = await chat(program, Idempotency_Key="k")

    assert (reply.status, reply.json["response"]) == (200, "answer to how far is the moon?")


async def test_late_answer_is_told_late_and_got_later_by_its_key(start, database_url):
    model = GatedModel()
    program = await start(database_url, model=model, CHAT_REPLY_DEADLINE_MS="100")

    late = await chat(program, Idempotency_Key="k")
    model.gate.set()
    await eventually(stands(program, "SELECT state, channel FROM delivery", ("kept", "")))
    again = await chat(program, Idempotency_Key="k")

    assert (late.status, late.json["code"]) == (504, "answer_late")
    assert (again.status, again.json["response"]) == (200, "answer to how far is the moon?")
    assert model.calls == 1


@pytest.mark.parametrize(
    "other",
    [{"message": "how far is the sun?"}, {"context": {"page": 2}}, {"session_id": "another"}],
    ids=lambda other: next(iter(other)),
)
async def test_key_of_another_request_is_refused_and_the_same_request_gets_its_answer(start, database_url, other):
    model = GatedModel()
    model.gate.set()
    program = await start(database_url, model=model)
    body = {"message": "how far is the moon?", "context": {"page": 1}, "session_id": "default"}
    first = await chat(program, json.dumps(body).encode(), Idempotency_Key="k")

    refused = await chat(program, json.dumps(body | other).encode(), Idempotency_Key="k")
    again = await chat(program, json.dumps(body).encode(), Idempotency_Key="k")

    assert (refused.status, refused.json["code"]) == (422, "idempotency_key_reused")
    assert "new key" in refused.json["hint"]
    assert (again.status, again.json["response"]) == (200, first.json["response"])
    assert model.calls == 1


async def test_late_answer_of_a_stream_is_an_event(start):
    program = await start(model=GatedModel(), CHAT_REPLY_DEADLINE_MS="100")
    stream = Stream(program.connection)
    await stream.begin(MOON)

    ((name, problem),) = await stream.rest()

    assert (name, problem["code"]) == ("error", "answer_late")


class Fragile(SessionActor):
    """Crashes when it is told to."""

    def receive(self, message):
        if message == "crash":
            raise RuntimeError("as told")
        return super().receive(message)


async def test_chat_is_answered_although_its_session_crashed_while_it_waited(start):
    model = GatedModel()
    program = await start(model=model, build_session=Fragile)
    asking = asyncio.ensure_future(chat(program))
    await model.asked.wait()

    program.system._tree.live_sessions.by_key[KEY].handle.tell("crash")
    model.gate.set()

    reply = await asking
    assert (reply.status, reply.json["response"]) == (200, "answer to how far is the moon?")
    assert model.calls == 1


async def test_question_that_a_stop_cut_is_answered_by_the_next_process(start, database_url):
    model = GatedModel()
    program = await start(database_url, model=model)
    other = await Connection.open(program.port)
    other.write(request_bytes("POST", "/chat", MOON, ADMIN | {"Idempotency-Key": "k"}))
    await model.asked.wait()
    await stop(program, grace_s=0.0)
    await other.close()

    model.gate.set()
    program = await start(database_url, model=model)
    reply = await chat(program, Idempotency_Key="k")

    assert (reply.status, reply.json["response"]) == (200, "answer to how far is the moon?")
    assert [role for role, _, _ in await messages(program)] == ["user", "assistant"]


async def test_strangers_do_not_share_a_session(start):
    program = await start()
    first = await program.connection.request("POST", "/chat", MOON)
    second = await program.connection.request("POST", "/chat", MOON)

    assert [first.status, second.status] == [200, 200]
    assert "duplicate" not in second.json
    assert first.json["conversationId"] != second.json["conversationId"]


async def switch(program, space, session_id):
    body = json.dumps({"session_id": session_id, "space": space}).encode()
    return (await program.connection.request("POST", "/context/switch", body, ADMIN)).json


async def status(program, session_id):
    return (await program.connection.request("GET", f"/context/status/{session_id}", b"", ADMIN)).json


async def test_space_outlives_its_process_and_changes_what_the_model_is_told(start, database_url, openai, model):
    program = await start(database_url, model=model)
    await program.say("the dentist comes on Friday")
    first = await switch(program, "tasks", f"omi:{UID}")
    second = await switch(program, "memories", f"omi:{UID}")
    await stop(program)

    program = await start(database_url, model=model)
    await chat(program, json.dumps({"message": "when?", "session_id": f"omi:{UID}"}).encode())

    assert [first["previousSpace"], second["previousSpace"]] == ["default", "tasks"]
    assert await status(program, f"omi:{UID}") == {"space": "memories", "pending": None, "initialized": True}
    instructions, transcript, *_ = openai.calls[-1]["messages"]
    assert "say when it was said" in instructions["content"]
    assert " UTC] SPEAKER_00: the dentist comes on Friday" in transcript["content"]


async def test_space_of_a_session_that_never_was_is_the_default(start):
    program = await start()

    assert await status(program, "never") == {"space": "default", "pending": None, "initialized": False}
    await switch(program, "agent", "new")
    assert await status(program, "new") == {"space": "agent", "pending": None, "initialized": True}
