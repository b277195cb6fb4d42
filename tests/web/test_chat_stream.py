"""`POST /chat` as a stream of events."""

import asyncio
import json

import pytest

from omi_actors.actors.session.messages import ChatAnswered, ReplySent
from omi_actors.errors import AnswerLateError
from tests.web.conftest import ADMIN
from tests.web.http_client import TIMEOUT_S, Connection, request_bytes
from web.handlers.chat import Delta, DeltaBuffer

KEY = "chat:operator:default"


class Stream:
    """A client that reads one stream of events."""

    def __init__(self, connection):
        self.connection = connection
        self.headers = {}

    async def begin(self, body=b'{"message":"hi"}', **headers):
        self.connection.write(request_bytes("POST", "/chat", body, {"Accept": "text/event-stream", **ADMIN, **headers}))
        async with asyncio.timeout(TIMEOUT_S):
            lines = (await self.connection.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        self.headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
        return int(lines[0].split()[1])

    async def chunk(self):
        """Return the next chunk as (event, data) or as the comment that it is; None at the end."""
        async with asyncio.timeout(TIMEOUT_S):
            size = int(await self.connection.reader.readline(), 16)
            data = (await self.connection.reader.readexactly(size + 2))[:-2].decode()
        if not data:
            return None
        if data.startswith(":"):
            return data
        name, value = data.rstrip("\n").split("\n")
        return name.removeprefix("event: "), json.loads(value.removeprefix("data: "))

    async def rest(self):
        """Return the events up to the end."""
        events = []
        while (event := await self.chunk()) is not None:
            events.append(event)
        return events


@pytest.fixture
async def stream(connection):
    return Stream(connection)


@pytest.fixture
async def asked(stream, system):
    """A question that is asked on a stream and not answered yet."""
    system.answers.append(None)
    assert await stream.begin() == 200
    await asyncio.wait_for(system.on_asked.wait(), 5)
    return system.questions[0]


@pytest.mark.usefixtures("asked")
async def test_stream_begins_before_the_answer_and_forbids_proxies_to_buffer(stream):
    assert stream.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert stream.headers["cache-control"] == "no-store"
    assert stream.headers["x-accel-buffering"] == "no"
    assert "content-encoding" not in stream.headers


async def test_pieces_come_while_the_answer_is_made_and_the_whole_at_its_end(asked, stream, system):
    sent = asyncio.Event()
    system.on_sent = sent.set
    asked.on_delta("384,", False)
    first = await stream.chunk()
    asked.on_delta("400 km.", False)
    second = await stream.chunk()

    system.open[0].try_set(ChatAnswered("384,400 km.", "c1", "d1"))

    assert [first, second] == [("delta", {"text": "384,"}), ("delta", {"text": "400 km."})]
    ((name, form),) = await stream.rest()
    assert (name, form["response"], form["session_id"], form["conversationId"]) == (
        "done",
        "384,400 km.",
        "default",
        "c1",
    )
    await asyncio.wait_for(sent.wait(), 5)
    assert system.sent == [ReplySent(KEY, "d1", reached=True, is_spoken=False)]


async def test_restarted_answer_is_marked(asked, stream, system):
    asked.on_delta("38", False)
    await stream.chunk()

    asked.on_delta("About", True)
    system.open[0].try_set(ChatAnswered("About far.", "c1", "d1"))

    assert (await stream.rest())[0] == ("delta", {"text": "About", "restart": True})


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (AnswerLateError("as told"), "answer_late"),
        (ChatAnswered("I can't answer right now.", "c1", "d1", is_failure=True), "no_answer"),
    ],
)
async def test_trouble_after_the_beginning_is_an_event(answer, code, stream, system):
    system.answers.append(answer)
    assert await stream.begin() == 200

    ((name, problem),) = await stream.rest()

    assert (name, problem["code"]) == ("error", code)
    assert set(problem) == {"error", "code", "hint", "request_id", "requestId", "timestamp", "timeline"}


async def test_trouble_before_the_beginning_has_its_status(stream):
    assert await stream.begin(b"{}") == 400


async def test_duplicate_is_a_stream_of_one_event(stream, system):
    system.answers.append(ChatAnswered("I just answered that question.", is_duplicate=True))
    await stream.begin()

    ((name, form),) = await stream.rest()

    assert (name, form["duplicate"]) == ("done", True)


async def test_silence_is_filled(start, system):
    port = await start()
    start.server._site.times.heartbeat_s = 0.01
    system.answers.append(None)
    async with await Connection.open(port) as connection:
        stream = Stream(connection)
        await stream.begin()

        assert await stream.chunk() == ": still there\n\n"
        assert await stream.chunk() == ": still there\n\n"
        system.open[0].try_set(ChatAnswered("hi", "c1", "d1"))


async def test_reader_who_reads_nothing_has_one_piece_waiting_at_most(asked, stream, start):
    stream.connection.writer.transport.pause_reading()
    (served,) = start.server.http_server._connections
    waiting = []

    for _ in range(500):
        asked.on_delta("x" * 20_000, False)
        await asyncio.sleep(0)
        waiting.append(len(served.stream._write_buffer))

    assert max(waiting) < 200_000
    stream.connection.abort()


@pytest.mark.usefixtures("asked")
async def test_reader_who_disconnects_is_reported(stream, system, start):
    stream.connection.abort()

    await asyncio.wait_for(system.on_left.wait(), 5)

    await start.server.stop(1.0)
    assert start.traffic.active == 0


def test_pieces_that_wait_go_out_together_and_in_order():
    buffer = DeltaBuffer()
    for text in ("a", "b", "c"):
        buffer.add(text, False)

    assert buffer.take() == [Delta("abc", is_anew=False)]
    assert buffer.take() == []


def test_restarted_answer_drops_waiting_pieces_of_the_old_one():
    buffer = DeltaBuffer()
    buffer.add("old", False)
    buffer.add("new", True)
    buffer.add(" and more", False)

    assert buffer.take() == [Delta("new and more", is_anew=True)]


def test_slow_reader_gets_no_piece_after_one_that_was_dropped():
    buffer = DeltaBuffer(max_chars=4)
    buffer.add("abc", False)
    buffer.add("de", False)
    assert buffer.take() == []

    buffer.add("f", False)

    assert buffer.take() == []
