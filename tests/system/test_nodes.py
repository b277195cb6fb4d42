"""Answers between two nodes on one database: made at one, waited for at the other, given once."""

import asyncio
import json

import pytest
import redis

from omi_actors.domain.answers.silence import NOT_FOR_ME
from omi_actors.errors import UpstreamRejectedError
from omi_actors.instruments import metrics
from omi_actors.status import health
from tests.system.conftest import ADMIN, eventually
from tests.system.test_backplane import BusyModel, are_shared, is_alone
from tests.system.test_chat import chat, fetch
from tests.system.test_promises import GatedModel
from tests.web.http_client import Connection

pytestmark = pytest.mark.service

HOURS_S = 10_000.0
SUN = "Hey Omi, how far is the sun?"
ANSWER = "answer to how far is the sun?"
TYPED = json.dumps({"message": "how far is the sun?"}).encode()


@pytest.fixture
def no_looks(monkeypatch, start):
    """Let the answer sweepers look for nothing by themselves: what comes, came by news."""
    monkeypatch.setattr("omi_actors.actors.maintenance.answer_sweeper._PERIOD_S", HOURS_S)


@pytest.fixture
def nodes(redis_server, postgres_url, notifier, start, tmp_path):  # stopped in the reverse order
    """Start node a, whose only place for an answer is taken for ever, and node b, whose model's gate is open."""

    async def start_nodes(redis_url="", **variables):
        given = {"REDIS_URL": redis_url, "REDIS_TIMEOUT_MS": "300", "notifier": notifier, **variables}
        busy, model = BusyModel(), GatedModel()
        model.gate.set()
        a = await start(
            postgres_url, model=busy, NODE_NAME="a", OPENAI_MAX_CONCURRENCY="1", **given, DATA_DIR=str(tmp_path / "a")
        )
        await occupy(a, busy)
        b = await start(postgres_url, model=model, NODE_NAME="b", **given, DATA_DIR=str(tmp_path / "b"))
        if redis_url:
            await eventually(lambda: are_shared(a, b))
        return a, b, model

    return start_nodes


async def occupy(program, busy):
    """Fill the only place of a node with a question that nobody waits for."""
    body = {"session_id": "first", "segments": [{"id": "s1", "text": "Hey Omi, how far is the moon?", "start": 1.0}]}
    async with await Connection.open(program.port) as connection:
        asked = asyncio.create_task(program.post(body, "uid=first", connection))
        async with asyncio.timeout(10):
            await busy.asked.wait()
        asked.cancel()
        await asyncio.wait([asked])


def told(kind="answered"):
    return metrics.BACKPLANE_RECEIVED.labels(kind)._value.get()


def looks():
    """Return how often a store was asked for the answers of open replies."""
    return sum(
        sample.value
        for metric in metrics.STORE_READ_SECONDS.labels("load_answers").collect()
        for sample in metric.samples
        if sample.name.endswith("_count")
    )


async def delivery_of(program, text=ANSWER):
    """Return where the delivery of the answer with this text stands, and who moved it last."""
    sql = "SELECT delivery.state, channel, delivery.node, text FROM delivery JOIN message ON message.id = message_id"
    return [row[:3] for row in await fetch(program, sql) if row[3] == text]


async def stands(program, *rows):
    await eventually(lambda: is_equal(program, list(rows)))


async def is_equal(program, rows):
    return await delivery_of(program) == rows


async def test_waiting_webhook_gets_the_answer_that_another_node_has_made(nodes, redis_server, no_looks, omi):
    a, b, model = await nodes(redis_server.url)

    reply = await a.say(SUN, uid="second")

    assert reply.json == {"message": ANSWER}
    await stands(b, ("sent", "inline", "a"))
    assert (model.calls, omi.pushes) == (1, [])


async def test_waiting_chat_gets_the_answer_that_another_node_has_made(nodes, redis_server, no_looks):
    a, b, model = await nodes(redis_server.url)

    reply = await chat(a, TYPED)

    assert (reply.status, reply.json["response"]) == (200, ANSWER)
    await stands(b, ("sent", "chat", "a"))
    assert model.calls == 1


async def test_failure_at_another_node_is_told_to_the_reply_that_waits(nodes, redis_server, no_looks):
    a, _, model = await nodes(redis_server.url)
    model.errors.append(UpstreamRejectedError("as told", code="insufficient_quota"))

    reply = await a.say(SUN, uid="second")

    assert "credit" in reply.json["message"]


