"""Malformed and ambiguous requests: refused in the one form, without effect on others."""

import asyncio
import re

import pytest

from tests.web.http_client import Connection, request_bytes
from tests.web.test_connections import wait_until

FORM = {"error", "code", "hint", "request_id", "requestId", "timestamp"}
KB = 1024
CHUNKED = b"Transfer-Encoding: chunked\r\n"


def get(*lines, target=b"/livez", start=None):
    return b"\r\n".join([start or b"GET " + target + b" HTTP/1.1", b"Host: localhost", *lines, b"", b""])


def post(*lines, body=b"", target=b"/livez"):
    return b"\r\n".join([b"POST " + target + b" HTTP/1.1", b"Host: localhost", *lines, b"", b""]) + body


@pytest.mark.parametrize(
    "request_head",
    [
        b"nonsense\r\n\r\n",
        b"GET /livez\r\n\r\n",
        b"GET  /livez HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /li vez HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /livez HTTP/2.0\r\nHost: localhost\r\n\r\n",
        b"GET /livez HTTQ/1.1\r\nHost: localhost\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"G@T /livez HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /\x00livez HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /livez HTTP/1.1\r\n\r\n",
        get(b"Host: second"),
        get(b"no colon"),
        get(b"Space : before the colon"),
        get(b": no name"),
        get(b"X-Null: a\x00b"),
        get(b"X-Folded: a", b" b"),
        get(b"X-Folded: a", b"\tb"),
        b"GET /livez HTTP/1.1\r\n Host: localhost\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Folded:\r\n a\r\n\r\n",
        b"GET /livez HTTP/1.1\nHost: localhost\n\n",
        b"GET /livez HTTP/1.1\nHost: localhost\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: localhost\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\n",
        b"\nGET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /livez HTTP/1.1\r\r\nHost: localhost\r\n\r\n",
        b"\rGET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n",
        get(b"X-Hidden: a\nContent-Length: 5"),
        get(b"X-Hidden: a\rContent-Length: 5"),
        get(b"X-Hidden: a\r"),
        get(b"X-Hidden: a\x0bb"),
    ],
)
async def test_malformed_request_is_400_in_the_one_form(request_head, start):
    port = await start()
    async with await Connection.open(port) as connection:
        connection.write(request_head)

        reply = await connection.reply()

        assert (reply.status, set(reply.json), reply.headers["connection"]) == (400, FORM, "close")
        assert (reply.json["code"], reply.headers["content-type"]) == (
            "malformed_request",
            "application/json; charset=utf-8",
        )
        assert re.fullmatch("[0-9a-f]{16}", reply.json["request_id"])
        assert await connection.ends()


