"""The event stream of a person's conversations, on each database."""

import asyncio
import contextlib
import json
from typing import Any

import pytest

from tests.people.conftest import Client
from tests.people.talks import UID, own
from tests.people.test_conversations import register
from tests.people.test_messages import send
from tests.system.test_promises import GatedModel
from tests.web.http_client import TIMEOUT_S, Connection, request_bytes

PATH = "/conversations/current/stream"


class Stream:
    """A client that reads a stream as `onmessage` does: only events without a name."""

    def __init__(self, connection):
        self.connection = connection
        self.last_id = None
        self.status = 0
        self.headers = {}

    @classmethod
    async def open(cls, port, token="", path=PATH, **headers):
        self = cls(await Connection.open(port))
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        own = {"Authorization": f"Bearer {token}"} if token else {}
        self.connection.write(request_bytes("GET", path, b"", {**own, **named}))
        reply = await self.connection.reply()
        self.status, self.headers = reply.status, reply.headers
        if self.status != 200:
            await self.close()
        return self

    async def event(self):
        """Return the events of the next chunk; "ping" for a comment, None at the end."""
        async with asyncio.timeout(TIMEOUT_S):
            size = int(await self.connection.reader.readline(), 16)
            text = (await self.connection.reader.readexactly(size + 2))[:-2].decode()
        return self._parse(text) if size else None

    def _parse(self, text):
        events = []
        for block in text.strip("\n").split("\n\n"):
            if block.startswith(":"):
                events.append("ping")
                continue
            id_line, data = block.split("\n")
            self.last_id = id_line.removeprefix("id: ")
            events.append(json.loads(data.removeprefix("data: ")))
        return events

    async def events(self, count):
        """Return the next events, at least `count`."""
        found: list[dict[str, Any]] = []
        while len(found) < count:
            some = await self.event()
            assert some is not None, f"ended after {found}"
            found += [one for one in some if one != "ping"]
        return found

    async def messages(self, count):
        """Return the next events, until they hold `count` messages."""
        found: list[dict[str, Any]] = []
        while len(texts(found)) < count:
            found += await self.events(1)
        return found

    async def ends(self):
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while await self.event() is not None:
                pass
        await self.close()
        return True

    async def close(self):
        await self.connection.close()

    aclose = close


@pytest.fixture
async def person(running, ada):
    await register(ada)
    await ada("POST", "/windows/activate", {"slot": 1})
    return ada


def texts(events):
    return [one["text"] for event in events if event["type"] == "new_messages" for one in event["messages"]]


