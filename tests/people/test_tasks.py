"""Tasks, follow-ups and statistics over HTTP, on each database."""

import datetime as dt

import pytest

from omi_actors.clock import SystemClock
from omi_actors.ids import new_id
from tests.people.conftest import Client
from tests.people.talks import UID, fill, own
from tests.people.test_conversations import read_all, register
from tests.people.test_messages import send
from tests.system.conftest import eventually


async def link(store, account_id, uid=UID):
    """Link a wearable as if its code had been confirmed."""
    sql = (
        "INSERT INTO omi_link (id, account_id, omi_uid, is_verified, created_at, verified_at)"
        " VALUES (?, ?, ?, TRUE, 0, 0)"
    )
    await store.write(lambda tx: tx.run(sql, (new_id(), account_id, uid)))


async def test_tasks_are_added_listed_and_completed(ada):
    await register(ada)

    made = await ada("POST", "/agent-events", {"type": "todo", "payload": {"text": "Milch 🥛", "done": False}})
    assert (made.status, made.json["ok"]) == (201, True)
    assert set(made.json["event"]) == {"id", "type", "payload", "createdAt"}
    await ada("POST", "/agent-events", {"type": "note"})

    second, first = (await ada("GET", "/agent-events")).json["items"]
    assert (first, second["payload"]) == (made.json["event"], None)

    for task in (first, second):
        done = (await ada("PATCH", f"/agent-events/{task['id']}/complete")).json["event"]
        assert done["payload"].pop("completedAt")
        assert done["payload"] == {**(task["payload"] or {}), "done": True}
    assert all(one["payload"]["done"] for one in (await ada("GET", "/agent-events")).json["items"])


async def test_tasks_have_pages_and_are_ones_own(ada):
    await register(ada)
    bob = ada.other()
    await register(bob, email="bob@example.com")
    made = [(await ada("POST", "/agent-events", {"type": f"t{number}"})).json["event"] for number in range(7)]

    items, pages = await read_all(ada, "/agent-events", limit=3)

    assert (items, pages) == (sorted(made, key=lambda one: (one["createdAt"], one["id"]), reverse=True), 3)
    assert (await bob("GET", "/agent-events")).json["items"] == []
    reply = await bob("PATCH", f"/agent-events/{made[0]['id']}/complete")
    assert (reply.status, reply.json["error"]) == (404, "Not found")


BODIES = [
    ("/agent-events", {}, "type is required"),
    ("/agent-events", {"type": "  "}, "type is required"),
    ("/agent-events", {"type": 1}, "`type` must be a string."),
    ("/agent-events", {"type": "x" * 101}, "`type` has 101 characters."),
    ("/agent-events", {"type": "t", "payload": "text"}, "`payload` must be an object."),
    ("/agent-events", {"type": "t", "payload": [1]}, "`payload` must be an object."),
    ("/agent-events", {"type": "t", "payload": {"a": "\x00"}}, "`payload` must be text."),
    ("/agent-events", rb'{"type":"t","payload":{"a":"\ud83d"}}', "`payload` must be text."),
    ("/agent-events", b'{"type":"t","payload":{"a":NaN}}', "`payload` cannot be stored as JSON."),
    ("/agent-events", b'{"type":"t","payload":{"a":1,"a":2}}', "`payload` has a member twice."),
    ("/agent-events", {"type": "t", "payload": {"a": "x" * 16_384}}, "`payload` is too long."),
    ("/agent-events", b'{"type":"t","payload":{"a":%b}}' % (b"[" * 64 + b"]" * 64), "`payload` is nested too deeply."),
    ("/followups", {}, "message is required"),
    ("/followups", {"message": "\n"}, "message is required"),
    ("/followups", {"message": 1}, "`message` must be a string."),
    ("/followups", {"message": "x" * 501}, "`message` has 501 characters."),
    ("/followups", {"message": "hi", "to": "bob"}, "`to` is not a field here."),
]


async def test_odd_body_is_refused_with_its_field_and_stores_nothing(start):
    running = await start(ENABLE_RATE_LIMIT="false")
    ada = Client(running.connection)
    await register(ada)

    replies = [await ada("POST", path, body) for path, body, _ in BODIES]

    assert [(reply.status, reply.json["error"]) for reply in replies] == [(400, error) for *_, error in BODIES]
    assert all(reply.json["hint"] for reply in replies)
    assert (await ada("GET", "/agent-events")).json["items"] == []


async def test_task_that_is_sent_twice_with_one_key_is_stored_once(ada):
    await register(ada)
    form = {"type": "todo", "payload": {"text": "milk"}}

    first, second, other = [await ada("POST", "/agent-events", form, Idempotency_Key=key) for key in ("a", "a", "b")]

    assert [one.status for one in (first, second, other)] == [201, 200, 201]
    assert second.json == first.json
    assert (await ada("GET", "/agent-events")).json["items"] == [other.json["event"], first.json["event"]]


async def test_tasks_of_one_account_are_bounded(start):
    running = await start(TASKS_PER_ACCOUNT="2")
    ada, bob = Client(running.connection), Client(running.connection)
    await register(ada)
    await register(bob, email="bob@example.com")

    statuses = [(await one("POST", "/agent-events", {"type": "t"})).status for one in (ada, ada, ada, bob)]

    assert statuses == [201, 201, 409, 201]


