"""The promises, each broken on purpose: failed commits, crashing sessions, slow models, a stop under way."""

import asyncio
import json
from typing import Any

from omi_actors.actors.session.actor import SessionActor
from omi_actors.actors.session.messages import IngestSegments
from omi_actors.clients.model import ModelAnswer
from omi_actors.errors import StoreUnavailableError, UpstreamRejectedError, UpstreamUnavailableError
from omi_actors.kit.errors import AskTimeoutError
from omi_actors.kit.future import Future
from omi_actors.store.sessions import load_session
from scripts.lab.replay.postgres_server import PostgresServer, fresh_postgres_database
from tests.system.conftest import ADMIN, UID, eventually, stop
from tests.web.http_client import Connection, request_bytes


class GatedModel:
    """Answers when told to, or fails as told."""

    provider = "openai"
    name = "gated"

    def __init__(self, *errors):
        self.asked = asyncio.Event()
        self.gate = asyncio.Event()
        self.errors = list(errors)
        self.text = ""
        self.calls = 0

    async def load(self):
        pass

    async def check(self):
        return False

    async def answer(self, prompt, *, deadline_s, on_text=None):
        self.calls += 1
        self.asked.set()
        if self.errors:
            raise self.errors.pop(0)
        await self.gate.wait()
        return ModelAnswer(self.text or f"answer to {prompt.question}", self.name)

    async def close(self):
        pass


class CrashingSession(SessionActor):
    """Crashes on every webhook in which somebody says so."""

    def receive(self, message):
        if isinstance(message, IngestSegments) and any("crash" in s.text for s in message.segments):
            raise RuntimeError("as told")
        return super().receive(message)


async def test_failed_commit_leaves_nothing_and_the_same_body_is_stored_later(start, monkeypatch):
    program = await start()
    store = program.system._tree.store
    commit = store.commit
    failing = iter([True, False])

    def commit_or_fail(write):
        if next(failing, False):
            failed: Future[None] = Future()
            failed.try_fail(StoreUnavailableError("as told"))
            return failed
        return commit(write)

    monkeypatch.setattr(store, "commit", commit_or_fail)

    refused = await program.say("hello there")
    stored = await program.say("hello there")

    assert (refused.status, refused.json, refused.dropped is not None) == (200, {}, True)
    assert (stored.status, stored.dropped) == (200, None)
    assert await program.texts() == ["hello there"]


async def test_sender_that_retries_is_told_503_when_nothing_was_kept(start, monkeypatch):
    program = await start()
    failed: Future[None] = Future()
    failed.try_fail(StoreUnavailableError("as told"))
    monkeypatch.setattr(program.system._tree.store, "commit", lambda _: failed)

    reply = await program.say("hello", Idempotency_Key="k-1")

    assert reply.status == 503
    assert int(reply.headers["retry-after"]) >= 1


async def test_crash_touches_one_session_and_the_rest_of_its_mail_is_handled(start):
    program = await start(build_session=CrashingSession)
    other = await Connection.open(program.port)
    restarts = await program.metric('omi_actor_restarts_total{kind="session"}')

    crashed = await program.say("please crash", uid="ada")
    after, neighbour = await asyncio.gather(
        program.say("hello", uid="ada", sid="s2"), program.say("hello", uid="bob", connection=other)
    )

    assert (crashed.status, crashed.dropped is not None) == (200, True)
    assert (after.dropped, neighbour.dropped) == (None, None)
    assert await program.texts("ada") == ["hello"]
    assert await program.metric('omi_actor_restarts_total{kind="session"}') == restarts + 1
    assert program.gave_up == []
    await other.close()


async def test_writer_that_crashes_goes_on_under_the_same_incarnation_of_its_node(start, database_url):
    program = await start(database_url)
    restarts = await program.metric('omi_actor_restarts_total{kind="store_writer"}')
    before = await program.system._tree.store.read(find_incarnations)

    program.system._tree.store_writer.tell("no message of a store")

    async def has_restarted():
        return await program.metric('omi_actor_restarts_total{kind="store_writer"}') == restarts + 1

    await eventually(has_restarted)
    await program.say("hello")

    assert await program.texts() == ["hello"]
    assert await program.system._tree.store.read(find_incarnations) == before == [1]


def find_incarnations(tx):
    return [incarnation for (incarnation,) in tx.fetch("SELECT incarnation FROM node")]


async def test_session_that_crashes_on_and_on_is_set_aside_and_nobody_else(start):
    program = await start(build_session=CrashingSession)
    quarantines = await program.metric('omi_quarantines_total{kind="session"}')

    replies = [await program.say("crash", uid="eve", sid=f"s{n}") for n in range(10)]
    refused = await program.say("hello", uid="eve", sid="later")
    neighbour = await program.say("hello", uid="bob")

    assert {reply.status for reply in replies} == {200}
    assert refused.dropped is not None
    assert neighbour.dropped is None
    assert await program.metric('omi_quarantines_total{kind="session"}') == quarantines + 1
    assert program.gave_up == []


