"""Random nonsense at every address: an answer or a closed connection, never a 500, and the server stays alive."""

import asyncio
import json
import random

import pytest

from tests.web.http_client import Connection

_ROUTES = ["/omi-webhook?uid=u", "/transcript/x", "/operator?key=k", "/operator/links", "/operator/sign-out"]
_ROUTES += ["/health", "/livez", "/readyz", "/metrics", "/nowhere", "/omi-webhook/", "/chat", "/"]
_ROUTES += ["/chat", "/context/switch", "/context/status/default", "/omi-webhook/queue-status", "/chat/?a=%00", "/help"]
_ROUTES += ["/api/info", "/metrics-dashboard", "/metrics-dashboard/data.json", "/metrics-dashboard/dashboard.css"]
_METHODS = ["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH", "BREW"]
_HEADERS = [
    "Content-Length",
    "Transfer-Encoding",
    "Content-Type",
    "Cookie",
    "Origin",
    "Authorization",
    "Host",
    "Expect",
]
_HEADERS += ["X-Request-Id", "X-Forwarded-For", "Accept-Encoding", "Idempotency-Key", "Connection", "X-Omi-Signature"]
_VALUES = [
    "",
    "0",
    "5",
    "-1",
    "chunked",
    "gzip",
    "multipart/form-data; boundary=x",
    "a" * 3000,
    "\x7f\xff",
    "null",
    "*",
]
_VALUES += ["application/x-www-form-urlencoded", "application/json; charset=utf-16", "Bearer \xe4", "100-continue"]
_SCALARS = [None, True, 0, -1, 1e308, 2**63, 2**200, "", "a", "\x00", "\ud800", "uid", "🎉" * 50, float("inf")]
_KEYS = [
    "segments",
    "text",
    "uid",
    "session_id",
    "id",
    "start",
    "end",
    "message",
    "memory",
    "transcript_segments",
    "key",
]


# Comes after each request; its answer ends the connection, unless the request before has swallowed it.
_LAST = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
_IMPATIENT = {"BODY_TIMEOUT_MS": "100", "IDLE_CONNECTION_TIMEOUT_MS": "100"}


@pytest.fixture(autouse=True)
def _no_last_words(monkeypatch):
    monkeypatch.setattr("web.entry._READ_REFUSAL_S", 0.01)
    monkeypatch.setattr("web.edge.stream._LINGER_S", 0.01)


def odd_json(rng, depth=4):
    kind = rng.random()
    if depth == 0 or kind < 0.3:
        return rng.choice(_SCALARS)
    if kind < 0.6:
        return [odd_json(rng, depth - 1) for _ in range(rng.randrange(4))]
    return {rng.choice(_KEYS): odd_json(rng, depth - 1) for _ in range(rng.randrange(5))}


def odd_request(rng):
    body = json.dumps(odd_json(rng)).encode() if rng.random() < 0.8 else rng.randbytes(rng.randrange(300))
    lines = [f"{rng.choice(_METHODS)} {rng.choice(_ROUTES)} HTTP/1.1", "Host: localhost"]
    lines += [f"{rng.choice(_HEADERS)}: {rng.choice(_VALUES)}" for _ in range(rng.randrange(3))]
    if rng.random() < 0.9:
        lines.append(f"Content-Length: {len(body)}")
    raw = "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + body
    return damaged(rng, raw) if rng.random() < 0.3 else raw


def damaged(rng, raw):
    data = bytearray(raw)
    for _ in range(rng.randrange(1, 6)):
        at = rng.randrange(len(data))
        match rng.randrange(3):
            case 0:
                data[at] = rng.randrange(256)
            case 1:
                del data[at : at + rng.randrange(1, 20)]
            case 2:
                data[at:at] = rng.randbytes(rng.randrange(1, 20))
        if not data:
            break
    return bytes(data)


async def statuses_of(port, raw):
    """Return the statuses with which the server answers some bytes, up to the end of the connection."""
    async with await Connection.open(port) as connection:
        connection.write(raw + _LAST)
        async with asyncio.timeout(5):
            try:
                said = await connection.reader.read()
            except ConnectionError:
                return []
    return [int(part.split(b" ", 1)[0]) for part in said.split(b"HTTP/1.1 ")[1:] if part[:3].isdigit()]


@pytest.mark.parametrize("seed", range(4))
async def test_nonsense_is_never_a_500(seed, start, system, tmp_path):
    rng = random.Random(seed)
    port = await start(ENABLE_RATE_LIMIT="false", DATA_DIR=str(tmp_path), **_IMPATIENT)
    seen = set()
    for _ in range(150):
        raw = odd_request(rng)

        statuses = await statuses_of(port, raw)

        assert all(status < 500 for status in statuses), (statuses, raw)
        seen.update(statuses)
    assert await statuses_of(port, b"") == [200]
    assert {200, 400, 404, 405} <= seen  # it got as far as the handlers
    assert start.traffic.active == 0
    assert start.server._site.uploads.held_bytes == 0


@pytest.mark.parametrize("seed", range(2))
async def test_noise_is_never_a_500(seed, start):
    rng = random.Random(seed)
    port = await start(**_IMPATIENT)
    for _ in range(100):
        raw = rng.randbytes(rng.randrange(1, 2000)) + rng.choice([b"", b"\r\n\r\n", b"\n\n"])

        assert all(status < 500 for status in await statuses_of(port, raw)), raw
    assert await statuses_of(port, b"") == [200]
