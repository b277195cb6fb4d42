"""Pages of other sites: permission to read answers, and security headers for browsers."""

import gzip
import re

import pytest
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine

from tests.web.conftest import ADMIN
from tests.web.http_client import Connection
from tests.web.test_access import ROWS, pattern_of, rules
from web.app import Gzip
from web.edge.browsers import Cors

ORIGINS = "https://app.example.com,https://*.example.org,http://localhost:8081"


@pytest.fixture
async def ask(start):
    port = await start(CORS_ORIGINS=ORIGINS, CORS_MAX_AGE="600")
    async with await Connection.open(port) as connection:

        async def request(method="GET", target="/livez", **headers):
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return await connection.request(method, target, headers=named)

        yield request


@pytest.mark.parametrize(
    "origin",
    [
        "https://app.example.com",
        "HTTPS://APP.EXAMPLE.COM",
        "https://a.example.org",
        "https://a.b.example.org",
        "http://localhost:8081",
    ],
)
async def test_allowed_page_may_read(origin, ask):
    reply = await ask(Origin=origin)

    assert reply.headers["access-control-allow-origin"] == origin
    assert reply.headers["access-control-allow-credentials"] == "true"
    assert reply.headers["vary"] == "Origin, Accept-Encoding"


@pytest.mark.parametrize(
    "origin",
    [
        "https://example.com",
        "http://app.example.com",
        "https://app.example.com.evil.com",
        "https://app.example.com:444",
        "https://example.org",
        "https://.example.org",
        "https://evilexample.org",
        "https://evil.com/.example.org",
        "https://evil.com#.example.org",
        "https://evil@a.example.org",
        "https://a..example.org",
        "https://a.example.org:8443",
        "http://a.example.org",
        "http://localhost:8082",
        "null",
        "*",
        "",
    ],
)
async def test_other_page_may_not(origin, ask):
    reply = await ask(Origin=origin)
    preflight = await ask("OPTIONS", Origin=origin, Access_Control_Request_Method="GET")

    for said in (reply, preflight):
        assert not [name for name in said.headers if name.startswith("access-control")]
        assert said.headers["vary"].startswith("Origin")


async def test_preflight_request_lists_allowed_methods_and_headers(ask):
    reply = await ask("OPTIONS", "/transcript/x", Origin="https://a.example.org", Access_Control_Request_Method="GET")

    assert (reply.status, reply.body) == (204, b"")
    assert reply.headers["access-control-allow-methods"] == "GET"
    assert "Authorization" in reply.headers["access-control-allow-headers"]
    assert reply.headers["access-control-max-age"] == "600"


async def test_preflight_request_of_every_route_and_method_is_answered_for_allowed_pages_only(ask):
    allow = "access-control-allow-methods"
    for path, methods in {pattern_of(row.path): path_and_methods(row) for row in ROWS}.values():
        for method in methods:
            for origin in ("https://app.example.com", "https://evil.com"):
                reply = await ask("OPTIONS", path, Origin=origin, Access_Control_Request_Method=method)
                is_allowed = origin == "https://app.example.com"
                assert (reply.status, reply.body) == (204, b""), path
                assert reply.headers["vary"].startswith("Origin")
                named = reply.headers.get(allow, "").split(", ")
                assert (method in named) is is_allowed, (path, method)
                assert (reply.headers.get("access-control-allow-origin") == origin) is is_allowed


def path_and_methods(row):
    """Return a path of a row's address, and the methods that the application's own table has for it."""
    (rule,) = (rule for rule in rules() if rule.matcher.regex.pattern == pattern_of(row.path))
    return re.sub(r":\w+", "x", row.path).partition("?")[0], rule.target.allowed_methods()


@pytest.mark.parametrize(("origin", "status"), [("https://a.example.org", 200), ("https://evil.com", 403)])
async def test_allowed_page_may_chat_and_no_other(origin, status, start):
    async with await Connection.open(await start(CORS_ORIGINS=ORIGINS)) as connection:
        headers = {"Origin": origin, "Sec-Fetch-Site": "cross-site"}
        reply = await connection.request("POST", "/chat", b'{"message":"hi"}', headers)

    assert reply.status == status
    assert ("access-control-allow-origin" in reply.headers) is (status == 200)


