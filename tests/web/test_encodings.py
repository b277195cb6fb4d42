"""Compressed bodies: read at every route, within the limits of plain ones. And addresses in place of paths."""

import gzip
import json
import zlib

import pytest

from omi_actors.clock import ManualClock
from tests.canaries import WEBHOOK_TOKEN
from tests.web.conftest import ADMIN, UID
from tests.web.http_client import Connection, request_bytes
from tests.web.test_connections import wait_until
from tests.web.test_webhook_auth import BODY, SECRET, SIGNATURE, SIGNED_AT
from web.edge.encodings import Unpacker

HOOK = f"/omi-webhook?uid={UID}&token={WEBHOOK_TOKEN}"
SEGMENTS = json.dumps({"segments": [{"text": "the shop opens at nine"}]}).encode()
MIB = 1024 * 1024


def pack_gzip(data):
    """Compress without a time, so that the names of tests are the same in each process."""
    return gzip.compress(data, mtime=0)


def raw_deflate(data):
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def in_two(data):
    return pack_gzip(data[:10]) + pack_gzip(data[10:])


FORMS = [
    ("gzip", pack_gzip),
    ("GZIP", pack_gzip),
    ("x-gzip", pack_gzip),
    ("gzip", in_two),
    (" gzip , identity", pack_gzip),
    ("deflate", zlib.compress),
    ("Deflate", raw_deflate),
    ("identity", bytes),
    ("", bytes),
]


async def send(connection, target, body, encoding, *headers, is_chunked=False):
    """Send a body, whole or in chunks of one byte."""
    given = {"Content-Encoding": encoding, "Content-Type": "application/json", **dict(headers)}
    if not is_chunked:
        return await connection.request("POST", target, body, given)
    head = request_bytes("POST", target, b"", {**given, "Transfer-Encoding": "chunked"})
    connection.write(head.replace(b"Content-Length: 0\r\n", b""))
    for byte in body:
        connection.write(b"1\r\n" + bytes([byte]) + b"\r\n")
    connection.write(b"0\r\n\r\n")
    return await connection.reply()


@pytest.mark.parametrize("is_chunked", [False, True])
@pytest.mark.parametrize(("encoding", "pack"), FORMS)
async def test_packed_webhook_is_read(encoding, pack, is_chunked, connection, system):
    reply = await send(connection, HOOK, pack(SEGMENTS), encoding, is_chunked=is_chunked)

    assert (reply.status, reply.body, reply.dropped) == (200, b"{}", None)
    assert system.texts == ["the shop opens at nine"]


@pytest.mark.parametrize(("encoding", "pack"), FORMS)
async def test_packed_body_of_every_other_route_is_read(encoding, pack, connection, system):
    chat = await send(connection, "/chat", pack(b'{"message": "hello"}'), encoding)
    switch = await send(
        connection, "/context/switch", pack(b'{"session_id": "s", "space": "todos"}'), encoding, *ADMIN.items()
    )
    pause = await send(connection, "/operator/queue/pause", pack(b'{"sort": "answer"}'), encoding, *ADMIN.items())

    assert [chat.status, switch.status, switch.json["currentSpace"]] == [200, 200, "todos"]
    assert pause.json["error"].startswith("The fields must be strings named")  # so it has read them


@pytest.mark.parametrize(
    "encoding", ["br", "zstd", "compress", "gzip, gzip", "deflate, gzip", "aws-chunked", "gzip;q=1", "utf-8", "\xe9"]
)
@pytest.mark.parametrize("target", [HOOK, "/chat", "/context/switch", "/nowhere"])
async def test_other_encoding_is_refused_by_its_name(encoding, target, connection, system):
    reply = await send(connection, target, b"packed somehow", encoding)

    assert (reply.status, reply.json["code"]) == (415, "unsupported_encoding")
    shown = f" `{encoding}`" if encoding not in ("gzip;q=1", "\xe9") else ""
    assert reply.json["error"] == f"The body's Content-Encoding{shown} is not supported."
    assert system.received == []


async def test_encoding_of_no_body_is_passed_over(connection):
    assert (await connection.request("GET", "/livez", headers={"Content-Encoding": "br"})).status == 200
    assert (await connection.request("GET", "/livez", headers={"Content-Encoding": "gzip"})).status == 200


@pytest.mark.parametrize(
    ("body", "encoding", "says"),
    [
        (SEGMENTS, "gzip", "is not gzip, as its"),
        (SEGMENTS, "deflate", "is not deflate, as its"),
        (zlib.compress(SEGMENTS), "gzip", "is not gzip, as its"),
        (pack_gzip(SEGMENTS)[:-1], "gzip", "ends before its gzip does"),
        (pack_gzip(SEGMENTS)[:5], "gzip", "ends before its gzip does"),
        (zlib.compress(SEGMENTS)[:1], "deflate", "ends before its deflate does"),
        (pack_gzip(SEGMENTS) + b"more", "gzip", "is not gzip, as its"),
        (pack_gzip(SEGMENTS)[:-8] + bytes(8), "gzip", "is not gzip, as its"),
    ],
)
@pytest.mark.parametrize("target", [HOOK, "/chat"])
async def test_body_that_is_not_what_its_encoding_says_is_400(body, encoding, says, target, connection, system):
    reply = await send(connection, target, body, encoding)

    assert reply.status == 400
    assert says in reply.json["error"]
    assert system.received == []


