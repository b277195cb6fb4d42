"""Two nodes with Redis: each session has one owner, whichever node gets its messages."""

import asyncio
import json

import pytest

from omi_actors.clients.model import DemoModel
from omi_actors.domain.sessions.owner import Member, Ring
from omi_actors.kit.errors import AskTimeoutError
from omi_actors.kit.future import Future
from tests.system.conftest import ADMIN, eventually, stop
from tests.system.test_backplane import are_shared, is_alone
from tests.system.test_chat import fetch
from tests.system.test_promises import GatedModel
from tests.web.http_client import Connection

pytestmark = pytest.mark.service

RING = Ring((Member("a", "a"), Member("b", "b")))


def owner_of(session_key):
    owner = RING.find_owner(session_key)
    return owner.name if owner else None


SUN, ANSWER = "Hey Omi, how far is the sun?", "answer to how far is the sun?"
# Persons of node b, who are heard at node a.
THEIRS = [uid for uid in (f"wearer-{number}" for number in range(40)) if owner_of(f"omi:{uid}") == "b"]
LEA = THEIRS[0]
LABELS = [f"label-{number}" for number in range(20)]


@pytest.fixture
def nodes(redis_server, postgres_url, start, tmp_path, notifier):
    async def start_nodes(**variables):
        model = variables.pop("model", None) or GatedModel()
        given = {"REDIS_URL": redis_server.url, "notifier": notifier, "model": model, **variables}
        a = await start(postgres_url, NODE_NAME="a", **given, DATA_DIR=str(tmp_path / "a"))
        b = await start(postgres_url, NODE_NAME="b", **given, DATA_DIR=str(tmp_path / "b"))
        await eventually(lambda: are_shared(a, b))
        await eventually(lambda: share(2, a, b))
        return a, b, model

    return start_nodes


async def share(count, *programs):
    return all(len(program.system._tree.owners.members) == count for program in programs)


def silence(program):
    """Let a node take and do what it is sent, and say nothing from now on: to others it is paused after its COMMIT."""
    program.system._tree.owners._room.send = lambda *_: None


def live(program):
    return set(program.system._tree.live_sessions.by_key)


async def deliveries(program):
    return [tuple(row) for row in await fetch(program, "SELECT state, channel, node FROM delivery ORDER BY created_at")]


async def stands(program, *rows):
    async def is_so():
        return await deliveries(program) == list(rows)

    await eventually(is_so)


async def test_wearers_who_come_at_both_nodes_are_heard_by_their_owners(nodes):
    a, b, _ = await nodes()
    before = await a.metric("omi_session_retakes_total")

    for number in range(4):
        for uid in THEIRS[:3]:
            await (a, b)[number % 2].say(f"Number {number}.", uid=uid, sid=f"s{number}", start=float(number))

    keys = {f"omi:{uid}" for uid in THEIRS[:3]}
    assert (live(a) & keys, live(b) & keys) == (set(), keys)
    assert await a.texts(LEA) == [f"Number {number}." for number in range(4)]
    assert await a.metric("omi_session_retakes_total") == before


async def test_question_at_another_node_is_answered_in_its_own_reply_and_its_end_reaches_the_owner(nodes, omi):
    a, b, model = await nodes()
    model.gate.set()

    reply = await a.say(SUN, uid=LEA)

    assert reply.json == {"message": ANSWER}
    await stands(b, ("sent", "inline", "b"))
    assert (model.calls, omi.pushes) == (1, [])


async def test_answer_whose_connection_closed_at_another_node_goes_into_the_next_reply(nodes):
    a, b, model = await nodes(NEXT_WEBHOOK_GRACE_MS="60000")
    async with await Connection.open(a.port) as connection:
        asked = asyncio.create_task(a.say(SUN, uid=LEA, connection=connection))
        async with asyncio.timeout(10):
            await model.asked.wait()
        asked.cancel()
        await asyncio.wait([asked])
    model.gate.set()

    later = await b.speak_on(LEA)

    assert later == ANSWER
    await stands(b, ("sent", "next_webhook", "b"))


async def test_answer_of_a_slow_model_is_waited_for_beyond_the_deadline_of_a_silent_owner(nodes):
    a, _, model = await nodes()
    asked = asyncio.create_task(a.say(SUN, uid=LEA))
    async with asyncio.timeout(10):
        await model.asked.wait()

    done, _ = await asyncio.wait([asked], timeout=1.6)  # a silent owner would have been left by now
    model.gate.set()

    assert not done
    assert (await asked).json == {"message": ANSWER}
    assert live(a) == set()