async def test_question_is_asked_once_however_often_its_segment_is_sent(start, database_url):
    model = GatedModel()
    model.gate.set()
    program = await start(database_url, model=model)

    first = await program.say("Hey Omi, how far is the moon?")
    again = [await program.say("Hey Omi, how far is the moon?") for _ in range(3)]

    assert first.json == {"message": "answer to how far is the moon?"}
    assert [reply.json for reply in again] == [{}, {}, {}]
    assert model.calls == 1


async def test_answer_after_the_deadline_is_kept_and_the_webhook_is_answered_in_time(start):
    model = GatedModel()
    program = await start(model=model, WEBHOOK_REPLY_DEADLINE_MS="100")

    reply = await program.say("Hey Omi, how far is the moon?")
    model.gate.set()
    await eventually(program.has_answered)

    assert (reply.status, reply.json, reply.dropped) == (200, {}, None)
    assert (await program.transcript())["messages"][1]["text"] == "answer to how far is the moon?"


async def test_session_goes_on_hearing_while_an_answer_is_awaited(start):
    model = GatedModel()
    program = await start(model=model)
    other = await Connection.open(program.port)

    asking = asyncio.create_task(program.say("Hey Omi, how far is the moon?", connection=other))
    await model.asked.wait()
    meanwhile = await program.say("and so on", sid="s2", start=5.0)
    model.gate.set()

    assert meanwhile.json == {}
    assert (await asking).json == {"message": "answer to how far is the moon?"}
    await other.close()


async def test_model_that_recovers_is_asked_again(start):
    model = GatedModel(UpstreamUnavailableError("as told", retry_after_s=0.0))
    model.gate.set()
    program = await start(model=model)

    reply = await program.say("Hey Omi, how far is the moon?")

    assert reply.json == {"message": "answer to how far is the moon?"}
    assert model.calls == 2


async def test_failure_is_said_once_in_one_honest_sentence(start, database_url):
    model = GatedModel(UpstreamRejectedError("as told", code="insufficient_quota"))
    program = await start(database_url, model=model)

    reply = await program.say("Hey Omi, how far is the moon?")

    assert "no credit" in reply.json["message"]
    assert [m["kind"] for m in (await program.transcript())["messages"]] == ["question", "failure"]


async def test_question_in_flight_is_answered_before_the_program_stops(start):
    model = GatedModel()
    program = await start(model=model)
    asking = asyncio.create_task(program.say("Hey Omi, how far is the moon?"))
    await model.asked.wait()

    program.system.begin_draining()
    stopping = asyncio.create_task(program.server.stop(5.0))
    ready = program.system.ready
    model.gate.set()
    reply = await asking
    await stopping

    assert not ready
    assert reply.json == {"message": "answer to how far is the moon?"}


async def test_question_that_cannot_be_finished_is_handed_back_and_answered_by_the_next_start(start, database_url):
    model = GatedModel()
    program = await start(database_url, model=model, WEBHOOK_REPLY_DEADLINE_MS="100")
    await program.say("Hey Omi, how far is the moon?")
    await stop(program, grace_s=0.05)

    model.gate.set()
    program = await start(database_url, model=model)
    await eventually(program.has_answered)

    assert (await program.transcript())["messages"][1]["text"] == "answer to how far is the moon?"


async def test_hundred_thousand_segments_of_one_webhook_are_all_kept(start):
    program = await start(WEBHOOK_REPLY_DEADLINE_MS="29000")
    pieces = [{"id": str(n), "text": f"word {n}", "start": float(n), "end": n + 0.5} for n in range(100_000)]
    body = json.dumps({"session_id": UID, "segments": pieces}).encode()
    async with asyncio.timeout(60):
        program.connection.write(
            request_bytes("POST", f"/omi-webhook?token=hook-token-of-the-tests-alone&uid={UID}", body)
        )
        head = await program.connection.reader.readuntil(b"\r\n\r\n")
        await program.connection.reader.readexactly(2)

    assert b"200 OK" in head
    assert b"Dropped" not in head
    page = await program.connection.request(
        "GET", f"/transcript/{UID}?after=99990", b"", {"Authorization": "Bearer admin-token-of-the-tests-alone"}
    )
    assert len(page.json["transcripts"]) == 10


async def test_idle_session_leaves_memory_and_comes_back_where_it_was(start):
    uid = "ada"
    program = await start(SESSION_IDLE_S="1")
    await program.say("one", uid=uid)
    live_sessions = program.system._tree.live_sessions

    async def has_left():
        return not live_sessions.by_key

    await eventually(has_left)

    again = await program.say("one", uid=uid)
    more = await program.say("two", uid=uid, sid="s2", start=3.0)

    assert (again.dropped, more.dropped) == (None, None)
    assert await program.texts(uid) == ["one", "two"]