BOMBS = [
    ("gzip", pack_gzip(bytes(64 * MIB))),
    ("gzip", pack_gzip(b"[" * 11 * MIB)),
    ("gzip", pack_gzip(bytes(MIB)) * 16),
    ("deflate", zlib.compress(bytes(64 * MIB))),
]


@pytest.mark.parametrize(("encoding", "bomb"), BOMBS)
@pytest.mark.parametrize("target", [HOOK, "/chat", "/context/switch"])
async def test_body_that_unpacks_to_too_much_is_413(encoding, bomb, target, connection, start, system):
    reply = await send(connection, target, bomb, encoding)

    assert (reply.status, reply.json["code"]) == (413, "too_large")
    assert reply.json["error"] == "The body unpacks to more than MAX_REQUEST_SIZE."
    assert system.received == []
    await wait_until(lambda: start.server._site.uploads.held_bytes == 0)


def test_bomb_is_unpacked_no_further_than_it_is_read():
    unpacker = Unpacker("gzip")
    pieces = unpacker.unpack(pack_gzip(bytes(64 * MIB)))

    assert max(len(next(pieces)) for _ in range(3)) <= 64 * 1024


@pytest.mark.parametrize("pack", [pack_gzip, zlib.compress, raw_deflate])
def test_unpacker_loses_no_byte_at_the_edges_of_its_pieces(pack):
    for size in range(2**16 - 2, 2**16 + 300):
        packed = pack(bytes(size))
        for cut in (1, 2, len(packed) - 1, len(packed)):
            unpacker = Unpacker("gzip" if pack is pack_gzip else "deflate")
            assert sum(len(piece) for part in (packed[:cut], packed[cut:]) for piece in unpacker.unpack(part)) == size
            assert unpacker.is_whole


async def test_packed_body_that_calls_itself_a_form_is_read(connection):
    form = ("Content-Type", "application/x-www-form-urlencoded")  # what curl says of any body

    assert (await send(connection, "/chat", pack_gzip(b'{"message": "hello"}'), "gzip", form)).status == 200


async def test_body_of_exactly_the_limit_is_read_when_packed(start, system):
    async with await Connection.open(await start(MAX_REQUEST_SIZE="200kb")) as connection:
        spaces = b" " * (200 * 1024 - len(SEGMENTS))
        fits = await send(connection, HOOK, pack_gzip(SEGMENTS + spaces), "gzip")
        exceeds = await send(connection, HOOK, pack_gzip(SEGMENTS + spaces + b" "), "gzip")

    assert [fits.status, exceeds.status] == [200, 413]
    assert len(system.texts) == 1


async def test_refused_token_is_401_before_anything_is_unpacked(connection):
    reply = await send(connection, f"/omi-webhook?uid={UID}&token=wrong", b"not gzip", "gzip")
    bomb = await send(connection, f"/omi-webhook?uid={UID}&token=wrong", BOMBS[0][1], "gzip")

    assert [reply.status, bomb.status] == [401, 401]


async def test_signature_is_of_the_unpacked_body(start, system):
    port = await start(ManualClock(SIGNED_AT), OMI_SIGNING_SECRETS=SECRET)
    async with await Connection.open(port) as connection:
        target, signature = f"/omi-webhook?uid={UID}", ("X-Omi-Signature", SIGNATURE)
        reply = await send(connection, target, pack_gzip(BODY), "gzip", signature)

    assert reply.status == 200
    assert system.received


# --- addresses in place of paths


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("http://localhost/livez", 200),
        ("HTTP://LOCALHOST:3000/livez?x=1", 200),
        ("https://localhost/livez", 200),
        ("http://localhost/health", 200),
        ("http://localhost", 200),
        ("http://localhost?x=1", 200),
        ("http://localhost/nowhere", 404),
        ("http://elsewhere.example/health", 421),
        ("http://elsewhere.example/livez", 200),  # a probe may use any name
        ("http://localhost@elsewhere.example/health", 421),
        ("http:///health", 421),
        ("ftp://localhost/livez", 404),
        ("livez", 404),
    ],
)
async def test_address_in_place_of_a_path_is_served_as_its_path(target, status, connection):
    assert (await connection.request("GET", target)).status == status


async def test_address_names_the_host_whatever_the_header_says(connection):
    connection.write(b"GET http://localhost/health HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n")
    named = await connection.reply()
    connection.write(b"GET http://elsewhere.example/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
    foreign = await connection.reply()

    assert [named.status, foreign.status] == [200, 421]


async def test_webhook_and_chat_are_served_by_their_address(connection, system):
    hook = await connection.request("POST", f"http://localhost{HOOK}", SEGMENTS)
    chat = await connection.request("POST", "http://localhost/chat", b'{"message": "hello"}')

    assert [hook.status, chat.status] == [200, 200]
    assert system.texts == ["the shop opens at nine"]