async def test_request_of_an_account_that_another_node_has_just_deleted_is_refused_and_stores_nothing(
    start, database_url
):
    running = await start(database_url)
    ada = Client(running.connection)
    await register(ada)
    await ada("GET", "/agent-events")
    await running.system.store.write(lambda tx: tx.run("DELETE FROM account"))

    wanted = [
        ("/agent-events", {"type": "t"}),
        ("/memories", {"text": "x"}),
        ("/messages/send", {"text": "x", "slot": 1}),
        ("/windows/activate", {"slot": 2}),
        ("/link/omi/start", {"omi_user_id": "w"}),
    ]
    replies = [await ada("POST", path, form) for path, form in wanted]

    assert [(one.status, one.json["error"]) for one in replies] == [
        (404, "What this belongs to was deleted meanwhile.")
    ] * len(wanted)


# --- follow-ups


async def test_followup_reaches_the_linked_wearable_once(start, database_url, omi, notifier):
    running = await start(database_url, notifier=notifier)
    ada = Client(running.connection)
    me = await register(ada)
    refused = await ada("POST", "/followups", {"message": "Buy milk"})
    assert (refused.status, refused.json["error"]) == (404, "No verified OMI link found")
    await link(running.system.store, me)

    reply = await ada("POST", "/followups", {"message": " Buy milk "})

    assert (reply.status, reply.json["message"]) == (200, "Buy milk")
    await eventually(lambda: has_status(running, reply.json["followup_id"], "sent"))
    assert [(push.uid, push.text) for push in omi.pushes] == [(UID, "Buy milk")]


async def has_status(running, followup_id, status):
    sql = "SELECT status FROM notification_event WHERE id = ?"
    return await running.system.store.read(lambda tx: tx.fetch(sql, (followup_id,))) == [(status,)]


async def test_followups_count_in_the_hours_budget_of_their_wearable(start, database_url, omi, notifier):
    notifier.per_hour = 2
    running = await start(database_url, notifier=notifier)
    ada = Client(running.connection)
    me = await register(ada)
    await running.say("Good morning.")
    await own(running.system.store, me)
    await link(running.system.store, me)
    (conversation,) = (await ada("GET", "/conversations")).json["items"]

    sent = [
        (await ada("POST", "/followups", {"message": f"number {n}", "conversation_id": conversation["id"]})).json
        for n in range(3)
    ]

    for one, status in zip(sent, ("sent", "sent", "error"), strict=True):
        await eventually(lambda one=one, status=status: has_status(running, one["followup_id"], status))
    assert [push.text for push in omi.pushes] == ["number 0", "number 1"]


async def test_followup_is_refused_where_nothing_can_be_sent_and_for_conversations_of_others(start):
    running = await start()
    ada, bob = Client(running.connection), Client(running.connection)
    me = await register(ada)
    await register(bob, email="bob@example.com")
    await link(running.system.store, me)
    (mine,) = await running.system.store.write(fill, me)

    assert (await ada("POST", "/followups", {"message": "hi"})).status == 409
    reply = await bob("POST", "/followups", {"message": "hi", "conversation_id": mine})
    assert (reply.status, reply.json["error"]) == (404, "Conversation not found")


# --- statistics


def utc_today():
    return dt.datetime.fromtimestamp(SystemClock().now_s(), dt.UTC).date()


async def test_statistics_count_what_is_the_persons(ada, running):
    me = await register(ada)
    store = running.system.store
    await send(ada, slot=1)
    today = utc_today()
    yesterday = dt.datetime.combine(today - dt.timedelta(days=1), dt.time(12), dt.UTC).timestamp()
    await store.write(fill, me, messages=3, at=yesterday)
    await store.write(fill, me, messages=5, at=1_000.0)
    await store.write(fill, None, messages=7, at=yesterday)
    await ada("POST", "/agent-events", {"type": "t"})

    stats = (await ada("GET", "/stats")).json

    assert stats["overall"] == {"memories": 0, "conversations": 3, "sessions": 1, "messages": 10}
    assert len(stats["recentActivity"]) == 10
    assert {"id", "role", "createdAt", "text"} <= set(stats["recentActivity"][0])
    times = [one["createdAt"] for one in stats["recentActivity"]]
    assert times == sorted(times, reverse=True)
    days = {one["date"]: one["count"] for one in stats["dailyStats"]}
    assert (len(days), days[str(today)], days[str(today - dt.timedelta(days=1))]) == (30, 2, 3)
    assert sum(days.values()) == 5
    assert [one["answers"] for one in stats["modelUse"]["models"]] == [1]
    assert stats["modelUse"]["tokensToday"] > 0


@pytest.mark.parametrize(("zone", "day"), [("Pacific/Kiritimati", 0), ("Pacific/Pago_Pago", -1)])
async def test_days_are_those_of_the_persons_time_zone(zone, day, start):
    running = await start()
    ada = Client(running.connection)
    me = await register(ada)
    store = running.system.store
    await ada("POST", "/spaces/switch", {"space": "todos"})
    await store.write(lambda tx: tx.run("UPDATE user_preference SET time_zone = ?", (zone,)))
    date = utc_today() - dt.timedelta(days=3)
    await store.write(fill, me, messages=2, at=dt.datetime.combine(date, dt.time(5), dt.UTC).timestamp())

    days = {one["date"]: one["count"] for one in (await ada("GET", "/stats")).json["dailyStats"]}

    assert days[str(date + dt.timedelta(days=day))] == 2
