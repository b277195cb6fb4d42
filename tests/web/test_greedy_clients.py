"""Clients that are slow, many, or greedy: ended in time, while others are served."""

import asyncio
import contextlib
import json

import pytest

from tests.web.http_client import TIMEOUT_S, Connection, request_bytes
from tests.web.test_connections import wait_until

KB = 1024
TARGET = "/omi-webhook?uid=u"
BODY = b'{"segments":[{"text":"a"}]}'


async def end_of(connection):
    """Wait until the server has closed the connection."""
    async with asyncio.timeout(TIMEOUT_S):
        with contextlib.suppress(ConnectionError):
            await connection.reader.read()


async def test_300_slow_loris_are_gone_in_time_and_others_served_meanwhile(start, system):
    port = await start(IDLE_CONNECTION_TIMEOUT_MS="1000", BODY_TIMEOUT_MS="1000")
    beginnings = (
        b"GET /livez HTTP/1.1\r\nX-Slow: ",
        b"POST /omi-webhook?uid=u HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{",
        b"",
    )
    slow = [await Connection.open(port) for _ in range(300)]
    for number, connection in enumerate(slow):
        connection.write(beginnings[number % 3])
    ends = asyncio.gather(*(end_of(connection) for connection in slow))
    served = 0
    async with await Connection.open(port) as good:
        while not ends.done():
            for connection in slow:
                if not connection.reader.at_eof():
                    connection.write(b"x")
            assert (await good.request("POST", TARGET, BODY)).status == 200
            served += 1
            await asyncio.wait([ends], timeout=0.1)
    await ends

    assert served > 5
    assert len(system.received) == served
    await wait_until(lambda: start.server.http_server._limits.total == 0)
    for connection in slow:
        connection.abort()


async def test_reader_that_takes_nothing_of_its_reply_is_cut(start, system):
    from omi_actors.actors.session.messages import Ingested  # noqa: PLC0415 (only here)

    system.outcomes.append(Ingested("more than sockets hold " * 1_000_000, "d1"))
    async with await Connection.open(await start(IDLE_CONNECTION_TIMEOUT_MS="400")) as connection:
        connection.reader._transport.pause_reading()
        connection.write(request_bytes("POST", TARGET, BODY))

        await wait_until(lambda: system.sent)

        assert [sent.reached for sent in system.sent] == [False]
        await wait_until(lambda: start.server.http_server._limits.total == 0)


async def test_one_address_has_its_share_of_connections_and_gets_it_back(start):
    port = await start(MAX_CONNECTIONS_PER_ADDRESS="2")
    first, second = await Connection.open(port), await Connection.open(port)
    await first.request("GET", "/livez")
    await second.request("GET", "/livez")
    async with await Connection.open(port) as third:
        reply = await third.reply()

        assert (reply.status, reply.json["code"], reply.headers["retry-after"]) == (429, "too_many_connections", "5")
        assert await third.ends()
    await first.close()
    await wait_until(lambda: start.server.http_server._limits.total == 1)
    async with await Connection.open(port) as fourth:
        assert (await fourth.request("GET", "/livez")).status == 200
    assert (await second.request("GET", "/livez")).status == 200
    await second.close()


async def test_proxy_has_as_many_connections_as_it_needs(start):
    port = await start(MAX_CONNECTIONS_PER_ADDRESS="1", TRUST_PROXY="loopback")
    async with await Connection.open(port) as first, await Connection.open(port) as second:
        assert (await first.request("GET", "/livez")).status == 200
        assert (await second.request("GET", "/livez")).status == 200


def test_one_address_cannot_take_every_connection():
    from web.edge.listener import share_of  # noqa: PLC0415 (only here)

    assert [share_of(room) for room in (1000, 4, 1)] == [750, 3, 1]


async def test_full_server_refuses_with_503(start):
    port = await start(MAX_CONNECTIONS="1")
    async with await Connection.open(port) as first, await Connection.open(port) as second:
        reply = await second.reply()

        assert (reply.status, reply.json["code"]) == (503, "too_many_connections")
        assert (await first.request("GET", "/livez")).status == 200


def test_limit_of_connections_leaves_files_for_the_store():
    import resource  # noqa: PLC0415 (only here)

    from web.edge.listener import possible_connections  # noqa: PLC0415 (only here)

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
    try:
        assert possible_connections(10_000) == 1024 - 128
        assert possible_connections(100) == 100
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
async def crowded(start):
    """A server with room for 256 kB of large bodies, that checks signatures, so unauthenticated bodies arrive."""
    return await start(MAX_BUFFERED_BODIES="256kb", MAX_REQUEST_SIZE="256kb", OMI_SIGNING_SECRETS="whsec_x")


async def hold(port, kilobytes):
    connection = await Connection.open(port)
    head = f"POST {TARGET} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {kilobytes * KB + 1}\r\n\r\n"
    connection.write(head.encode() + b"x" * kilobytes * KB)
    return connection


async def test_unauthenticated_bodies_share_one_bounded_memory(crowded, start, system):
    uploads = start.server._site.uploads
    first = await hold(crowded, 200)
    await wait_until(lambda: uploads.held_bytes >= 190 * KB)
    async with await hold(crowded, 200) as second:
        reply = await second.reply()

        assert (reply.status, reply.dropped) == (200, "overloaded")
    async with await Connection.open(crowded) as small:
        assert (await small.request("POST", TARGET, BODY)).status == 401  # small ones find their way
    assert uploads.held_bytes <= 256 * KB

    first.abort()

    await wait_until(lambda: uploads.held_bytes == 0)
    assert system.received == []


async def test_sender_that_retries_gets_503_when_memory_is_full(crowded, start):
    first = await hold(crowded, 200)
    await wait_until(lambda: start.server._site.uploads.held_bytes >= 190 * KB)
    async with await Connection.open(crowded) as second:
        second.write(
            f"POST {TARGET} HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key: k\r\n"
            f"Content-Length: {200 * KB}\r\n\r\n".encode()
            + b"x" * 100 * KB
        )

        reply = await second.reply()

        assert (reply.status, reply.json["code"], reply.headers["retry-after"]) == (503, "overloaded", "5")
    first.abort()


async def test_memory_of_a_large_body_is_free_when_it_is_answered(start, system):
    port = await start(MAX_BUFFERED_BODIES="64kb", MAX_REQUEST_SIZE="200kb")
    body = json.dumps({"segments": [{"text": "x" * 150 * KB}]}).encode()
    async with await Connection.open(port) as connection:
        for _ in range(3):
            assert (await connection.request("POST", TARGET, body)).dropped is None
        await connection.request("GET", "/livez")

    assert start.server._site.uploads.held_bytes == 0
    assert len(system.received) == 3


async def test_slow_body_with_a_wrong_token_is_refused_as_unauthorized(start):
    async with await Connection.open(await start(BODY_TIMEOUT_MS="100")) as connection:
        connection.write(f"POST {TARGET}&token=x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n".encode())

        assert (await connection.reply()).status == 401
