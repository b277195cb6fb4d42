"""The operator: by a token, or in a browser by a link that works once; nothing else gives the rights."""

import re
import stat

import pytest
from structlog.testing import capture_logs

from omi_actors.clock import ManualClock
from tests.web.conftest import ADMIN, UID
from tests.web.http_client import Connection
from web.edge.operator_sessions import KEY_LIFETIME_S, SESSION_LIFETIME_S

TRANSCRIPT = f"/transcript/{UID}"  # the operator's; 404 for them, 401 for others
SAME_ORIGIN = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def folder(tmp_path):
    return {"DATA_DIR": str(tmp_path)}


@pytest.fixture
async def connection(start, folder):
    """A server with its connection: `connection.path` is a fresh link's."""
    async with await Connection.open(await start(**folder)) as connection:
        yield connection


async def sign_in(connection, start, **headers):
    reply = await connection.request("GET", start.server.operator_path(), headers=headers)
    return cookie_of(reply)


def cookie_of(reply):
    return reply.headers["set-cookie"].partition(";")[0]


async def is_operator(connection, cookie=None, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    reply = await connection.request("GET", TRANSCRIPT, headers=named | ({"Cookie": cookie} if cookie else {}))
    assert reply.status in (401, 404)
    return reply.status == 404


async def test_link_makes_a_browser_the_operators(connection, start):
    reply = await connection.request("GET", start.server.operator_path())

    assert (reply.status, reply.headers["location"]) == (303, "/operator")
    assert reply.headers["referrer-policy"] == "no-referrer"
    assert reply.headers["cache-control"] == "no-store"
    cookie = reply.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "secure" not in cookie  # it came by http
    assert await is_operator(connection, cookie_of(reply))
    page = await connection.request("GET", "/operator", headers={"Cookie": cookie_of(reply)})
    assert (page.status, b"Sign out" in page.body) == (200, True)
    assert page.headers["referrer-policy"] == "same-origin"  # by "no-referrer" its form would have `Origin: null`
    assert "script-src 'self'" in page.headers["content-security-policy"]


async def test_link_is_never_sent_as_referrer_even_without_security_headers(start, folder):
    async with await Connection.open(await start(ENABLE_HELMET="false", **folder)) as connection:
        reply = await connection.request("GET", start.server.operator_path())

        assert reply.headers["referrer-policy"] == "no-referrer"


async def test_link_works_once(connection, start):
    path = start.server.operator_path()
    await connection.request("GET", path)

    reply = await connection.request("GET", path)

    assert (reply.status, reply.json["code"], "set-cookie" in reply.headers) == (401, "unauthorized", False)
    assert "used already" in reply.json["error"]


async def test_link_is_good_for_ten_minutes(start, folder):
    clock = ManualClock()
    async with await Connection.open(await start(clock, **folder)) as connection:
        late, in_time = start.server.operator_path(), start.server.operator_path()
        clock.advance(KEY_LIFETIME_S - 1)
        assert (await connection.request("GET", in_time)).status == 303
        clock.advance(1)

        assert (await connection.request("GET", late)).status == 401


@pytest.mark.parametrize("name", ["Sec-Purpose", "Purpose"])
async def test_browser_that_fetches_ahead_does_not_use_the_link_up(name, connection, start):
    path = start.server.operator_path()

    assert (await connection.request("GET", path, headers={name: "prefetch"})).status == 403
    assert (await connection.request("HEAD", path)).status == 405
    assert (await connection.request("GET", path)).status == 303


@pytest.mark.parametrize(
    "target", ["/operator", "/operator?key=", "/operator?key=guess", "/operator?key=" + "x" * 2_000]
)
async def test_bad_key_opens_no_session(target, connection):
    reply = await connection.request("GET", target)

    assert (reply.status, "set-cookie" in reply.headers) == (401, False)


async def test_by_https_the_cookie_is_secure_and_this_hosts_alone(start, folder):
    async with await Connection.open(await start(TRUST_PROXY="loopback", **folder)) as connection:
        reply = await connection.request("GET", start.server.operator_path(), headers={"X-Forwarded-Proto": "https"})

        cookie = reply.headers["set-cookie"].lower()
        assert cookie.startswith("__host-omi_operator=")
        assert "secure" in cookie
        assert "path=/" in cookie
        assert "domain" not in cookie
        assert await is_operator(connection, cookie_of(reply))


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.com"},
        {"Origin": "http://localhost:8081"},
        {"Origin": "null"},
        {"Origin": "http://localhost.evil.com"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Origin": "http://localhost", "Sec_Fetch_Site": "cross-site"},
    ],
)
async def test_page_on_another_origin_is_not_the_operator_although_the_browser_adds_the_cookie(
    headers, connection, start
):
    cookie = await sign_in(connection, start)

    assert await is_operator(connection, cookie)
    assert not await is_operator(connection, cookie, **headers)
    sign_out = {name.replace("_", "-"): value for name, value in headers.items()}
    reply = await connection.request("POST", "/operator/sign-out", headers={"Cookie": cookie, **sign_out})
    assert (reply.status, reply.json["code"]) == (403, "foreign_origin")
    assert await is_operator(connection, cookie)