async def test_webhook_waits_no_longer_when_another_nodes_model_says_not_for_me(nodes, redis_server, no_looks, omi):
    await hears_silence(await nodes(redis_server.url, WEBHOOK_REPLY_DEADLINE_MS="29000"), omi)


async def test_without_redis_too_a_webhook_waits_no_longer_when_a_model_says_not_for_me(nodes, omi):
    await hears_silence(await nodes(WEBHOOK_REPLY_DEADLINE_MS="29000"), omi)


async def hears_silence(started, omi):
    """Say a sentence that may be about Omi, and see that its webhook gets its reply long before the deadline."""
    a, _, model = started
    model.text = NOT_FOR_ME

    async with asyncio.timeout(15):
        reply = await a.say("Hola Omi fue un gran regalo.", uid="second")

    assert reply.json == {}
    assert (model.calls, omi.pushes) == (1, [])
    assert await fetch(a, "SELECT text FROM message WHERE text LIKE '%regalo%'") == []


@pytest.mark.parametrize("fault", ["none", "dies"])
async def test_without_redis_the_answer_still_comes_once_and_a_little_later(nodes, redis_server, omi, fault):
    a, b, model = await nodes(redis_server.url if fault == "dies" else "")
    if fault == "dies":
        redis_server.kill()
        await eventually(lambda: is_alone(a))

    heard, typed = await asyncio.gather(a.say(SUN, uid="second"), typed_on(a))

    assert heard.json == {"message": ANSWER}
    assert (typed.status, typed.json["response"]) == (200, ANSWER)
    await eventually(lambda: are_sent(b, 2))
    assert (model.calls, omi.pushes) == (2, [])


async def typed_on(program):
    async with await Connection.open(program.port) as connection:
        return await chat(program, TYPED, connection)


async def are_sent(program, count):
    return [state for state, _, _ in await delivery_of(program)] == ["sent"] * count


async def test_answer_that_comes_behind_the_reply_at_another_node_is_notified_once(nodes, redis_server, omi):
    a, b, model = await nodes(redis_server.url, WEBHOOK_REPLY_DEADLINE_MS="300", NEXT_WEBHOOK_GRACE_MS="300")
    model.gate.clear()

    reply = await a.say(SUN, uid="second")
    model.gate.set()

    assert reply.json == {}
    await stands(b, ("sent", "notify", "a"))
    assert [push.text for push in omi.pushes] == [ANSWER]


async def test_repeated_and_late_news_give_no_answer_twice(nodes, redis_server, no_looks, omi):
    a, b, _ = await nodes(redis_server.url)
    reply = await a.say(SUN, uid="second")
    await stands(b, ("sent", "inline", "a"))
    ((job_id,),) = await fetch(b, "SELECT job_id FROM job WHERE state = 'done'")
    before, looked = told(), looks()

    with redis.Redis.from_url(redis_server.url) as client:
        for _ in range(100):
            client.publish("omi:answered", json.dumps({"origin": "them", "job_id": job_id}))
    await eventually(lambda: is_at_least(before + 200))
    later = await a.say("And so on.", uid="second", sid="s2", start=9.0)

    assert (reply.json, later.json) == ({"message": ANSWER}, {})
    assert looks() == looked
    assert omi.pushes == []


async def test_news_of_what_nobody_waits_for_costs_no_look_at_the_store(nodes, redis_server, no_looks):
    a, _, _ = await nodes(redis_server.url)
    before, looked = told(), looks()

    with redis.Redis.from_url(redis_server.url) as client:
        pipeline = client.pipeline(transaction=False)
        for number in range(10_000):
            pipeline.publish("omi:answered", json.dumps({"origin": "them", "job_id": f"job-{number}"}))
        await asyncio.to_thread(pipeline.execute)
    during = await a.say("Nothing to answer here.", uid="third")
    await eventually(lambda: is_at_least(before + 20_000))

    assert (during.status, during.dropped, looks()) == (200, None, looked)


async def is_at_least(count):
    return told() >= count


async def has_looked_since(count):
    return looks() > count


async def test_news_that_are_wrong_change_nothing(nodes, redis_server, no_looks):
    a, b, model = await nodes(redis_server.url)
    model.gate.clear()
    asked = asyncio.create_task(a.say(SUN, uid="second"))
    async with asyncio.timeout(10):
        await model.asked.wait()
    ((job_id,),) = await fetch(b, "SELECT job_id FROM job WHERE state = 'running' AND node = 'b'")
    before, looked = told(), looks()

    with redis.Redis.from_url(redis_server.url) as client:
        for _ in range(1_000):
            client.publish("omi:answered", json.dumps({"origin": "them", "job_id": job_id}))
    await eventually(lambda: is_at_least(before + 2_000))
    await eventually(lambda: has_looked_since(looked))  # a look is counted when its thread has ended it
    was_done, looked = asked.done(), looks() - looked
    model.gate.set()

    assert (await asked).json == {"message": ANSWER}
    assert not was_done
    assert 0 < looked < 1_000