@pytest.mark.parametrize("target", [b"/livez", b"/omi-webhook?uid=u"])
@pytest.mark.parametrize(
    ("lines", "body"),
    [
        ((b"Content-Length: 5", b"Transfer-Encoding: chunked"), b"0\r\n\r\n"),
        ((b"Transfer-Encoding: chunked", b"Content-Length: 5"), b"0\r\n\r\n"),
        ((b"Content-Length: 5", b"Content-Length: 6"), b"123456"),
        ((b"Content-Length: 5", b"Content-Length: 5"), b"12345"),
        ((b"Content-Length: 5,5",), b"12345"),
        ((b"Content-Length: -5",), b"12345"),
        ((b"Content-Length: +5",), b"12345"),
        ((b"Content-Length: 0x5",), b"12345"),
        ((b"Content-Length: 5 5",), b"12345"),
        ((b"Content-Length: ",), b"12345"),
        ((b"Transfer-Encoding: gzip",), b"12345"),
        ((b"Transfer-Encoding: chunked, gzip",), b"12345"),
        ((b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"), b"0\r\n\r\n"),
        ((b"Transfer-Encoding: xchunked",), b"0\r\n\r\n"),
        ((b"Transfer-Encoding: chunked",), b"-1\r\nx\r\n0\r\n\r\n"),
        ((b"Transfer-Encoding: chunked",), b"0x1\r\nx\r\n0\r\n\r\n"),
        ((b"Transfer-Encoding: chunked",), b"1\r\nxyz\r\n0\r\n\r\n"),
        ((b"Transfer-Encoding: chunked",), b"5;a=\r\n\r\n12345\r\n0\r\n\r\n"),
        ((b"Transfer-Encoding: chunked",), b"zz\r\n"),
        ((b"Content-Length : 5",), b"12345"),
        ((b"X: y\nContent-Length: 5",), b"12345"),
        ((b"X: y\nTransfer-Encoding: chunked",), b"0\r\n\r\n"),
        ((b"Content-Length: 5\nX: y",), b"12345"),
        ((b"Content-Length: 5\r",), b"12345"),
        ((b"Content-Length:\r\n 5",), b"12345"),
        ((b"Content-Length: 5\x00",), b"12345"),
        ((b"Transfer-Encoding\x00: chunked",), b"0\r\n\r\n"),
        ((b"Transfer-Encoding: chunked",), b"1\nx\n0\n\n"),
        ((b"Transfer-Encoding: chunked",), b"1\r\nx\n0\r\n\r\n"),
        ((b"Transfer-Encoding: chunked",), b"0\r\nX-Trailer: a\r\n\r\n"),
    ],
)
async def test_length_that_two_servers_could_read_differently_is_refused(target, lines, body, start, system):
    async with await Connection.open(await start()) as connection:
        connection.write(post(*lines, body=body, target=target) + request_bytes("GET", "/readyz"))

        reply = await connection.reply()

        assert (reply.status, set(reply.json), reply.headers["connection"]) == (400, FORM, "close")
        assert await connection.ends()  # the hidden second request is not answered
    assert system.received == []


async def test_http_1_0_has_no_chunks(start):
    async with await Connection.open(await start()) as connection:
        connection.write(b"POST /livez HTTP/1.0\r\n" + CHUNKED + b"\r\n0\r\n\r\n")

        assert (await connection.reply()).json["code"] == "ambiguous_length"


@pytest.mark.parametrize("given", ["r.1", "A-Z_0"])
async def test_request_id_survives_a_malformed_request(given, start):
    async with await Connection.open(await start()) as connection:
        connection.write(get(b"X-Request-Id: " + given.encode(), b"no colon"))

        reply = await connection.reply()

        assert (reply.json["request_id"], reply.headers["x-request-id"]) == (given, given)


@pytest.mark.parametrize(
    ("request_head", "status", "code"),
    [
        (get(b"X-Large: " + b"x" * 17 * KB), 431, "headers_too_large"),
        (get(b"Cookie: " + b"a=b; " * 5 * KB), 431, "headers_too_large"),
        (get(*[b"X-%d: y" % number for number in range(500)]), 431, "headers_too_large"),
        (get(target=b"/livez?" + b"x" * 9 * KB), 414, "target_too_long"),
        (get(target=b"/" + b"x" * 20 * KB), 414, "target_too_long"),
    ],
)
async def test_head_that_is_too_large_is_refused_with_its_limit(request_head, status, code, start):
    async with await Connection.open(await start()) as connection:
        connection.write(request_head)

        reply = await connection.reply()

        assert (reply.status, reply.json["code"], set(reply.json)) == (status, code, FORM)
        assert await connection.ends()


async def test_endless_header_ends_its_connection(start):
    async with await Connection.open(await start()) as connection:
        connection.write(b"GET /livez HTTP/1.1\r\nX-Flood: ")
        ended = asyncio.ensure_future(connection.ends())
        while not ended.done():
            connection.write(b"x" * 4 * KB)
            await asyncio.wait([ended], timeout=0.01)

        assert await ended


async def test_cookies_that_browsers_really_send_pass(connection):
    cookies = "; ".join(f"name{number}={'v' * 60}" for number in range(60))

    assert (await connection.request("GET", "/livez", headers={"Cookie": cookies})).status == 200


@pytest.mark.parametrize("cookie", ["=", ";;;", "a=b=c;d", '"', "omi_operator=" + "x" * 4000, "\x80\xff", "$a=1"])
async def test_odd_cookie_is_no_trouble(cookie, connection):
    reply = await connection.request("GET", "/transcript/x", headers={"Cookie": cookie})

    assert (reply.status, set(reply.json)) == (401, FORM)


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/../etc/passwd", 404),
        ("/./livez", 404),
        ("/%2e%2e/%2e%2e/etc/passwd", 404),
        ("/livez/..", 404),
        ("//livez", 404),
        ("/livez%00", 404),
        ("/transcript/%00", 404),
        ("/transcript/a%zz", 404),
        ("/transcript/%ff", 404),
        ("/transcript/" + "x" * 300, 404),
        ("/transcript/..", 401),
        ("/livez?%zz=%00&=&&", 200),
        ("/operator?key=%ff%00", 400),
        ("/operator?key=%zz", 401),
        ("*", 404),
        ("http://localhost/livez", 200),
        ("localhost:80", 404),
        ("/\\..\\..\\windows", 404),
        ("/livez;a=b", 404),
    ],
)
async def test_odd_path_is_answered_in_the_one_form(target, status, connection):
    reply = await connection.request("GET", target)

    assert reply.status == status
    assert status == 200 or set(reply.json) == FORM
    assert (await connection.request("GET", "/livez")).status == 200


@pytest.mark.parametrize("method", ["BREW", "get", "PROPFIND", "CONNECT", "TRACE", "A" * 200, "M-SEARCH"])
@pytest.mark.parametrize(
    ("target", "allow"), [("/livez", "GET, HEAD"), ("/omi-webhook", "POST"), ("/operator", "GET"), ("/nowhere", "")]
)
async def test_unknown_verb_is_405(method, target, allow, connection):
    reply = await connection.request(method, target)

    assert (reply.status, reply.headers["allow"], set(reply.json)) == (405, allow, FORM)


async def test_refusals_are_counted(connection, metric):
    labels = {"route": "other", "method": "other", "status": "4xx"}
    before = metric("omi_http_requests_total", **labels)
    connection.write(b"nonsense\r\n\r\n")

    await connection.reply()

    assert metric("omi_http_requests_total", **labels) == before + 1


async def test_refused_sender_that_still_sends_reads_its_refusal(start):
    port = await start()
    async with await Connection.open(port) as connection:
        connection.reader._transport.pause_reading()
        connection.write(post(b"Content-Length: 5", CHUNKED.strip()) + b"x" * 500 * KB)
        connection.writer.write_eof()
        await wait_until(lambda: start.server.http_server._limits.total == 1)
        await wait_until(lambda: start.server.http_server._limits.total == 0)
        connection.reader._transport.resume_reading()

        assert (await connection.reply()).status == 400


async def test_refused_request_gets_no_second_answer(start):
    async with await Connection.open(await start(MAX_REQUEST_SIZE="1kb")) as connection:
        connection.write(post(CHUNKED.strip(), body=b"401\r\n" + b"x" * 1025 + b"\r\n"))
        reply = await connection.reply()
        connection.write(b"nonsense\r\n")

        assert reply.status == 413
        assert await connection.ends()