async def test_errors_can_be_read_by_allowed_pages_too(ask):
    reply = await ask(target="/transcript/x", Origin="https://a.example.org")

    assert (reply.status, reply.headers["access-control-allow-origin"]) == (401, "https://a.example.org")


async def test_no_page_may_read_by_default(connection):
    reply = await connection.request("GET", "/livez", headers={"Origin": "http://localhost:3000"})

    assert not [name for name in reply.headers if name.startswith("access-control")]


def test_pattern_matches_whole_labels_only():
    cors = Cors(("https://*.example.com:8443",), 0)

    assert cors.allows("https://a.example.com:8443")
    assert not cors.allows("https://a.example.com")
    assert not cors.allows("https://a.notexample.com:8443")


async def test_answers_carry_strict_security_headers(connection):
    headers = (await connection.request("GET", "/livez")).headers

    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert (headers["x-frame-options"], headers["referrer-policy"]) == ("DENY", "same-origin")
    assert headers["x-content-type-options"] == "nosniff"
    assert "strict-transport-security" not in headers  # by http it means nothing


async def test_https_is_to_be_kept_once_seen(start):
    async with await Connection.open(await start(TRUST_PROXY="1")) as connection:
        reply = await connection.request("GET", "/livez", headers={"X-Forwarded-Proto": "https"})

        assert "max-age" in reply.headers["strict-transport-security"]


async def test_security_headers_can_be_left_to_a_proxy(start):
    async with await Connection.open(await start(ENABLE_HELMET="false")) as connection:
        headers = (await connection.request("GET", "/livez")).headers

    assert {"content-security-policy", "x-frame-options", "referrer-policy"}.isdisjoint(headers)


@pytest.mark.parametrize(("switch", "encoding"), [("true", "gzip"), ("false", None)])
async def test_long_answers_are_gzipped_for_clients_that_accept_it(switch, encoding, start):
    async with await Connection.open(await start(ENABLE_COMPRESSION=switch)) as connection:
        reply = await connection.request("GET", "/metrics", headers={"Accept-Encoding": "gzip"} | ADMIN)
        plain = await connection.request("GET", "/metrics", headers=ADMIN)

    assert reply.headers.get("content-encoding") == encoding
    text = gzip.decompress(reply.body) if encoding else reply.body
    assert text.startswith(b"# HELP")
    assert "content-encoding" not in plain.headers


@pytest.mark.parametrize(("method", "target"), [("GET", "/livez"), ("POST", "/omi-webhook?uid=u")])
async def test_short_answers_and_webhooks_are_not_gzipped(method, target, connection):
    body = b'{"segments":[]}' if method == "POST" else b""

    reply = await connection.request(method, target, body, {"Accept-Encoding": "gzip"})

    assert (reply.status, reply.headers.get("content-encoding")) == (200, None)


async def test_head_of_a_long_answer_is_its_head(connection):
    reply = await connection.request("HEAD", "/metrics", headers={"Accept-Encoding": "gzip"} | ADMIN)

    assert (reply.status, reply.body) == (200, b"")
    assert (await connection.request("GET", "/livez")).status == 200


async def test_streamed_chat_is_not_gzipped(connection):
    headers = {"Accept": "text/event-stream", "Accept-Encoding": "gzip"}

    reply = await connection.request("POST", "/chat", b'{"message":"hi"}', headers)

    assert reply.headers["content-type"].startswith("text/event-stream")
    assert "content-encoding" not in reply.headers


def test_event_streams_are_never_gzipped():
    start_line = RequestStartLine("GET", "/", "HTTP/1.1")
    asked = HTTPHeaders({"Accept-Encoding": "gzip", "Host": "localhost"})
    request = HTTPServerRequest(start_line=start_line, headers=asked)
    headers = HTTPHeaders({"Content-Type": "text/event-stream; charset=utf-8"})

    _, sent, chunk = Gzip(request).transform_first_chunk(200, headers, b"data: x\n\n" * 1000, finishing=False)

    assert ("Content-Encoding" in sent, chunk) == (False, b"data: x\n\n" * 1000)