async def test_streamed_answer_arrives_in_pieces_at_another_node(nodes):
    a, b, _ = await nodes(model=DemoModel())
    label = next(name for name in LABELS if owner_of(f"chat:operator:{name}") == "b")
    body = json.dumps({"message": "how far is the sun?", "session_id": label}).encode()

    async with await Connection.open(a.port) as connection:
        await connection.request("POST", "/chat", body, ADMIN | {"Accept": "text/event-stream"})
        async with asyncio.timeout(10):
            streamed = await connection.reader.readuntil(b"event: done")

    assert streamed.count(b"event: delta") > 1
    assert (live(a), live(b)) == (set(), {f"chat:operator:{label}"})


async def test_owner_that_is_silent_after_its_commit_is_taken_over_and_nothing_is_stored_or_asked_twice(nodes, omi):
    a, b, model = await nodes(NEXT_WEBHOOK_GRACE_MS="60000")
    silence(b)

    reply = await a.say(SUN, uid=LEA)
    again = await a.say("And so on.", uid=LEA, sid="s2", start=9.0)
    model.gate.set()

    assert [(one.status, one.dropped) for one in (reply, again)] == [(200, None)] * 2
    assert await a.texts(LEA) == [SUN, "And so on."]
    await eventually(lambda: has_asked(model, 1))
    assert len(await fetch(a, "SELECT job_id FROM job WHERE kind = 'answer'")) == 1
    assert f"omi:{LEA}" in live(a)


async def has_asked(model, count):
    return model.calls == count


async def test_typed_question_that_a_silent_owner_has_stored_is_answered_once(nodes):
    a, b, model = await nodes()
    silence(b)
    model.gate.set()
    sessions = [f"of-{number}" for number in range(6)]

    replies = [await a.connection.request("POST", "/chat", typed(name), asker(name)) for name in sessions]

    assert {(reply.status, reply.json["response"]) for reply in replies} == {(200, ANSWER)}
    assert len(await fetch(a, "SELECT job_id FROM job WHERE kind = 'answer'")) == len(sessions)
    assert model.calls == len(sessions)


def typed(name):
    return json.dumps({"message": "how far is the sun?", "session_id": name}).encode()


def asker(name):
    return {"X-Chat-Secret": name + "s" * 40, "Idempotency-Key": name}


async def test_webhooks_of_a_silent_owner_wait_once(nodes):
    a, b, _ = await nodes()
    silence(b)
    await a.say("First.", uid=LEA)

    async with asyncio.timeout(0.9):
        await a.say("Second.", uid=THEIRS[1])

    assert await a.metric('omi_forwards_total{outcome="taken_over"}') >= 1


async def test_node_that_drains_gives_its_wearers_to_others_and_refuses_none(nodes):
    a, b, _ = await nodes()
    await b.say("First.", uid=LEA)

    b.system.begin_draining()
    await eventually(lambda: share(0, a))
    replies = [
        await program.say(f"To {number}.", uid=LEA, sid=f"t{number}", start=5.0 + number)
        for number, program in enumerate((a, b))
    ]

    assert [(reply.status, reply.dropped) for reply in replies] == [(200, None)] * 2
    assert await a.texts(LEA) == ["First.", "To 0.", "To 1."]
    assert f"omi:{LEA}" in live(a)


async def test_without_redis_each_node_hears_who_comes(nodes, redis_server):
    a, _, _ = await nodes()
    await a.say("First.", uid=LEA)

    redis_server.kill()
    await eventually(lambda: is_alone(a))
    reply = await a.say("Second.", uid=LEA, sid="s2", start=9.0)

    assert (reply.status, reply.dropped) == (200, None)
    assert await a.texts(LEA) == ["First.", "Second."]
    assert f"omi:{LEA}" in live(a)


async def test_owner_whose_database_hangs_hands_its_messages_back(nodes, monkeypatch):
    a, b, _ = await nodes()
    monkeypatch.setattr(b.system._tree.store, "commit", late)

    reply = await a.say("First.", uid=LEA)

    assert (reply.status, reply.dropped) == (200, None)
    assert await a.texts(LEA) == ["First."]
    assert f"omi:{LEA}" in live(a)


def late(*_args, **_kwargs):
    reply: Future[None] = Future()
    reply.try_fail(AskTimeoutError("this store_writer did not reply in time"))
    return reply


async def test_node_that_has_stopped_leaves_its_lease_at_once(nodes):
    a, b, _ = await nodes()
    await stop(b)

    ended = await fetch(a, "SELECT name FROM node WHERE lease_until <= extract(epoch FROM clock_timestamp())")

    assert [name for (name,) in ended] == ["b"]
    await eventually(lambda: share(0, a))