async def test_question_and_answer_come_as_they_are_stored(running, person):
    stream = await Stream.open(running.port, person.token)
    assert (stream.status, stream.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    assert await stream.events(1) == [{"type": "connected"}]

    reply = await send(person, "how far is the moon", slot=1)
    seen = await stream.messages(2)

    assert texts(seen) == ["how far is the moon", reply.json["message"]]
    assert seen[0]["messages"][0]["role"] == "USER"
    stored = (await person("GET", f"/conversations/{reply.json['conversation_id']}/messages")).json["items"]
    assert [one for event in seen for one in event["messages"]] == stored[::-1]
    await stream.close()


async def test_first_words_of_a_wearable_that_is_linked_meanwhile_come_at_once(running, person):
    stream = await Stream.open(running.port, person.token)
    await stream.events(1)
    begun = (await person("POST", "/link/omi/start", {"omi_user_id": UID})).json
    await person("POST", "/link/omi/confirm", {"omi_user_id": UID, "code": begun["dev_code"]})

    await running.say("Hey Omi, what is the capital of France?")

    seen = await stream.messages(2)
    assert {"type": "conversation_changed"}.items() <= seen[0].items()
    assert texts(seen)[0] == "what is the capital of France?"
    await stream.close()


async def test_question_and_new_conversation_come_before_there_is_an_answer(start):
    model = GatedModel()
    running = await start(model=model)
    ada = Client(running.connection)
    me = await register(ada)
    await running.say("Good morning.")
    await own(running.system.store, me)
    stream = await Stream.open(running.port, ada.token)
    await stream.events(1)
    phone = Client(await Connection.open(running.port), ada.token)

    asking = asyncio.create_task(send(phone, "how far is the moon", slot=1))
    assert texts(await stream.messages(1)) == ["how far is the moon"]
    await running.say("Another talk begins.", sid="s2", start=500.0)
    (changed,) = await stream.events(1)
    assert changed["type"] == "conversation_changed"

    model.gate.set()
    assert texts(await stream.messages(1)) == [(await asking).json["message"]]
    await phone.connection.close()
    await stream.close()


async def test_another_conversation_is_announced_before_its_messages(running, person):
    stream = await Stream.open(running.port, person.token)
    await stream.events(1)

    reply = await send(person, slot=2)

    first, *_ = await stream.events(1)
    assert first == {"type": "conversation_changed", "conversationId": reply.json["conversation_id"]}
    await stream.close()


async def test_what_a_linked_wearable_hears_comes_too(running, ada):
    me = await register(ada)
    await running.say("Good morning.")
    await own(running.system.store, me)
    stream = await Stream.open(running.port, ada.token)
    await stream.events(1)

    await running.say("Hey Omi, what is the capital of France?", sid="s2", start=3.0)

    seen = await stream.messages(2)
    assert texts(seen)[0].endswith("the capital of France?")
    await stream.close()


async def test_stream_resumes_after_the_last_event_and_skips_nothing(running, person):
    stream = await Stream.open(running.port, person.token)
    await stream.events(1)
    await send(person, "how far is the moon", slot=1)
    await stream.messages(2)
    await stream.close()

    second = await send(person, "and how far is the sun", slot=1)
    third = await send(person, "and how far is mars", slot=2)

    resumed = await Stream.open(running.port, person.token, Last_Event_ID=stream.last_id)
    events = await resumed.events(2)
    assert events[0] == {"type": "connected"}
    assert texts(events) == [
        "and how far is the sun",
        second.json["message"],
        "and how far is mars",
        third.json["message"],
    ]
    await resumed.close()
    for odd in ("nonsense", "99_x", "yesterday"):
        stream = await Stream.open(running.port, person.token, Last_Event_ID=odd)
        assert await stream.events(1) == [{"type": "connected"}]
        await stream.close()


async def test_stream_takes_the_token_in_its_address_and_tells_others_nothing(running, person):
    stream = await Stream.open(running.port, path=f"{PATH}?sid={person.token}")
    assert (stream.status, await stream.events(1)) == (200, [{"type": "connected"}])
    head = await person.other()("HEAD", f"{PATH}?sid={person.token}")
    assert (head.status, head.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")

    bob = person.other()
    await register(bob, email="bob@example.com")
    others = await Stream.open(running.port, bob.token)
    await others.events(1)
    await send(person, slot=1)
    await send(bob, "a question of mine", slot=1)
    assert texts(await others.events(2))[0] == "a question of mine"
    assert (await Stream.open(running.port)).status == 401
    await stream.close()
    await others.close()


async def test_stream_ends_when_its_token_is_revoked(running, person):
    phone = person.other()
    await phone.login()
    stream = await Stream.open(running.port, phone.token)
    other = await Stream.open(running.port, person.token)
    await stream.events(1)

    await phone("POST", "/auth/logout")

    assert await stream.ends()
    assert not other.connection.reader.at_eof()
    await other.close()


async def test_streams_of_one_account_are_bounded_and_a_place_comes_back(start):
    running = await start(STREAMS_PER_ACCOUNT="2")
    ada = Client(running.connection)
    await register(ada)
    streams = [await Stream.open(running.port, ada.token) for _ in range(2)]

    refused = await Stream.open(running.port, ada.token)
    assert (refused.status, refused.headers["retry-after"]) == (429, "60")
    await streams[0].close()
    async with asyncio.timeout(TIMEOUT_S):
        while (again := await Stream.open(running.port, ada.token)).status != 200:
            pass
    await again.close()
    await streams[1].close()


async def test_silent_stream_has_a_heartbeat_and_ends_when_the_server_stops(running, person):
    running.server._site.times.heartbeat_s = 0.01
    stream = await Stream.open(running.port, person.token)
    await stream.events(1)
    assert await stream.event() == ["ping"]

    stopping = asyncio.create_task(running.server.stop(5.0))

    assert await stream.ends()
    async with asyncio.timeout(TIMEOUT_S):
        assert await stopping