@pytest.mark.parametrize("is_shared", [True, False])
async def test_same_typed_question_at_two_nodes_is_asked_once_and_answered_to_both(nodes, redis_server, is_shared):
    a, b, model = await nodes(redis_server.url if is_shared else "")
    model.gate.clear()
    named = ADMIN | {"Idempotency-Key": "one"}
    first = asyncio.create_task(a.connection.request("POST", "/chat", TYPED, named))
    async with asyncio.timeout(10):
        await model.asked.wait()
    second = asyncio.create_task(b.connection.request("POST", "/chat", TYPED, named))
    await eventually(lambda: wait_at(2, a, b))
    model.gate.set()

    replies = [await first, await second]

    assert [(reply.status, reply.json["response"]) for reply in replies] == [(200, ANSWER)] * 2
    assert model.calls == 1


async def wait_at(count, *programs):
    """Tell whether so many chats wait, at the one node that owns the session, or at both without an owner."""
    handles = [program.system._tree.live_sessions.by_key.get("chat:operator:default") for program in programs]
    actors = [handle.handle.actor for handle in handles if handle is not None]
    slots = [slot for one in actors if one and one._answers for slot in one._answers.slots._slots.values()]
    return sum(len(slot._askers) for slot in slots) == count


async def test_answer_that_its_node_has_kept_goes_into_the_reply_all_the_same(nodes):
    a, b, _ = await nodes(notifier=None)

    reply = await a.say(SUN, uid="second")

    assert reply.json == {"message": ANSWER}
    await stands(b, ("sent", "inline", "a"))


async def test_answer_that_another_node_has_kept_goes_into_the_next_reply(nodes):
    a, b, model = await nodes(notifier=None, WEBHOOK_REPLY_DEADLINE_MS="300")
    model.gate.clear()

    asked = await a.say(SUN, uid="second")
    model.gate.set()
    await stands(b, ("kept", "", "b"))
    later = await a.say("And so on.", uid="second", sid="s2", start=9.0)

    assert (asked.json, later.json) == ({}, {"message": ANSWER})


async def test_wearer_whose_webhooks_reach_both_nodes_at_once_loses_nothing_and_is_answered_once(nodes, redis_server):
    a, b, model = await nodes(redis_server.url)
    both = [await Connection.open(node.port) for node in (a, b) for _ in range(4)]

    async def speak(number):
        connection = both[number % len(both)]
        said = [
            await a.say(f"Number {n}.", "second", f"s{n}", float(n), connection=connection)
            for n in (number, number + 50)
        ]
        return [(reply.status, reply.dropped) for reply in said]

    replies = await asyncio.gather(*(speak(number) for number in range(1, 9)))
    await asyncio.gather(*(a.say(SUN, "second", "q", 99.0, connection=connection) for connection in both))
    for connection in both:
        await connection.close()

    assert [one for some in replies for one in some] == [(200, None)] * 16
    assert sorted(await b.texts("second")) == sorted([*(f"Number {n}." for n in (*range(1, 9), *range(51, 59))), SUN])
    assert model.calls == 1
    await eventually(lambda: are_sent(b, 1))


async def test_sessions_that_go_to_and_fro_are_shown_and_one_that_moves_once_is_not(
    postgres_url, start, tmp_path, monkeypatch
):
    a, b = [await start(postgres_url, NODE_NAME=name, DATA_DIR=str(tmp_path / name)) for name in ("a", "b")]
    before = metrics.SESSION_RETAKES._value.get()
    monkeypatch.setattr(health, "_RETAKES_WARN", before + 3)

    seen = []
    for number, node in enumerate((a, b, b, a, b, a), start=1):
        await node.say("hello", sid=f"s{number}", start=float(number))
        retakes = metrics.SESSION_RETAKES._value.get() - before
        seen.append((retakes, node.system.health()["checks"]["nodes"]["status"]))

    assert seen == [(0, "pass"), (0, "pass"), (0, "pass"), (1, "pass"), (2, "pass"), (3, "warn")]
    assert len(await a.texts()) == 6
