"""Host names and proxies' headers: neither is trusted without a setting."""

import pytest
from tornado.httputil import HTTPHeaders

from config.values import parse_trusted
from tests.web.http_client import Connection
from web.edge.addresses import Client, find_client

BODY = b'{"segments":[{"text":"a"}]}'


async def ask(port, host, target="/health", method="GET", body=b"", **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in named.items()]
    async with await Connection.open(port) as connection:
        connection.write("\r\n".join([*lines, "", ""]).encode() + body)
        return await connection.reply()


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:3000", "127.0.0.1", "127.0.0.1:3000", "[::1]:3000", "omi.localhost", "localhost."]
)
async def test_development_server_goes_by_the_names_of_this_machine(host, start):
    assert (await ask(await start(), host)).status == 200


@pytest.mark.parametrize(
    "host", ["evil.com", "evil.com:3000", "localhost.evil.com", "127.0.0.1.evil.com", "192.168.1.2", "", "[", "a" * 300]
)
async def test_page_with_a_name_that_points_here_gets_nothing(host, start):
    reply = await ask(await start(), host, Authorization="Bearer admin-token-of-the-tests-alone")

    assert (reply.status, reply.json["code"]) == (421, "foreign_host")
    assert "ALLOWED_HOSTS" in reply.json["hint"]
    assert reply.headers["connection"] == "close"


@pytest.mark.parametrize(
    ("setting", "host", "status"),
    [
        ("omi.example.com", "omi.example.com", 200),
        ("omi.example.com", "OMI.example.com:443", 200),
        ("omi.example.com", "other.example.com", 421),
        ("*.example.com", "a.b.example.com", 200),
        ("*.example.com", "example.com", 421),
        ("*.example.com", "evilexample.com", 421),
        ("omi.example.com", "localhost", 200),
        ("*", "anything.at.all", 200),
    ],
)
async def test_further_names_are_allowed_by_a_setting(setting, host, status, start):
    assert (await ask(await start(ALLOWED_HOSTS=setting), host)).status == status


@pytest.mark.parametrize(("allowed", "status"), [("", 200), ("omi.example.com", 421)])
async def test_production_takes_every_name_unless_a_setting_lists_names(allowed, status, start):
    port = await start(APP_ENV="production", HOST="127.0.0.1", ALLOWED_HOSTS=allowed)

    assert (await ask(port, "some.name")).status == status
    assert (await ask(port, "10.0.0.1", "/livez")).status == 200  # probes ask by address


async def test_development_server_for_the_network_goes_by_addresses_but_not_by_names(start):
    port = await start(HOST="0.0.0.0")  # noqa: S104 (the point)

    assert (await ask(port, "192.168.1.2:3000")).status == 200
    assert (await ask(port, "evil.com")).status == 421


@pytest.mark.parametrize(
    ("host", "headers", "status"),
    [
        ("localhost", {}, 200),
        ("tunnel.example.com", {}, 401),
        ("localhost", {"X_Forwarded_For": "203.0.113.9"}, 401),
        ("localhost", {"Origin": "http://localhost"}, 401),
    ],
)
async def test_webhook_through_a_tunnel_needs_its_token(host, headers, status, start):
    port = await start()

    assert (await ask(port, host, "/omi-webhook?uid=u", "POST", BODY, **headers)).status == status
    assert (
        await ask(port, host, "/omi-webhook?uid=u&token=hook-token-of-the-tests-alone", "POST", BODY, **headers)
    ).status == 200


@pytest.mark.parametrize(
    ("trusted", "peer", "forwarded", "address"),
    [
        ("", "10.0.0.1", "203.0.113.9", "10.0.0.1"),
        ("1", "10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("1", "10.0.0.1", "6.6.6.6, 203.0.113.9", "203.0.113.9"),
        ("2", "10.0.0.1", "6.6.6.6, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("2", "10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("1", "10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.0/8", "10.0.0.1", "6.6.6.6, 203.0.113.9, 10.9.9.9", "203.0.113.9"),
        ("10.0.0.0/8", "192.0.2.1", "203.0.113.9", "192.0.2.1"),
        ("loopback", "127.0.0.1", "203.0.113.9:5555", "203.0.113.9"),
        ("loopback", "::1", "[2001:db8::1]:5555", "2001:db8::1"),
        ("loopback", "::ffff:127.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("loopback", "127.0.0.1", "unknown", "127.0.0.1"),
        ("loopback", "127.0.0.1", "203.0.113.9, nonsense", "127.0.0.1"),
        ("loopback", "127.0.0.1", ",,,", "127.0.0.1"),
        ("private,loopback", "127.0.0.1", "203.0.113.9, 192.168.0.7", "203.0.113.9"),
    ],
)
def test_client_is_the_first_address_that_is_no_proxy(trusted, peer, forwarded, address):
    headers = HTTPHeaders({"X-Forwarded-For": forwarded, "Forwarded": "for=6.6.6.6"} if forwarded else {})

    assert find_client(peer, headers, parse_trusted(trusted)).address == address


@pytest.mark.parametrize(
    ("trusted", "proto", "is_https"),
    [
        ("1", "https", True),
        ("1", "http", False),
        ("1", "https, http", False),
        ("1", "wss", False),
        ("", "https", False),
    ],
)
def test_scheme_comes_from_the_nearest_trusted_proxy(trusted, proto, is_https):
    headers = HTTPHeaders({"X-Forwarded-Proto": proto})

    assert find_client("10.0.0.1", headers, parse_trusted(trusted)).is_https is is_https


def test_one_network_of_ipv6_is_one_sender():
    assert Client("2001:db8::1").limit_key == Client("2001:db8::ffff").limit_key == "2001:db8::/64"
    assert Client("203.0.113.9").limit_key == "203.0.113.9"


@pytest.mark.parametrize(
    "header", ["X-Forwarded-For", "Forwarded", "X-Real-Ip", "X-Forwarded-Host", "X-Forwarded-Proto"]
)
async def test_forged_headers_change_nothing_by_default(header, start):
    port = await start(RATE_LIMIT_MAX_REQUESTS="2")
    async with await Connection.open(port) as connection:
        replies = [
            await connection.request("GET", "/nowhere", headers={header: f"203.0.113.{number}"}) for number in range(3)
        ]

    assert [reply.status for reply in replies] == [404, 404, 429]