async def test_page_that_may_use_the_server_is_not_the_operator_for_that(start, folder):
    port = await start(CORS_ORIGINS="https://app.example.com", **folder)
    async with await Connection.open(port) as connection:
        cookie = await sign_in(connection, start)

        assert not await is_operator(connection, cookie, Origin="https://app.example.com")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X_Forwarded_For": "127.0.0.1"},
        {"Forwarded": "for=127.0.0.1;host=localhost"},
        {"X_Real_Ip": "127.0.0.1"},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Basic YWRtaW4tdG9rZW4="},
        {"Authorization": "admin-token-of-the-tests-alone"},
        {"Cookie": "omi_operator=admin-token-of-the-tests-alone"},
        {"Cookie": "omi_operator="},
        {"Cookie": "__Host-omi_operator=x; omi_operator=y"},
    ],
)
@pytest.mark.parametrize("trusted", ["", "1", "loopback"])
async def test_loopback_alone_gives_no_operators_rights(headers, trusted, start, folder):
    async with await Connection.open(await start(TRUST_PROXY=trusted, **folder)) as connection:
        assert not await is_operator(connection, **headers)


async def test_tunnel_reaches_nothing_of_the_operators(start, folder):
    port = await start(**folder)
    async with await Connection.open(port) as connection:
        cookie = await sign_in(connection, start)
        head = f"GET {TRANSCRIPT} HTTP/1.1\r\nHost: tunnel.example.com\r\nCookie: {cookie}\r\n\r\n"
        connection.write(head.encode())

        assert (await connection.reply()).status == 421


async def test_operator_behind_a_proxy_needs_the_token_like_everywhere(start, folder):
    port = await start(APP_ENV="production", HOST="127.0.0.1", TRUST_PROXY="loopback", **folder)
    async with await Connection.open(port) as connection:
        assert not await is_operator(connection, X_Forwarded_For="127.0.0.1")
        assert await is_operator(connection, X_Forwarded_For="203.0.113.9", **ADMIN)


async def test_signing_out_ends_the_session_and_the_cookie(connection, start):
    cookie = await sign_in(connection, start)

    reply = await connection.request("POST", "/operator/sign-out", headers={"Cookie": cookie, **SAME_ORIGIN})

    assert (reply.status, b"Signed out" in reply.body) == (200, True)
    assert 'omi_operator=""' in reply.headers["set-cookie"]
    assert not await is_operator(connection, cookie)


async def test_session_ends_after_its_time(start, folder):
    clock = ManualClock()
    async with await Connection.open(await start(clock, **folder)) as connection:
        cookie = await sign_in(connection, start)
        clock.advance(SESSION_LIFETIME_S - 1)
        assert await is_operator(connection, cookie)
        clock.advance(1)

        assert not await is_operator(connection, cookie)


