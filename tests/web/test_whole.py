"""Requests that came whole are answered without Tornado, and as Tornado would; all else is Tornado's."""

import asyncio
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tornado.http1connection import HTTP1Connection
from tornado.httputil import HTTPHeaders, parse_request_start_line

from omi_actors.actors.session.messages import Ingested
from tests.web.http_client import TIMEOUT_S, Connection, request_bytes
from tests.web.test_connections import BODY, TARGET, wait_until
from web.edge.header_checks import head_problem, length_problem
from web.edge.whole import read_whole

PLAIN = (
    b"POST /omi-webhook?uid=u HTTP/1.1\r\nHost: localhost\r\nx-omi-SIGNATURE: t=1,v1=ab \r\n"
    b"Content-Type: application/json\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\n{}"
)


def test_plain_request_is_read():
    request = read_whole(PLAIN)

    assert request is not None
    assert (request.target, request.body) == ("/omi-webhook?uid=u", b"{}")
    assert request.headers == {
        "Host": "localhost",
        "X-Omi-Signature": "t=1,v1=ab",
        "Content-Type": "application/json",
        "Connection": "keep-alive",
        "Content-Length": "2",
    }


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"{}", b"{"),
        (b"{}", b"{}POST"),
        (b"POST", b"GET"),
        (b"1.1", b"1.0"),
        (b"/omi", b"http://host/omi"),
        (b"uid=u", b"uid=\xc3\xbc"),
        (b"Host: localhost\r\n", b""),
        (b"Host: localhost", b"Host: localhost\r\nHost: localhost"),
        (b"Host: localhost", b"Host: localhost\r\nhost: other"),
        (b"Host: localhost", b"Host: localhost\r\nContent-Length: 2"),
        (b"Host: localhost", b"Host: localhost\r\nTransfer-Encoding: chunked"),
        (b"Host: localhost", b"Host: localhost\r\nExpect: 100-continue"),
        (b"Host: localhost", b"Host: localhost\r\nContent-Encoding: gzip"),
        (b"Host: localhost", b"Host: localhost\r\n folded"),
        (b"Host: localhost", b"Host: localhost\r\nno-colon"),
        (b"Host: localhost", b"Host: localhost\r\nX: a\x0bb"),
        (b"Host: localhost", b"Host: localhost\nX: a"),
        (b"Host: localhost", b"Host: localhost\r\nX : a"),
        (b"Host: localhost", b"Host: " + b"x" * 1024),
        (b"keep-alive", b"close"),
        (b"keep-alive", b"keep-alive, Upgrade"),
        (b"Length: 2", b"Length: +2"),
        (b"Length: 2", b"Length: 0x2"),
        (b"Length: 2", b"Length: 2, 2"),
        (b"Length: 2", b"Length: 0000000000002"),
    ],
)
def test_other_request_is_left_to_tornado(old, new):
    assert read_whole(PLAIN.replace(old, new)) is None


PIECES = [
    *(PLAIN[:end] for end in (4, 25, 33, 52)),
    *(b"POST", b" ", b"/", b"HTTP/1.1", b"HTTP/1.0", b"\r\n", b"\n", b"\r", b": ", b":", b"\t", b"\x00", b"\xff"),
    *(b"Host", b"host", b"Content-Length", b"2", b"{}", b"Transfer-Encoding", b"chunked", b"X-A", b",", b";"),
]


@settings(max_examples=500)
@given(st.integers(0, len(PLAIN)), st.integers(0, 40), st.lists(st.sampled_from(PIECES), max_size=4).map(b"".join))
def test_what_is_read_tornado_reads_the_same(at, cut, put):
    data = PLAIN[:at] + put + PLAIN[at + cut :]
    request = read_whole(data)
    if request is None:
        return

    head, _, body = data.partition(b"\r\n\r\n")
    first, _, lines = head.decode("latin-1").partition("\r\n")
    start, headers = parse_request_start_line(first), HTTPHeaders.parse(lines)
    assert head_problem(head + b"\r\n\r\n") is None
    assert length_problem(start.version, headers["Content-Length"], headers) is None
    assert (start.method, start.path, start.version) == ("POST", request.target, "HTTP/1.1")
    assert (dict(headers.get_all()), body) == (request.headers, request.body)
    assert int(headers["Content-Length"]) == len(body)


@pytest.fixture
def by_tornado(monkeypatch):
    """Return a list that gets a True for each request that Tornado reads."""
    seen = []
    read = HTTP1Connection.read_response

    def read_and_note(self, delegate):
        seen.append(True)
        return read(self, delegate)

    monkeypatch.setattr(HTTP1Connection, "read_response", read_and_note)
    return seen


async def test_whole_webhooks_of_a_connection_need_no_tornado(connection, system, by_tornado):
    for _ in range(3):
        assert (await connection.request("POST", TARGET, BODY)).json == {}

    assert (len(system.texts), by_tornado) == (3, [])