async def test_full_disk_is_told_and_passes_by_itself(start):
    program = await start()
    await program.say("before")
    store = program.system._tree.store
    pages = (await store.write(lambda tx: tx.fetch("PRAGMA page_count")))[0][0]
    await store.write(lambda tx: tx.fetch(f"PRAGMA max_page_count = {pages}"))

    refused = await program.say("too much " * 2_000, sid="s2", start=3.0)
    # It changes nothing, and so it succeeds: that is no proof that the store takes writes.
    await store.write(lambda tx: tx.fetch("PRAGMA max_page_count = 1000000"))
    full = await program.connection.request("GET", "/readyz")
    stored = await program.say("after", sid="s3", start=5.0)

    assert (refused.status, refused.dropped is not None) == (200, True)
    assert (stored.status, stored.dropped) == (200, None)
    assert await program.texts() == ["before", "after"]
    assert (full.status, (await program.connection.request("GET", "/readyz")).status) == (503, 200)


async def test_session_that_floods_is_refused_beyond_its_mailbox_and_slows_nobody(start):
    program = await start(SESSION_MAILBOX_CAPACITY="3")
    await program.say("first", uid="eve")
    connections = [await Connection.open(program.port) for _ in range(40)]

    flood = [
        program.say(f"word {n}", uid="eve", sid=f"f{n}", start=2.0, connection=connection)
        for n, connection in enumerate(connections)
    ]
    replies, neighbour = await asyncio.gather(asyncio.gather(*flood), program.say("hello", uid="bob"))

    kept = {f"word {n}" for n, reply in enumerate(replies) if reply.dropped is None}
    assert {reply.status for reply in replies} == {200}
    assert 0 < len(kept) < len(replies)
    assert set(await program.texts("eve")) == kept | {"first"}
    assert neighbour.dropped is None
    for connection in connections:
        await connection.close()


async def test_session_stores_on_after_a_commit_that_was_given_up_on_but_stored(start, database_url):
    program = await start(database_url)
    await program.say("one")
    store = program.system._tree.store
    commit_it = store.commit
    loaded = await store.read(load_session, f"omi:{UID}", recent=128)

    def time_out(commit):
        stored.append(commit_it(commit))
        return failed(AskTimeoutError("as told"))

    stored: list[Any] = []
    with_patch(store, "commit", time_out)
    await program.say("two", sid="s2", start=2.0)
    await stored[0]
    with_patch(store, "commit", commit_it)
    read = store.read
    with_patch(store, "read", lambda work, *args, **kwargs: stale(store, work, loaded) or read(work, *args, **kwargs))
    raw = await program.post({"structured": {"title": "x"}})
    three = await program.say("three", sid="s3", start=3.0)

    assert [reply.dropped for reply in (raw, three)] == [None, None]
    assert await program.texts() == ["one", "two", "three"]


def with_patch(obj, name, value):
    setattr(obj, name, value)


def failed(error):
    future: Future[Any] = Future()
    future.try_fail(error)
    return future


def stale(store, work, record):
    """Answer one load of a session with an earlier record; then read as before."""
    if work is not load_session:
        return None
    del store.read
    future: Future[Any] = Future()
    future.try_set(record)
    return future


async def test_longer_version_of_a_question_is_no_second_one_after_a_restart(start, database_url):
    program = await start(database_url)
    await program.say("Hey Omi, how far is the moon?")
    await stop(program)
    program = await start(database_url, WEBHOOK_REPLY_DEADLINE_MS="1000")

    reply = await program.say("Hey Omi, how far is the moon? And how old?")

    messages = (await program.transcript())["messages"]
    assert reply.dropped is None
    assert [message["role"] for message in messages] == ["user", "assistant"]


async def test_server_is_not_ready_while_its_store_takes_no_writes(start):
    server = PostgresServer()
    try:
        server.start()
        with fresh_postgres_database(server.admin_url) as url:
            program = await start(url)
            await program.say("before")
            with server.stopped():
                await program.say("lost", sid="s2", start=2.0)
                down = [await program.connection.request("GET", path) for path in ("/readyz", "/health")]
            await eventually(lambda: is_kept(program))
            up = await program.connection.request("GET", "/readyz")
            await stop(program)
    finally:
        server.discard()

    assert [reply.status for reply in (*down, up)] == [503, 503, 200]


async def is_kept(program):
    return (await program.say("kept", sid="s3", start=3.0)).dropped is None


async def test_health_says_that_commits_are_synced_by_default(start):
    program = await start()

    health = await program.connection.request("GET", "/health", b"", ADMIN)

    assert health.json["settings"]["commits"] == "synced (synchronous full, journal_mode wal)"