async def test_restart_keeps_sign_ins_and_sign_outs(start, folder):
    async with await Connection.open(await start(**folder)) as connection:
        stays, leaves = await sign_in(connection, start), await sign_in(connection, start)
        unused = start.server.operator_path()
        await connection.request("POST", "/operator/sign-out", headers={"Cookie": leaves, **SAME_ORIGIN})

    async with await Connection.open(await start(**folder)) as connection:
        assert await is_operator(connection, stays)
        assert not await is_operator(connection, leaves)
        assert (await connection.request("GET", unused)).status == 401


async def test_another_session_secret_signs_every_browser_out(start, folder):
    first, second = {"SESSION_SECRET": "first", **folder}, {"SESSION_SECRET": "second", **folder}
    async with await Connection.open(await start(**first)) as connection:
        cookie = await sign_in(connection, start)
    async with await Connection.open(await start(**first)) as connection:
        assert await is_operator(connection, cookie)

    async with await Connection.open(await start(**second)) as connection:
        assert not await is_operator(connection, cookie)


async def test_file_holds_no_token_and_only_its_owner_reads_it(connection, start, tmp_path):
    token = (await sign_in(connection, start)).partition("=")[2]
    file = tmp_path / "operator-sessions.json"

    assert token not in file.read_text()
    assert re.search(r'"[0-9a-f]{64}":', file.read_text())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", ["", "nonsense", "[]", '{"a":"b"}', "{"])
async def test_damaged_file_opens_no_session_and_stops_nothing(content, start, folder, tmp_path):
    (tmp_path / "operator-sessions.json").write_text(content)
    async with await Connection.open(await start(**folder)) as connection:
        assert not await is_operator(connection, "omi_operator=a")
        assert await is_operator(connection, await sign_in(connection, start))


async def test_session_that_cannot_be_kept_is_none(start, folder, tmp_path):
    async with await Connection.open(await start(**folder)) as connection:
        path = start.server.operator_path()
        (tmp_path / "operator-sessions.json.new").mkdir()  # where the file is written first

        reply = await connection.request("GET", path)

    assert (reply.status, reply.json["code"], "set-cookie" in reply.headers) == (500, "internal_error", False)


async def test_number_of_links_and_sessions_is_bounded(start, folder):
    async with await Connection.open(await start(ENABLE_RATE_LIMIT="false", **folder)) as connection:
        first_link = start.server.operator_path()
        for _ in range(8):
            start.server.operator_path()
        assert (await connection.request("GET", first_link)).status == 401
        first = await sign_in(connection, start)
        cookies = [await sign_in(connection, start) for _ in range(32)]

        assert not await is_operator(connection, first)
        assert await is_operator(connection, cookies[-1])


async def test_operator_gets_another_link_by_the_token(connection):
    reply = await connection.request("POST", "/operator/links", headers=ADMIN)

    assert (reply.status, reply.json["expiresInS"]) == (201, 600)
    assert (await connection.request("GET", reply.json["path"])).status == 303
    assert (await connection.request("POST", "/operator/links")).status == 401


async def test_operators_browser_chats_as_the_operator(connection, start, system):
    cookie = await sign_in(connection, start)

    await connection.request("POST", "/chat", b'{"message":"hi"}', {"Cookie": cookie, **SAME_ORIGIN})
    await connection.request("POST", "/chat", b'{"message":"hi"}')

    mine, strangers = (question.session_key for question in system.questions)
    assert mine.startswith("chat:operator:")
    assert strangers.startswith("anon:")


async def test_key_and_token_are_in_no_log(connection, start):
    path = start.server.operator_path()

    with capture_logs() as lines:
        cookie = cookie_of(await connection.request("GET", path))
        await connection.request("GET", path)
        await connection.request("GET", "/operator", headers={"Cookie": cookie})

    assert len(lines) == 3
    assert path.partition("=")[2] not in str(lines)
    assert cookie.partition("=")[2] not in str(lines)
