"""Real connections: cut, slow, too large, pipelined, old, closing."""

import asyncio
import contextlib
import itertools
import json
import logging
import time

import pytest

from omi_actors.actors.session.messages import Ingested
from tests.web.conftest import ADMIN
from tests.web.http_client import TIMEOUT_S, Connection, request_bytes

BODY = b'{"segments":[{"text":"a"}]}'
TARGET = "/omi-webhook?uid=u"
KB = 1024


def chunked(*pieces, target=TARGET, method="POST"):
    head = f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    return head + b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)


@pytest.fixture
async def small(start):
    """A connection to a server that takes bodies of at most 64 kB."""
    async with await Connection.open(await start(MAX_REQUEST_SIZE="64kb")) as connection:
        yield connection


async def test_requests_of_one_connection_are_answered_in_turn(connection, system):
    connection.write(request_bytes("POST", TARGET, BODY, {"X-Request-Id": "one"}) * 2)
    connection.write(request_bytes("GET", "/livez") + request_bytes("POST", TARGET, BODY, {"X-Request-Id": "last"}))

    ids = [(await connection.reply()).headers["x-request-id"] for _ in range(4)]

    assert (ids[:2], ids[3]) == (["one", "one"], "last")
    assert system.texts == ["a"] * 3


async def test_chunked_body_is_one_body(connection, system):
    connection.write(chunked(BODY[:5], BODY[5:], b""))

    assert (await connection.reply()).status == 200
    assert system.texts == ["a"]


async def test_declared_too_large_body_is_answered_200_and_dropped_before_it_is_sent(small, system, metric):
    before = metric("omi_webhooks_dropped_total", reason="too_large")
    small.write(f"POST {TARGET} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n".encode())

    reply = await small.reply()

    assert (reply.status, reply.body, reply.dropped) == (200, b"{}", "too_large")
    assert reply.headers["connection"] == "close"
    assert metric("omi_webhooks_dropped_total", reason="too_large") == before + 1
    assert system.received == []
    small.writer.write_eof()
    assert await small.ends()  # and not a word more