async def test_both_ways_of_a_webhook_send_the_same(connection, by_tornado):
    headers = {"X-Request-Id": "r1", "Connection": "keep-alive"}
    short = await connection.request("POST", TARGET, BODY, headers)
    long = await connection.request("POST", TARGET, BODY, {**headers, "Trailer": "X"})

    assert by_tornado == [True]
    assert (short.status, short.body) == (long.status, long.body)
    assert {**short.headers, "date": ""} == {**long.headers, "date": ""}


async def test_all_kinds_of_requests_take_turns_on_one_connection(connection, system, by_tornado):
    ways = [
        request_bytes("POST", TARGET, BODY),
        request_bytes("GET", "/livez"),
        request_bytes("POST", TARGET, BODY, {"Trailer": "X"}),
        request_bytes("POST", "/livez", b"{}"),
    ]
    for first, second in itertools.product(ways, repeat=2):
        for request in (first, second):
            connection.write(request)
            assert (await connection.reply()).status in (200, 405)

    assert len(by_tornado) == 24
    assert len(system.texts) == 16


async def test_request_that_comes_during_a_whole_one_waits_for_its_reply(connection, system):
    system.outcomes.append(None)
    told = asyncio.Event()
    system.on_received = told.set
    connection.write(request_bytes("POST", TARGET, BODY, {"X-Request-Id": "first"}))
    await asyncio.wait_for(told.wait(), TIMEOUT_S)
    connection.write(request_bytes("GET", "/livez", headers={"X-Request-Id": "second"}))
    connection.write(request_bytes("POST", TARGET, BODY, {"X-Request-Id": "third"}))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(connection.reader.read(1), 0.05)
    assert len(system.received) == 1
    system.open[0].try_set(Ingested())

    assert [(await connection.reply()).headers["x-request-id"] for _ in range(3)] == ["first", "second", "third"]


async def test_request_behind_a_whole_one_is_not_begun_by_a_draining_server(start, system, by_tornado):
    system.outcomes.append(None)
    async with await Connection.open(await start()) as connection:
        connection.write(request_bytes("POST", TARGET, BODY))
        await wait_until(lambda: system.received)
        connection.write(request_bytes("GET", "/livez"))
        (loop,) = start.server.http_server._connections
        await wait_until(lambda: loop.stream._read_buffer)
        start.traffic.is_draining = True
        system.open[0].try_set(Ingested())

        assert (await connection.reply()).headers["connection"] == "close"
        assert await connection.ends()
    assert by_tornado == []


async def test_request_behind_a_whole_one_is_not_begun_when_its_sender_has_left(start, system, by_tornado):
    system.outcomes.append(None)
    async with await Connection.open(await start()) as connection:
        connection.write(request_bytes("POST", TARGET, BODY))
        await wait_until(lambda: system.received)
        connection.write(request_bytes("GET", "/livez"))
        (loop,) = start.server.http_server._connections
        await wait_until(lambda: loop.stream._read_buffer)
        connection.abort()

        await wait_until(lambda: not start.server.http_server._connections)
    assert (start.traffic.active, by_tornado) == (0, [])


async def test_flood_during_a_whole_request_ends_its_connection_only(start, system, caplog):
    caplog.set_level("CRITICAL", "tornado.general")
    system.outcomes.append(None)
    port = await start()
    async with await Connection.open(port) as flooding, await Connection.open(port) as other:
        flooding.write(request_bytes("POST", TARGET, BODY))
        await wait_until(lambda: system.received)
        flooding.write(b"x" * 8 * 1024 * 1024)

        assert await flooding.ends()
        assert start.traffic.active == 0
        assert (await other.request("POST", TARGET, BODY)).status == 200


async def test_idle_connection_is_closed_in_time_after_a_whole_request(start):
    async with await Connection.open(await start(IDLE_CONNECTION_TIMEOUT_MS="100")) as connection:
        await connection.request("POST", TARGET, BODY)

        assert await connection.ends()


async def test_whole_request_under_way_outlasts_the_idle_timeout(start, system):
    system.outcomes.append(None)
    async with await Connection.open(await start(IDLE_CONNECTION_TIMEOUT_MS="100")) as connection:
        connection.write(request_bytes("POST", TARGET, BODY))
        await wait_until(lambda: system.received)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(connection.reader.read(1), 0.25)
        system.open[0].try_set(Ingested())

        assert (await connection.reply()).status == 200
        assert await connection.ends()


async def test_whole_reply_that_its_reader_does_not_take_holds_the_next_request(start, system):
    system.outcomes.extend([Ingested("x" * 16 * 1024 * 1024, "d1"), Ingested()])
    async with await Connection.open(await start()) as connection:
        connection.write(request_bytes("POST", TARGET, BODY))
        await wait_until(lambda: system.received)
        connection.write(request_bytes("POST", TARGET, BODY))
        (loop,) = start.server.http_server._connections
        await wait_until(lambda: loop.stream._read_buffer)
        assert len(system.received) == 1

        assert len((await connection.reply()).body) > 16 * 1024 * 1024
        assert (await connection.reply()).json == {}