async def test_sender_of_a_too_large_body_gets_the_reply_also_when_it_reads_only_after_sending_all(small):
    size = 20 * KB * KB
    small.write(f"POST {TARGET} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n".encode())
    piece = b"x" * (256 * KB)
    for _ in range(size // len(piece)):
        small.write(piece)
        await asyncio.wait_for(small.writer.drain(), TIMEOUT_S)

    assert (await small.reply()).dropped == "too_large"
    assert await small.ends()


async def test_chunked_too_large_body_is_counted_and_dropped(small, system):
    small.write(chunked(*[b"x" * KB] * 65))

    reply = await small.reply()
    small.write(b"400\r\n" + b"x" * KB + b"\r\n0\r\n\r\n")

    assert (reply.status, reply.dropped) == (200, "too_large")
    assert await small.ends()
    assert system.received == []


@pytest.mark.parametrize("length", ["\xb2", "5, 6", "-1", "1e3"])
async def test_length_that_is_no_number_is_refused(length, small, system, caplog):
    caplog.set_level(logging.CRITICAL, "tornado.general")
    small.write(f"POST {TARGET} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n12345".encode("latin-1"))

    assert (await small.reply()).status == 400
    assert system.received == []


async def test_too_large_body_with_a_wrong_token_is_refused_as_unauthorized(small):
    small.write(f"POST {TARGET}&token=x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n".encode())

    assert (await small.reply()).status == 401


async def test_body_of_exactly_the_limit_is_taken(small, system):
    filler = 64 * KB - len(b'{"segments":[{"text":""}]}')
    reply = await small.request("POST", TARGET, b'{"segments":[{"text":"%s"}]}' % (b"x" * filler))

    assert (reply.dropped, len(system.texts[0])) == (None, filler)


async def test_refused_sender_cannot_send_for_ever(small, monkeypatch):
    monkeypatch.setattr("web.entry._LINGER_BYTES", 64 * KB)
    small.write(chunked(*[b"x" * KB] * 65))
    await small.reply()

    small.write(b"".join(b"400\r\n" + b"x" * KB + b"\r\n" for _ in range(128)))

    assert await small.ends()


async def test_sender_that_waits_for_100_continue_is_refused_at_once(small):
    small.write(
        f"POST {TARGET} HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
        "Content-Length: 99999999\r\n\r\n".encode()
    )

    assert (await small.reply()).dropped == "too_large"
    assert await small.ends()


async def test_sender_that_waits_for_100_continue_gets_it(connection):
    connection.write(
        f"POST {TARGET} HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
        f"Content-Length: {len(BODY)}\r\n\r\n".encode()
    )
    interim = await asyncio.wait_for(connection.reader.readuntil(b"\r\n\r\n"), TIMEOUT_S)
    connection.write(BODY)

    assert interim.startswith(b"HTTP/1.1 100")
    assert (await connection.reply()).status == 200


@pytest.mark.parametrize(
    "request_head",
    [
        b"POST /livez HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: r1\r\nContent-Length: 99999999999\r\n\r\n",
        chunked(*[b"x" * KB] * 65, target="/livez").replace(b"Host: localhost", b"Host: localhost\r\nX-Request-Id: r1"),
    ],
)
async def test_too_large_body_elsewhere_is_413(request_head, small):
    small.write(request_head)

    reply = await small.reply()

    assert (reply.status, reply.json["code"], reply.json["request_id"]) == (413, "too_large", "r1")


async def test_connection_that_ends_in_its_body_leaves_nothing_behind(start, system, metric):
    before = metric("omi_http_requests_total", route="/omi-webhook", method="POST", status="closed")
    connection = await Connection.open(await start())
    connection.write(f"POST {TARGET} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\n{{".encode())
    await wait_until(lambda: start.traffic.active == 1)

    connection.abort()

    await wait_until(lambda: start.traffic.active == 0)
    assert start.traffic._bodies == {}
    assert system.received == []
    assert metric("omi_http_requests_total", route="/omi-webhook", method="POST", status="closed") == before + 1


async def test_connection_that_ends_before_its_reply_is_noticed(start, system):
    system.outcomes.append(None)
    told = asyncio.Event()
    system.on_received = told.set
    connection = await Connection.open(await start())
    connection.write(request_bytes("POST", TARGET, BODY))
    await asyncio.wait_for(told.wait(), TIMEOUT_S)

    connection.abort()

    await wait_until(lambda: start.traffic.active == 0)
    system.open[0].try_set(Ingested("for nobody", "d1"))
    assert [sent.reached for sent in system.sent] == [False]
    assert start.traffic.active == 0  # once is over


async def test_answer_that_its_reader_never_took_has_not_reached(start, system):
    system.outcomes.append(Ingested("more than a socket holds " * 1_000_000, "d1"))
    said = asyncio.Event()
    system.on_sent = said.set
    connection = await Connection.open(await start())
    connection.write(request_bytes("POST", TARGET, BODY))
    await asyncio.wait_for(connection.reader.readexactly(100), TIMEOUT_S)
    connection.reader._transport.pause_reading()

    connection.abort()

    await asyncio.wait_for(said.wait(), TIMEOUT_S)
    assert [sent.reached for sent in system.sent] == [False]


@pytest.mark.parametrize(("target", "status", "dropped"), [(TARGET, 200, "body_timeout"), ("/livez", 408, None)])
async def test_body_that_trickles_is_refused_in_time(target, status, dropped, start, system, monkeypatch):
    monkeypatch.setattr("web.entry._READ_REFUSAL_S", 0.05)
    async with await Connection.open(await start(BODY_TIMEOUT_MS="150")) as connection:
        connection.write(f"POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\n".encode())
        replied = asyncio.ensure_future(connection.reply())
        while not replied.done():
            connection.write(b"x")
            await asyncio.wait([replied], timeout=0.02)
        reply = await replied

        assert (reply.status, reply.dropped, reply.headers["connection"]) == (status, dropped, "close")
        assert await connection.ends()
    assert system.received == []


async def test_body_timeout_does_not_count_the_wait_for_the_system(start, system):
    system.outcomes.append(None)
    async with await Connection.open(await start(BODY_TIMEOUT_MS="100")) as connection:
        waiting = asyncio.create_task(connection.request("POST", TARGET, BODY))
        early, _ = await asyncio.wait([waiting], timeout=0.3)
        system.open[0].try_set(Ingested())

        assert not early
        assert (await waiting).status == 200


async def test_connection_without_a_request_is_closed_in_time(start):
    async with await Connection.open(await start(IDLE_CONNECTION_TIMEOUT_MS="100")) as connection:
        assert await connection.ends()


@pytest.mark.parametrize(
    ("version", "asked", "said", "ends"),
    [
        ("HTTP/1.1", None, None, False),
        ("HTTP/1.1", "keep-alive", "keep-alive", False),
        ("HTTP/1.1", "close", "close", True),
        ("HTTP/1.0", "keep-alive", "keep-alive", False),
        ("HTTP/1.0", None, None, True),
    ],
)
async def test_connection_stays_open_if_its_sender_wants_it_to(version, asked, said, ends, connection):
    headers = {} if asked is None else {"Connection": asked}
    connection.write(request_bytes("POST", TARGET, BODY, headers, version))

    reply = await connection.reply()

    assert (reply.status, reply.headers.get("connection")) == (200, said)
    if ends:
        assert await connection.ends()
    else:
        assert (await connection.request("GET", "/livez")).status == 200


@pytest.mark.parametrize(
    "garbage", [b"nonsense\r\n\r\n", b"POST / HTTP/1.1\r\nno colon\r\n\r\n", b"\x16\x03\x01" * 30_000]
)
async def test_garbage_ends_its_own_connection_only(garbage, start, system, caplog):
    port = await start()
    caplog.set_level(logging.CRITICAL, "tornado.general")
    async with await Connection.open(port) as bad, await Connection.open(port) as good:
        bad.write(garbage)
        async with asyncio.timeout(TIMEOUT_S):
            with contextlib.suppress(ConnectionError):
                assert (await bad.reader.read()).startswith((b"HTTP/1.1 400", b""))

        assert (await good.request("POST", TARGET, BODY)).status == 200


async def test_100_000_segments_are_taken_without_holding_the_loop(connection, system):
    segments = [{"id": str(number), "text": "a few words", "start": 1} for number in range(100_000)]
    data = request_bytes("POST", TARGET, json.dumps({"segments": segments}).encode())
    beats = []

    async def beat():
        while True:
            # Time that this thread worked, not time that passed: other programs are none of our business.
            beats.append(time.thread_time())
            await asyncio.sleep(0.001)

    beating = asyncio.create_task(beat())
    for at in range(0, len(data), 256 * KB):
        connection.write(data[at : at + 256 * KB])
        await connection.writer.drain()
    reply = await connection.reply()
    await asyncio.sleep(0.01)  # one more beat: the longest pause may have been the last
    beating.cancel()

    assert (reply.status, reply.dropped) == (200, None)
    assert [len(message.segments) for message in system.received] == [1000] * 100
    assert max(later - earlier for earlier, later in itertools.pairwise(beats)) < 0.05


async def test_stopping_lets_open_requests_finish(start, system):
    system.outcomes.append(None)
    told = asyncio.Event()
    system.on_received = told.set
    async with await Connection.open(await start()) as connection:
        waiting = asyncio.create_task(connection.request("POST", TARGET, BODY))
        await asyncio.wait_for(told.wait(), TIMEOUT_S)
        stopping = asyncio.create_task(start.server.stop(5.0))
        await wait_until(lambda: start.traffic.is_draining)
        system.open[0].try_set(Ingested("just in time", "d1"))

        reply = await waiting

        assert (reply.json, reply.headers["connection"]) == ({"message": "just in time"}, "close")
        assert await stopping is True
        assert await connection.ends()
    assert [sent.reached for sent in system.sent] == [True]


async def test_stopping_cuts_off_requests_that_outlast_the_grace(start, system):
    system.outcomes.append(None)
    told = asyncio.Event()
    system.on_received = told.set
    async with await Connection.open(await start()) as connection:
        connection.write(request_bytes("POST", TARGET, BODY))
        await asyncio.wait_for(told.wait(), TIMEOUT_S)

        assert await start.server.stop(0.05) is False
        assert await connection.ends()


async def test_stopped_server_takes_no_connection(start):
    port = await start()

    await start.server.stop(0.0)

    with pytest.raises(ConnectionError):
        await Connection.open(port)


@pytest.mark.parametrize(("method", "target", "body"), [("GET", "/transcript/x", b""), ("POST", TARGET, BODY)])
async def test_draining_server_closes_connections_that_come_back(method, target, body, start):
    async with await Connection.open(await start()) as connection:
        await connection.request("GET", "/livez")
        start.traffic.is_draining = True

        reply = await connection.request(method, target, body, ADMIN if method == "GET" else {})

        assert reply.headers["connection"] == "close"
        assert await connection.ends()


async def wait_until(is_true):
    async with asyncio.timeout(TIMEOUT_S):
        while not is_true():  # noqa: ASYNC110 (no event marks that a socket has noticed)
            await asyncio.sleep(0.001)
